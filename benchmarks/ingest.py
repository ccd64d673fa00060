"""What reading a span into the store takes, dialect by dialect: `python -m benchmarks.ingest`.

The recorded spans of `tests/data/otlp`, copied with trace ids of their own, stand in a spool; the
worker's own ingest reads them into a SQLite store and completes their traces, and sampling decides
about their calls. Counted is the time of the processor of both, and in turns with them that of the
floor: each line is decoded by orjson, and its spans are inserted as they are into the same table of
such a store, nothing else. Variables: `SPANS` of a dialect in a round, `ROUNDS`, `ONLY`, the
beginning of a dialect's name, and `STORE`: `postgresql` reads them into a server of its own, whose
processor time is not counted, but is in the spans a second by the clock.
"""

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import orjson

from benchmarks.fleet.server import durable_server
from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from tests.support import written_spans
from tests.support.otlp_json import spans_to_otlp
from tests.support.postgres_server import OwnPostgresServer

SPANS, ROUNDS = (int(os.environ.get(n, d)) for n, d in (("SPANS", "3000"), ("ROUNDS", "5")))
ONLY = os.environ.get("ONLY", "")
RECORDED = Path(__file__).parents[1] / "tests" / "data" / "otlp"
DIALECTS = {
    "gen_ai": "opentelemetry-instrumentation-genai-openai-1.3b0.span_only",
    "openinference": "openinference-instrumentation-openai-0.1.66",
    "openinference, langchain": "openinference-instrumentation-langchain-0.1.80",
    "vercel": "ai-6.0.326",
    "langfuse": "langfuse-5.0.4.openai",
    "langfuse, langchain": "langfuse-5.0.4.langchain",
    "mlflow": "mlflow-3.17.2.openai",
    "mlflow, langchain": "mlflow-3.17.2.langchain",
    "langsmith": "langsmith-0.15.1.openai-only",
    "langsmith, langchain": "langsmith-0.15.1.langchain-only",
    "logfire": "logfire-5.4.0",
    "pydantic_ai": "pydantic-ai-slim-2.68.0",
    "traceloop": "opentelemetry-instrumentation-openai-0.62.4",
    "traceloop, old": "opentelemetry-instrumentation-openai-0.44.1",
}
WRITTEN = {"google_adk": written_spans.ADK, "openlit": written_spans.OPENLIT}


def requests() -> dict[str, list[bytes]]:
    """The recorded requests of each dialect."""
    found = {
        name: (RECORDED / f"{file}.jsonl").read_bytes().splitlines()
        for name, file in DIALECTS.items()
    }
    found |= {name: [_line([span])] for name, span in WRITTEN.items()}
    return {name: lines for name, lines in found.items() if name.startswith(ONLY)}


def _line(spans: Sequence[Span]) -> bytes:
    return json.dumps(spans_to_otlp(spans), separators=(",", ":")).encode()


def ids_of(line: bytes) -> list[str]:
    """The trace id of each span of a request."""
    return [
        span["traceId"]
        for block in json.loads(line)["resourceSpans"]
        for group in block["scopeSpans"]
        for span in group["spans"]
    ]


def spans_of(lines: Sequence[bytes]) -> int:
    """How many spans the requests hold."""
    return sum(len(ids_of(line)) for line in lines)


def copied(requests: Sequence[bytes], spans: int, first: int = 0) -> list[bytes]:
    """So many spans at least, each copy in traces of its own: numbered from `first` on."""
    of_lines = list(map(ids_of, requests))
    made = []
    for number in range(first, first + -(-spans // sum(map(len, of_lines)))):
        for line, ids in zip(requests, of_lines, strict=True):
            for one in set(ids):
                line = line.replace(one.encode(), f"{number + 1:08x}{one[8:]}".encode())
            made.append(line)
    return made


def floor(requests: Sequence[bytes], spans: int) -> float:
    """The seconds a span of the floor, into a store that is in use."""
    with in_use(None) as (store, _):
        data = b"\n".join(copied(requests, spans, 50))
        began = time.process_time()
        rows = [row for line in data.split(b"\n") for row in _raw_rows(line)]
        with store.database.write() as connection:
            connection.exec_driver_sql(RAW, rows)
        return (time.process_time() - began) / len(rows)


RAW = "INSERT INTO spans (trace_id, span_id, start_ns, body) VALUES (?, ?, ?, ?)"


def _raw_rows(line: bytes) -> Iterator[tuple[str, str, int, bytes]]:
    """A row for each span of a line, which stands whole in the first."""
    for block in orjson.loads(line)["resourceSpans"]:
        for group in block["scopeSpans"]:
            for span in group["spans"]:
                yield span["traceId"], span["spanId"], int(span["startTimeUnixNano"]), line
                line = b""


@contextmanager
def in_use(shared: OwnPostgresServer | None) -> Iterator[tuple[Store, Settings]]:
    """A store of its own."""
    with tempfile.TemporaryDirectory() as home:
        url = None if shared is None else shared.new_database()
        settings = Settings(home=Path(home), store={"url": url})
        settings.spool.mkdir(parents=True, mode=0o700)
        with Store.open(settings) as store:
            yield store, settings


def ingest(
    requests: Sequence[bytes], spans: int, shared: OwnPostgresServer | None
) -> tuple[float, float, float]:
    """The seconds a span, of the processor and by the clock, that a store takes which is in use: it
    has read some before; and the processor's until its call is sampled or not."""
    with in_use(shared) as (store, settings):
        worker = Ingest(store, settings)
        for number, lines in enumerate((copied(requests, 50), copied(requests, spans, 50))):
            file = settings.spool / f"recorded-{number}.jsonl"
            file.write_bytes(b"".join(line + b"\n" for line in lines))
            file.chmod(0o600)
            began, at = time.process_time(), time.perf_counter()
            read = worker.run().spans
            took, passed = time.process_time() - began, time.perf_counter() - at
            sample(store, settings)
            decided = time.process_time() - began - took
    return took / read, passed / read, decided / read


def rounds(number: int, spans: int, shared: OwnPostgresServer | None = None) -> "Times":
    """The seconds a span in rounds over all dialects, of each dialect: of ours by the processor,
    by the clock and for sampling, and of the floor."""
    took: Times = {}
    found = requests()
    for _ in range(number):
        for name, lines in found.items():
            times = *ingest(lines, spans, shared), floor(lines, spans)
            took.setdefault(name, []).append(times)
    return took


Times = dict[str, list[tuple[float, float, float, float]]]


def _medians(times: Sequence[tuple[float, ...]]) -> list[float]:
    return [statistics.median(column) for column in zip(*times, strict=True)]


def rows() -> dict[str, tuple[float, float | None]]:
    """For the table of the limit: spans per second of the processor beside those of the floor."""
    took = {name: _medians(times) for name, times in rounds(3, 3000).items()}
    slowest = max(took, key=lambda name: took[name][0])
    furthest = max(took, key=lambda name: took[name][0] / took[name][3])
    ours, _, _, theirs = took[furthest]
    return {
        "ingest, gen_ai": (1 / took["gen_ai"][0], 1 / took["gen_ai"][3]),
        "ingest, slowest dialect": (1 / took[slowest][0], 1 / took[slowest][3]),
        "ingest, dialect furthest from the floor": (ours * 1e6, theirs * 1e6),
    }


def main() -> None:
    """Rounds over all dialects; a table of the medians, and of the lowest and highest quotient."""
    of_its_own = os.environ.get("STORE") == "postgresql"
    with closing(durable_server()) if of_its_own else nullcontext() as shared:
        took = rounds(ROUNDS, SPANS, shared)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load}\n")
    print(
        "| | bytes a span | CPU µs a span | spans per CPU s | spans/s | floor, µs | × floor | "
        "sampling, CPU µs |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    found = requests()
    for name, times in took.items():
        ours, passed, sampling, theirs = _medians(times)
        ratios = sorted(one / other for one, _, _, other in times)
        size = sum(map(len, found[name])) // spans_of(found[name])
        cells = f"{size:,} | {ours * 1e6:.0f} | {1 / ours:,.0f} | {1 / passed:,.0f} | "
        cells += f"{theirs * 1e6:.0f} | "
        cells += f"{statistics.median(ratios):.1f} ({ratios[0]:.1f}–{ratios[-1]:.1f}) | "
        cells += f"{sampling * 1e6:.0f}"
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
