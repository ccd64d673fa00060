"""A receiver that is killed under load at random moments, as a seed decides.

Senders do as an exporter does: what was not answered with 200 is sent again. Afterwards a worker
reads the spool. By hand: `python -m tests.support.killed_receiver --seeds 50`.
"""

import contextlib
import gzip
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from smile_trace.settings import Settings
from tests.support import killed
from tests.support.otlp_requests import request_of
from tests.support.receiver_process import JSON, PROTOBUF, Receiver, post

SENDERS = 6
CALLS = 40
"""Calls of a request, each a trace of its own."""


@dataclass
class Outcome(killed.Outcome):
    """What the senders saw, and what the store holds of it.

    `answered` and `unanswered` are numbers of calls; `again` is how often a request was sent again.
    """

    again: int = 0
    answered: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    torn: int = 0

    @property
    def lost(self) -> set[int]:
        """Calls that were answered with 200 and are not in the store."""
        return self.answered - self.kept.keys()

    @property
    def good(self) -> bool:
        """Whether what was answered is in the store, and all of it once."""
        return bool(self.answered) and not (self.lost or self.twice)

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
    calls = outcome.answered | outcome.unanswered
    outcome.torn = killed.read_spool(Settings(home=home), calls, outcome)
    return outcome


def _counted(outcomes: Sequence[Outcome]) -> str:
    answered = sum(len(one.answered) for one in outcomes)
    return f"{answered} calls answered, {sum(one.again for one in outcomes)} requests sent again"


if __name__ == "__main__":
    sys.exit(killed.run_seeds(__doc__, lambda seed, folder: run(seed, folder / "home"), _counted))
