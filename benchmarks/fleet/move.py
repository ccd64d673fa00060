"""`make bench-move`: what it takes to move a store to PostgreSQL, at two sizes of it.

A home's store is filled by the worker's own reading and sampling; `smile-trace store copy --to URL`
moves it, and compares the rows. The peak memory is that of its process.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet.server import conditions
from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from tests.support.peak_memory import peak_megabytes
from tests.support.postgres_server import OwnPostgresServer, programs
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import PROMPT, planted_answer

BLOCK = 1000
"""Traces in one file of the spool."""


def planted_span(number: int) -> Span:
    """A call that can be explained; no two have a word in common."""
    prompt = " ".join(f"{word}{number}" for word in PROMPT.split())
    return call_span(
        number, prompt=prompt, answer=planted_answer(prompt), **{"gen_ai.request.temperature": 0.0}
    )


def fill(settings: Settings, traces: int) -> None:
    """Read so many traces into the store of a home."""
    for first in range(1, traces + 1, BLOCK):
        numbers = range(first, min(first + BLOCK, traces + 1))
        write_spool(settings.spool, map(planted_span, numbers), f"{first}.jsonl")
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        sample(store, settings)


def move(home: Path, url: str) -> tuple[float, float, str]:
    """Seconds, the most memory in MiB, and what the command said."""
    began, most = time.monotonic(), 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "smile_trace", "store", "copy", "--to", url],
        env={**os.environ, "SMILE_TRACE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while process.poll() is None:
        with suppress(OSError):
            most = max(most, peak_megabytes(process.pid))
        time.sleep(0.05)
    said, _ = process.communicate()
    assert not process.returncode, said
    return time.monotonic() - began, most, said.partition(";")[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench-move")
    parser.add_argument("--traces", type=int, nargs="+", default=[10_000, 100_000])
    wanted = parser.parse_args()
    with closing(OwnPostgresServer(programs())) as server:
        print(f"{conditions(server)}\n\n| traces | s | MiB | |\n|--:|--:|--:|---|")
        for traces in wanted.traces:
            with TemporaryDirectory() as folder:
                home = Path(folder, "home")
                fill(Settings(home=home), traces)
                seconds, megabytes, said = move(home, server.new_database())
            print(f"| {traces:,} | {seconds:.0f} | {megabytes:.0f} | {said} |", flush=True)


if __name__ == "__main__":
    main()
