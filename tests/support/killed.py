"""What runs share in which processes are killed at random moments, as a seed decides."""

import argparse
import collections
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.spooled import trace_id


@dataclass
class Outcome:
    """What a run left: how often something died, and how often each call, by its number, is in the
    store."""

    seed: int
    kills: int = 0
    kept: collections.Counter[int] = field(default_factory=collections.Counter)

    @property
    def twice(self) -> set[int]:
        """Calls that are in the store more than once."""
        return {number for number, times in self.kept.items() if times > 1}

    @property
    def good(self) -> bool:
        """Whether everything is in the store that should be, once."""
        raise NotImplementedError

    @property
    def line(self) -> str:
        """A line of the table."""
        raise NotImplementedError


def read_spool(settings: Settings, calls: Iterable[int], outcome: Outcome) -> int:
    """Let a worker read its spool, and count the calls in its store; how many lines were torn."""
    numbers = {trace_id(number): number for number in calls}
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        with store.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT trace_id FROM calls").all()
        outcome.kept.update(numbers[row[0]] for row in rows)
        return store.status().corrupt_lines


Ran = TypeVar("Ran", bound=Outcome)


def run_seeds(
    description: str | None,
    run: Callable[[int, Path], Ran],
    counted: Callable[[Sequence[Ran]], str],
) -> int:
    """`--seeds N --first K`: run them, print a line each and what they come to; the exit code.

    Args:
        description: of the command.
        run: one seed, in an empty folder.
        counted: what all of them come to, in words.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    outcomes: list[Ran] = []
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(run(seed, Path(folder)))
        print(outcomes[-1].line, flush=True)
    failed = [one.seed for one in outcomes if not one.good]
    kills = sum(one.kills for one in outcomes)
    print(f"{len(outcomes)} seeds, {kills} kills, {counted(outcomes)}; failed: {failed or 'none'}")
    return 1 if failed else 0
