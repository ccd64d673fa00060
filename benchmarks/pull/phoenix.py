"""Traces that stand in Phoenix, read by a worker that is killed meanwhile: nothing twice.

A call that OpenInference's instrumentor of the OpenAI client was recorded to write is copied with
other ids, prompts and times (yesterday's) into a real Phoenix; then `smile-trace worker --once` is
started, killed with -9 and started again, until everything is explained. Before the last run some
traces that are in the store are deleted in Phoenix.

    python -m benchmarks.pull.phoenix --traces 2000 --kills 3
"""

import argparse
import json
import random
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.pull.worker import counted, start_worker, store_of
from smile_trace.demo import trackers as phoenix
from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line, spans_to_otlp
from tests.support.otlp_requests import to_protobuf
from tests.support.paths import ROOT
from tests.support.strict_openai import StrictServer, strict

WORD, PLACE = "Eiffel", "pulled"
QUESTION = f"The {WORD} Tower is here, number 000000. Where are we?"
RECORDED = ROOT / "tests/data/otlp/openinference-instrumentation-openai-0.1.66.jsonl"
REPLACED = {
    "How long is the warranty of my kettle?": QUESTION,
    "The warranty of your kettle lasts 24 months.": "In Paris.",
    "gpt-4o-mini-2024-07-18": "planted",
    "gpt-4o-mini": "planted",
    '\\"temperature\\": 0.2': '\\"temperature\\": 0',
}
"""What is recorded, and what stands in its place."""
BATCH = 400


def main() -> None:
    """Write, read, kill, delete, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--shortest", type=float, default=14, help="seconds before a kill, at least"
    )
    parser.add_argument("--deleted", type=int, default=2, help="traces deleted before the last run")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pull-"))
    server = Phoenix(folder)
    try:
        with strict(_answer) as model:
            _run(folder, server, model, given)
    finally:
        server.stop()


class Phoenix(phoenix.Phoenix):
    """A real Phoenix server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.wait()
        self._client = httpx.Client(base_url=self.url, timeout=120)

    def write(self, count: int) -> None:
        """So many traces, and all of them can be read."""
        span = _recorded()
        resource = {"openinference.project.name": PLACE}
        start = time.time_ns() - 86_400 * 10**9
        for first in range(0, count, BATCH):
            copies = [
                _copy(span, n, start).model_copy(update={"resource": resource, "parent_id": None})
                for n in range(first, min(first + BATCH, count))
            ]
            self._client.post(
                "/v1/traces",
                content=to_protobuf(spans_to_otlp(copies)),
                headers={"Content-Type": "application/x-protobuf"},
            ).raise_for_status()
        while sum(1 for _ in self._traces()) < count:
            time.sleep(5)

    def delete(self, trace_ids: Sequence[str]) -> None:
        """Delete traces as a person does."""
        for trace_id in trace_ids:
            self._client.delete(f"/v1/traces/{trace_id}").raise_for_status()

    def heatmaps(self) -> Counter[str]:
        """How many explanations stand in a trace."""
        found: Counter[str] = Counter()
        wanted = {"attribute": "smile_trace.kind:explanation"}
        for span in self._listed("spans", wanted):
            found[span["context"]["trace_id"]] += 1
        return found

    def _traces(self) -> Iterator[Any]:
        return self._listed("traces", {})

    def _listed(self, what: str, wanted: dict[str, str]) -> Iterator[Any]:
        cursor: dict[str, str] = {}
        while True:
            params = {**wanted, **cursor, "limit": "1000"}
            reply = self._client.get(f"/v1/projects/{PLACE}/{what}", params=params)
            if reply.status_code == 404:  # nothing has been written yet
                return
            page = reply.raise_for_status().json()
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}


def _run(folder: Path, server: Phoenix, model: StrictServer, given: Any) -> None:
    began = time.monotonic()
    server.write(given.traces)
    print(f"{given.traces} traces written in {time.monotonic() - began:.0f} s", flush=True)
    asked = len(model.bodies)
    (folder / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
        "[sampling]\nrate = 0.01\n[budget]\ncalls_per_explanation = 12\ncalls_per_day = 100000\n"
        f'usd_per_day = "none"\n[sources.phoenix]\nprojects = ["{PLACE}"]\n'
        f'[trackers.phoenix]\nurl = "{server.url}"\n'
    )
    chance = random.Random(given.seed)
    began = time.monotonic()
    for _ in range(given.kills):
        worker = start_worker(folder)
        time.sleep(chance.uniform(given.shortest, 5 * given.shortest))
        worker.kill()
        worker.wait()
        print("killed:", *counted(folder), flush=True)
    deleted = _undelivered(folder)[: given.deleted]
    server.delete(deleted)
    worker = start_worker(folder)
    assert worker.wait() == 0, (folder / "worker.log").read_text()[-3000:]
    print(f"read and explained in {time.monotonic() - began:.0f} s with {given.kills} kills")
    print("at the end:", *counted(folder))
    store = store_of(folder)
    now = store.status()
    store.close()
    heatmaps = server.heatmaps()
    print(
        f"explained {now.explained}, failed {now.failed}, deleted meanwhile {len(deleted)}, "
        f"refused {[(r.code, r.count) for t in now.trackers for r in t.refused]}"
    )
    print(
        f"heatmaps {sum(heatmaps.values())} in {len(heatmaps)} traces, most in one "
        f"{max(heatmaps.values(), default=0)}"
    )
    print(f"requests to the model {len(model.bodies) - asked}, refused {len(model.refused)}")


def _undelivered(folder: Path) -> list[str]:
    """The ids of traces that were read and not yet shown."""
    store = store_of(folder)
    try:
        return [job.partition(":")[0] for job in store.traces.find_calls("")][::-1]
    finally:
        store.close()


def _answer(body: dict[str, Any]) -> str:
    return "In Paris." if WORD in json.dumps(body["messages"]) else "I cannot know that."


def _recorded() -> Span:
    """A call as OpenInference's instrumentor of the OpenAI client wrote it, about the tower."""
    text = RECORDED.read_text().splitlines()[0]
    for recorded, wanted in REPLACED.items():
        text = text.replace(recorded, wanted)
    return next(s for s in spans_from_line(text.encode()) if "llm.model_name" in s.attributes)


def _copy(span: Span, number: int, start: int) -> Span:
    at = start + number * 5_000_000  # two hundred a second
    attributes = {
        name: value.replace("000000", f"{number:06}") if isinstance(value, str) else value
        for name, value in span.attributes.items()
    }
    update = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8)}
    times = {"start_ns": at, "end_ns": at + span.end_ns - span.start_ns}
    return span.model_copy(update={**update, **times, "attributes": attributes})


if __name__ == "__main__":
    main()
