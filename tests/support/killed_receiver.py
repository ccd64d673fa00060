"""A receiver that is killed under load at random moments, as a seed decides.

Senders do as an exporter does: what was not answered with 200 is sent again. Afterwards a worker
reads the spool. By hand: `python -m tests.support.killed_receiver --seeds 50`.
"""

import argparse
import collections
import contextlib
import gzip
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.otlp_requests import request_of
from tests.support.receiver_process import JSON, PROTOBUF, Receiver, post
from tests.support.spooled import trace_id

SENDERS = 6
CALLS = 40
"""Calls of a request, each a trace of its own."""


@dataclass
class Outcome:
    """What the senders saw, and what the store holds of it.

    `answered` and `unanswered` are numbers of calls; `kills` how often the receiver died, `again`
    how often a request was sent again.
    """

    seed: int
    kills: int = 0
    again: int = 0
    answered: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    kept: collections.Counter[int] = field(default_factory=collections.Counter)
    torn: int = 0

    @property
    def lost(self) -> set[int]:
        """Calls that were answered with 200 and are not in the store."""
        return self.answered - self.kept.keys()

    @property
    def twice(self) -> set[int]:
        """Calls that are in the store more than once."""
        return {number for number, times in self.kept.items() if times > 1}

    @property
    def line(self) -> str:
        """A line of the table."""
        return (
            f"seed {self.seed}: {self.kills} kills, {len(self.answered)} calls answered, "
            f"{self.again} requests sent again, {self.torn} torn lines, "
            f"{len(self.lost)} lost, {len(self.twice)} twice"
        )


class _Load:
    """Senders that send until they are told to stop."""

    def __init__(self, receiver: Receiver, outcome: Outcome) -> None:
        self._receiver = receiver
        self._outcome = outcome
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End: what has no answer yet gets none."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, sender: int) -> None:
        number = 1 + sender * 1_000_000
        while not self._stop.is_set():
            calls = set(range(number, number + CALLS))
            number += CALLS
            form, headers = (("protobuf", PROTOBUF), ("json", JSON))[sender % 2]
            body, packed = request_of(*sorted(calls), form=form), dict(headers)
            if sender % 3 == 0:
                body, packed["Content-Encoding"] = gzip.compress(body, 1), "gzip"
            while True:
                status = 0
                with contextlib.suppress(OSError, HTTPException):
                    status = post(self._receiver.traces, body, packed).status
                with self._lock:
                    if status == 200:
                        self._outcome.answered |= calls
                        break
                    self._outcome.again += 1
                    if self._stop.is_set():
                        self._outcome.unanswered |= calls
                        break
                time.sleep(0.02)


def run(seed: int, home: Path) -> Outcome:
    """Kill a receiver one to three times under load, then read what is there."""
    chance = random.Random(seed)
    outcome = Outcome(seed)
    receiver = Receiver(home)
    try:
        receiver.start()
        load = _Load(receiver, outcome)
        try:
            for _ in range(chance.randint(1, 3)):
                time.sleep(chance.uniform(0.05, 1.0))
                receiver.kill()
                outcome.kills += 1
                receiver.start()
            time.sleep(chance.uniform(0.0, 0.3))
            receiver.kill()
            outcome.kills += 1
        finally:
            load.stop()
    finally:
        receiver.close()
    _read(home, outcome)
    return outcome


def _read(home: Path, outcome: Outcome) -> None:
    """What a worker makes of the spool, counted by call."""
    numbers = {trace_id(n): n for n in outcome.answered | outcome.unanswered}
    settings = Settings(home=home)
    store = Store.open(settings)
    try:
        Ingest(store, settings).run()
        outcome.torn = store.status().corrupt_lines
        with store.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT trace_id FROM calls").all()
        outcome.kept.update(numbers[row[0]] for row in rows)
    finally:
        store.close()


def main() -> int:
    """Run seeds and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    outcomes = []
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(run(seed, Path(folder) / "home"))
        print(outcomes[-1].line, flush=True)
    failed = [one.seed for one in outcomes if one.lost or one.twice or not one.answered]
    print(
        f"{len(outcomes)} seeds, {sum(one.kills for one in outcomes)} kills, "
        f"{sum(len(one.answered) for one in outcomes)} calls answered, "
        f"{sum(one.again for one in outcomes)} requests sent again; failed: {failed or 'none'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
