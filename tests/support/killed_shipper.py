"""Shippers and receivers that are killed at random moments, as a seed decides.

Application hosts, each with processes that write calls into its spool, and a shipper. Two
receivers, with a balancer in front that gives each connection to one of them, also to one that is
not there. All of them are killed with `kill -9` and started again while the hosts write.
Afterwards everything is sent, and a worker reads what the receivers hold. By hand:
`python -m tests.support.killed_shipper --seeds 50`.
"""

import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.spool import Spool
from tests.support import killed
from tests.support.balancer import Balancer
from tests.support.receiver_process import Receiver
from tests.support.shipper_process import ShipperProcess
from tests.support.spooled import call_span, line

HOSTS = 2
RECEIVERS = 2
FILE_BYTES = 100_000


@dataclass
class Outcome(killed.Outcome):
    """What the hosts wrote, and what the store holds of it: numbers of calls."""

    written: set[int] = field(default_factory=set)
    received: int = 0
    refused: int = 0
    left: int = 0

    @property
    def lost(self) -> set[int]:
        """Calls that were captured and are not in the store."""
        return self.written - self.kept.keys()

    @property
    def good(self) -> bool:
        """Whether everything is in the store once, and nowhere else any more."""
        return bool(self.written) and not (self.lost or self.twice or self.refused or self.left)

    @property
    def line(self) -> str:
        """A line of the table."""
        return (
            f"seed {self.seed}: {self.kills} kills, {len(self.written)} calls written, "
            f"{self.received - len(self.written)} sent again, {len(self.lost)} lost, "
            f"{len(self.twice)} twice, {self.refused} refused, {self.left} lines left"
        )


class _Applications:
    """A thread per host that captures calls until it is told to stop."""

    def __init__(self, homes: Sequence[Path], outcome: Outcome) -> None:
        self._outcome = outcome
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number, home))
            for number, home in enumerate(homes)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them; their files are closed."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, host: int, home: Path) -> None:
        spool = Spool(home / "spool", file_limit=FILE_BYTES, spool_limit=2**30)
        number = 1 + host * 1_000_000
        while not self._stop.wait(0.002):
            if spool.write(line(call_span(number)).rstrip()):
                self._outcome.written.add(number)
            number += 1
        spool.close()


def run(seed: int, folder: Path) -> Outcome:
    """Kill shippers and receivers three to six times under load, then send and read all."""
    chance = random.Random(seed)
    outcome = Outcome(seed)
    receivers = [Receiver(folder / f"receiver{n}") for n in range(RECEIVERS)]
    homes = [folder / f"host{n}" for n in range(HOSTS)]
    with Balancer([receiver.port for receiver in receivers], chance) as balancer:
        shippers = [ShipperProcess(home, balancer.url, timeout_seconds="5") for home in homes]
        everybody: list[Receiver | ShipperProcess] = [*receivers, *shippers]
        try:
            for one in everybody:
                one.start()
            applications = _Applications(homes, outcome)
            try:
                for _ in range(chance.randint(3, 6)):
                    time.sleep(chance.uniform(0.05, 0.7))
                    victim = chance.choice(everybody)
                    victim.kill()
                    outcome.kills += 1
                    time.sleep(chance.uniform(0.0, 0.3))
                    victim.start()
            finally:
                applications.stop()
            for shipper in shippers:
                shipper.kill()
                outcome.kills += 1
                shipper.start("--once")
                assert shipper.join() == 0, shipper.said()
        finally:
            for one in everybody:
                one.close()
    outcome.left = sum(len(shipper.spooled()) for shipper in shippers)
    outcome.refused = sum((home / "refused.jsonl").exists() for home in homes)
    _read(folder, receivers, outcome)
    return outcome


def _read(folder: Path, receivers: Sequence[Receiver], outcome: Outcome) -> None:
    """What one worker makes of the spools of all receivers, counted by call."""
    settings = Settings(home=folder / "worker")
    for made in (settings.home, settings.spool):
        made.mkdir(mode=0o700)
    for number, receiver in enumerate(receivers):
        outcome.received += sum(one.count(b'"traceId"') for one in receiver.spooled())
        for file in (receiver.home / "spool").glob("*.jsonl"):
            file.rename(settings.spool / f"{file.stem}-{number}.jsonl")
    killed.read_spool(settings, outcome.written, outcome)


def _counted(outcomes: Sequence[Outcome]) -> str:
    written = sum(len(one.written) for one in outcomes)
    again = sum(one.received - len(one.written) for one in outcomes)
    return f"{written} calls written, {again} sent again"


if __name__ == "__main__":
    sys.exit(killed.run_seeds(__doc__, run, _counted))
