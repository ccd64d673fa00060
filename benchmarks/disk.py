"""`python -m benchmarks.disk`: what a captured call takes in the store, beside its spool line.

Calls of four shapes are captured by the decorator, each with other texts: sentences of our pages,
within a half of the size that the shape says. In rounds, the worker's ingest reads them and
sampling decides about them; counted is what the database has grown by since the first round, with
its indexes: SQLite's file without free pages, and PostgreSQL's tables, where after each round
VACUUM frees what was written anew, as the server itself does when a fifth of a table is. The
processor time is that of ingest, without the server's.
"""

import multiprocessing
import random
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import smile_trace
from benchmarks.fleet.server import conditions, durable_server
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from tests.support.postgres_server import OwnPostgresServer

ROUNDS, CALLS = 5, 400
PAGES = Path(__file__).parents[1] / "docs"
DOCUMENTS = "a chat with 5 documents"
SHAPES = {"240 B": 240, "2 KB": 2_000, "10 KB": 10_000, DOCUMENTS: 900}
"""The size of a prompt, or of a document."""
MODEL = {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}
"""Calls of it can be explained, and are not sampled."""


class Disk(NamedTuple):
    """Bytes of a call's spool line, bytes that a store grew by, milliseconds of reading it."""

    line: float
    stored: float
    milliseconds: float


class _Texts:
    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._sentences = self._shuffled()

    def of(self, size: int) -> str:
        size = round(size * self._draw.uniform(0.5, 1.5))
        held = next(self._sentences)
        while len(held) < size:
            held += " " + next(self._sentences)
        return held[:size]

    def messages(self, shape: str) -> list[dict[str, str]]:
        if shape != DOCUMENTS:
            return [{"role": "user", "content": self.of(SHAPES[shape])}]
        found = "\n\n".join(f"[{number}] {self.of(SHAPES[shape])}" for number in range(1, 6))
        return [
            {"role": "system", "content": "Answer from the documents, and name the one you use."},
            {"role": "user", "content": self.of(120)},
            {"role": "assistant", "content": self.of(300)},
            {"role": "user", "content": f"{found}\n\nQuestion: {self.of(120)}"},
        ]

    def _shuffled(self) -> Iterator[str]:
        pages = "\n".join(page.read_text() for page in sorted(PAGES.glob("*.md")))
        sentences = sorted(set(re.findall(r"[A-Z][^.|\n]{30,300}\.(?= )", pages)))
        while True:
            self._draw.shuffle(sentences)
            yield from sentences


def _capture(home: str, shape: str, seed: int) -> None:
    smile_trace.configure(home=home)
    texts = _Texts(seed)

    @smile_trace.trace
    def answer(messages: list[dict[str, str]]) -> str:
        said = texts.of(400)
        request: dict[str, Any] = {"model": "m", "temperature": 0, "messages": messages}
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 60}
        response = {"id": "c", "model": "m", "choices": [choice], "usage": usage}
        smile_trace.record(parameters=request, response=response)
        return said

    for _ in range(CALLS):
        answer(texts.messages(shape))


def disk(shape: str, server: OwnPostgresServer | None) -> Disk:
    """What calls of a shape take, on a server or in a file."""
    spawn = multiprocessing.get_context("spawn")
    url = None if server is None else server.new_database()
    found = list[Disk]()
    with TemporaryDirectory() as home:
        settings = Settings(home=Path(home), store={"url": url}, models={"m": MODEL})
        with Store.open(settings) as store:
            for seed in range(ROUNDS):
                before = store.database.used_bytes()
                capturing = spawn.Process(target=_capture, args=(home, shape, seed))
                capturing.start()
                capturing.join()
                lines = sum(file.stat().st_size for file in settings.spool.glob("*.jsonl"))
                began = time.process_time()
                Ingest(store, settings).run()
                took = time.process_time() - began
                sample(store, settings)
                if server is not None and url is not None:
                    server.execute("VACUUM", url.rpartition("/")[2])
                grown = store.database.used_bytes() - before
                found.append(Disk(lines / CALLS, grown / CALLS, 1e3 * took / CALLS))
            assert store.status().captured == ROUNDS * CALLS
    return Disk(*map(fmean, zip(*found[1:], strict=True)))


def rows() -> dict[str, tuple[float, float]]:
    """Those of the table of limits."""
    found = {}
    with closing(durable_server()) as server:
        for name, there in (("SQLite", None), ("PostgreSQL", server)):
            for shape in SHAPES:
                taken = disk(shape, there)
                found[f"disk of a call, {shape}, {name}"] = taken.stored, taken.line
    return found


def main() -> None:
    """Print the table."""
    with closing(durable_server()) as server:
        print(conditions(server))
        print("\n| prompt | spool line | SQLite | PostgreSQL | ms a call |\n|---|--:|--:|--:|--:|")
        for shape in SHAPES:
            line, in_file, took = disk(shape, None)
            shared_line, shared, _ = disk(shape, server)
            print(
                f"| {shape} | {line:,.0f} B | {in_file / line:.2f} × | "
                f"{shared / shared_line:.2f} × | {took:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
