"""`make bench-move`: a store with work in flight moved to PostgreSQL, and restored.

A home's store is filled by the worker's own reading and sampling, its worker explains, delivers,
and is killed in the middle. `smile-trace store copy --to URL` moves it: the counts of every table,
the status and the bytes of `smile-trace store export` have to be the same there. A worker goes on;
while it explains, `pg_dump` makes a backup, and the worker is killed. The backup is restored into
an empty database as docs/operating.md says, and a worker ends what was left. Then every sampled
call has to be explained once, and the spend recorded has to cover what the model was asked.

The move's peak memory is that of its process, at two sizes of the store.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_lines
from smile_trace.store.queries.status import Status
from smile_trace.store.tables import metadata, workers
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from smile_trace.worker.status import read_home
from tests.support.peak_memory import peak_megabytes
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import OwnPostgresServer, programs
from tests.support.spooled import call_span, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import PROMPT, planted_answer, settings_tables, wait_for

EXPLAINED = 40
"""About so many of the calls are sampled."""
BLOCK = 1000
"""Traces in one file of the spool."""


class Books:
    """What the stores of one run hold, against what the model was asked.

    Attributes:
        wrong: what must not be.
    """

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def check(self, holds: bool, said: str) -> None:
        """Note a sentence unless it holds, and show it either way."""
        print(f"- {'' if holds else 'WRONG: '}{said}", flush=True)
        if not holds:
            self.wrong.append(said)


class Move:
    """A home, a model and a server of PostgreSQL.

    Args:
        folder: for all of it.
        server: the server.
        traces: how many are captured.
    """

    def __init__(self, folder: Path, server: OwnPostgresServer, traces: int) -> None:
        self._server, self._traces = server, traces
        self._model = PlantedProcess(folder / "model", planted_answer)
        self._tables = settings_tables(
            self._model.base_url,
            {
                "sampling": {"rate": EXPLAINED / traces, "minimum_per_prompt_version": 0},
                "worker": {"concurrent_explanations": 2},
            },
        )
        self._tables["models"]["planted"]["concurrency"] = 2
        self._folder = folder
        self._running: list[WorkerProcesses] = []

    def run(self, books: Books) -> None:
        """Fill, move, back up, restore and end; print what it came to."""
        home = self._settings("home")
        print(f"\n{self._traces:,} traces\n")
        self._fill(home)
        self._model.start()
        before = self._work_a_while(home, 5)
        url, empty = self._server.new_database(), self._server.new_database("template0")
        shared = self._settings("shared", url)
        self._move(home, url, books)
        _compare(home, shared, books)
        now = read_home(shared)
        books.check(now.running > 0, f"in flight at the move: {now.running}, {now.pending} wait")
        books.check(now.explained == before.explained, f"{now.explained} explained before")
        file = str(self._server.folder / "backup")
        self._work_a_while(
            shared,
            now.explained + 10,
            lambda: self._call("pg_dump", "--schema=smile_trace", "-Fc", "-f", file, url),
        )
        asked = self._model.asked
        self._call("pg_restore", "-d", empty, file)
        self._end(self._settings("restored", empty), asked, books)

    def close(self) -> None:
        """Kill what still runs."""
        for one in self._running:
            one.close()
        self._model.close()

    def _settings(self, name: str, url: str | None = None) -> Settings:
        tables = self._tables | ({} if url is None else {"store": {"url": url}})
        return Settings(home=self._folder / name, **tables)

    def _workers(self, settings: Settings) -> WorkerProcesses:
        settings.home.mkdir(mode=0o700, exist_ok=True)
        url = settings.store.url
        tables = self._tables | ({} if url is None else {"store": {"url": url}})
        self._running.append(WorkerProcesses(settings.home, tables))
        return self._running[-1]

    def _call(self, program: str, *arguments: str) -> None:
        began = time.monotonic()
        subprocess.run([program, *arguments], check=True)
        print(f"- {program}: {time.monotonic() - began:.0f} s", flush=True)

    def _fill(self, settings: Settings) -> None:
        for first in range(1, self._traces + 1, BLOCK):
            numbers = range(first, min(first + BLOCK, self._traces + 1))
            write_spool(settings.spool, map(planted_span, numbers), f"{first}.jsonl")
        with Store.open(settings) as store:
            Ingest(store, settings).run()
            sample(store, settings)

    def _work_a_while(
        self, settings: Settings, explained: int, meanwhile: Callable[[], None] = lambda: None
    ) -> Status:
        """Let a worker explain so many, and kill it while others are under way."""

        def enough() -> bool:
            now = read_home(settings)
            return now.explained >= explained and now.running > 0

        worker = self._workers(settings).start()
        wait_for(enough, 3600.0)
        meanwhile()
        worker.kill()
        worker.join()
        return read_home(settings)

    def _move(self, home: Settings, url: str, books: Books) -> None:
        began = time.monotonic()
        megabytes, said = _measured(home, "store", "copy", "--to", url)
        seconds = time.monotonic() - began
        books.check("rows copied, and compared" in said, said.strip())
        print(f"- moved in {seconds:.0f} s, peak memory {megabytes:.0f} MiB", flush=True)

    def _end(self, settings: Settings, asked: int, books: Books) -> None:
        """Let a worker end what the backup says is to be done."""
        restored = read_home(settings)
        books.check(restored.running > 0, f"in flight in the backup: {restored.running}")
        worker = self._workers(settings).start()
        wait_for(lambda: not (now := read_home(settings)).pending and not now.running, 3600.0)
        worker.kill()
        ended, more = read_home(settings), self._model.asked - asked
        since = ended.spent.calls - restored.spent.calls
        books.check(
            ended.explained == ended.sampled and not ended.failed,
            f"{ended.explained} of {ended.sampled} sampled calls explained, {ended.failed} failed",
        )
        books.check(ended.captured == self._traces, f"{ended.captured:,} calls captured")
        books.check(
            since >= more,
            f"after the restore {more} calls were asked, and {since} recorded as paid",
        )


def planted_span(number: int) -> Span:
    """A call that can be explained; no two have a word in common."""
    prompt = " ".join(f"{word}{number}" for word in PROMPT.split())
    return call_span(
        number, prompt=prompt, answer=planted_answer(prompt), **{"gen_ai.request.temperature": 0.0}
    )


def _compare(source: Settings, target: Settings, books: Books) -> None:
    """Counts of every table, the status, and what is exported."""
    one, other = Store.open(source), Store.open(target)
    try:
        counts = [_counts(store) for store in (one, other)]
        total = sum(counts[0].values())
        books.check(counts[0] == counts[1], f"{total:,} rows in {len(counts[0])} tables on both")
        books.check(one.status() == other.status(), "the status is the same")
        exports = [_hash(export_lines(store.database)) for store in (one, other)]
        books.check(exports[0] == exports[1], f"what is exported is the same ({exports[0][:16]})")
    finally:
        one.close()
        other.close()


def _counts(store: Store) -> dict[str, int]:
    tables = [table for table in metadata.sorted_tables if table is not workers]
    with store.database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def _hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _measured(settings: Settings, *command: str) -> tuple[float, str]:
    """The most memory of a command, in MiB, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smile_trace", *command],
        env={**os.environ, "SMILE_TRACE_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    most = 0.0
    while process.poll() is None:
        with suppress(OSError):
            most = max(most, peak_megabytes(process.pid))
        time.sleep(0.05)
    said, _ = process.communicate()
    return most, said


def main() -> int:
    """Move stores of these sizes; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="make bench-move")
    parser.add_argument("--traces", type=int, nargs="+", default=[10_000, 100_000])
    wanted = parser.parse_args()
    server, books = OwnPostgresServer(programs()), Books()
    try:
        [[version]] = server.execute("SHOW server_version")
        print(f"PostgreSQL {version}, {os.cpu_count()} cores\n")
        for traces in wanted.traces:
            with TemporaryDirectory() as folder:
                move = Move(Path(folder), server, traces)
                try:
                    move.run(books)
                finally:
                    move.close()
    finally:
        server.close()
    print(f"\n{len(books.wrong)} wrong")
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
