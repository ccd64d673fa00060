"""Fuzz every reader: `python -m tests.fuzz --minutes 60`; exits 1 where one lets anything escape.

The minutes are split over the readers, which run one after the other. Inputs that reach new code
are kept in `.fuzz/READER/corpus`, and the next run begins with them.
"""

import argparse
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.one_reader import READERS
from tests.fuzz.one_reader import fuzz as fuzz_here
from tests.support.paths import ROOT
from tests.support.readers.base import ForeignReader

FOLDER = ROOT / ".fuzz"
SHORTEST = 5
"""Seconds of a reader."""


@dataclass
class Run:
    """What the fuzzing of one reader gave."""

    name: str
    inputs: int
    seconds: float
    slowest: float
    kept: int
    findings: list[Path]

    @property
    def line(self) -> str:
        """A line of the table."""
        rate = self.inputs / max(self.seconds, 1e-9)
        return (
            f"{self.name:<20}{self.inputs:>12,}{rate:>12,.0f}{self.slowest:>12.2f}"
            f"{self.kept:>9,}{len(self.findings):>10}"
        )


HEAD = (
    f"{'reader':<20}{'inputs':>12}{'per second':>12}{'slowest, s':>12}{'corpus':>9}{'findings':>10}"
)


def fuzz(reader: ForeignReader, seconds: float) -> Run:
    """Fuzz one reader in processes of its own; one that is ended by an input is started again."""
    folder = FOLDER / reader.name.replace(" ", "-")
    state = folder / "state.json"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.txt").unlink(missing_ok=True)
    inputs, spent, slowest = 0, 0.0, 0.0
    end = time.monotonic() + seconds
    began = time.time()
    while (left := round(end - time.monotonic())) >= SHORTEST or not spent:
        state.unlink(missing_ok=True)
        ended = _in_a_child(reader, max(left, SHORTEST), folder)
        if not state.exists():
            raise SystemExit(f"{reader.name} could not be fuzzed: see {folder / 'log.txt'}")
        said = json.loads(state.read_text())
        inputs, spent = inputs + said["inputs"], spent + said["seconds"]
        slowest = max(slowest, said["slowest_seconds"])
        if not ended:
            break
    found = (folder / "findings").glob("*")
    findings = sorted(p for p in found if p.suffix != ".txt" and p.stat().st_mtime >= began)
    kept = sum(1 for _ in (folder / "corpus").iterdir())
    return Run(reader.name, inputs, spent, slowest, kept, findings)


def _in_a_child(reader: ForeignReader, seconds: int, folder: Path) -> int:
    """Fuzz in a fork, which has the instrumented modules already; gives its exit code."""
    child = os.fork()
    if not child:
        try:
            log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            fuzz_here(reader, seconds, folder)
        except BaseException:  # noqa: BLE001  whatever it is, the parent's code is not for it
            traceback.print_exc()
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """Run and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="for all readers together")
    parser.add_argument("--readers", default="", help="names by commas; by default all")
    given = parser.parse_args()
    wanted = [name.strip() for name in given.readers.split(",") if name.strip()]
    readers = [reader for reader in READERS if not wanted or reader.name in wanted]
    if unknown := set(wanted) - {reader.name for reader in readers}:
        parser.error(f"no such reader: {', '.join(sorted(unknown))}")
    print(HEAD, flush=True)
    runs = []
    for reader in readers:
        runs.append(fuzz(reader, given.minutes * 60 / len(readers)))
        print(runs[-1].line, flush=True)
    total = sum(run.inputs for run in runs)
    seconds = sum(run.seconds for run in runs)
    findings = [path for run in runs for path in run.findings]
    print(f"{total:,} inputs in {seconds / 60:.1f} minutes, {len(findings)} findings")
    for path in findings:
        print(f"  {path.relative_to(ROOT)}")
    if findings:
        print("Mend each, and move its input into tests/data/hostile (see the README there).")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
