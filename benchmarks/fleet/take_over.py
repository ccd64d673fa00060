"""`make bench-take-over`: how soon a lost worker's explanation goes on with another one.

Two workers share a PostgreSQL. The first one explains, and is killed (`kill -9`) or frozen in the
middle (SIGSTOP). A frozen one is thawed at a random moment: in every other case while the other
worker asks in its place, else wherever it falls. A model that counts takes a second for an answer.
Nothing in the workers is set faster than it is by default.

Measured is the time from the kill, or the stop, to the next request of a model for that
explanation. Checked is that no step was done twice: only texts that were in flight at that moment
are asked a second time, no explanation is stored or delivered twice, and a worker that was taken
for dead ends by itself.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from smile_trace.settings import Settings
from smile_trace.store import StoreUnavailable
from smile_trace.store.queries.status import Status
from smile_trace.worker.status import read_home
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import OwnPostgresServer, programs
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import capture, planted_answer, settings_tables, wait_for

CONCURRENCY, CALLS = 4, 40
"""Requests in flight at once, and of the whole explanation."""
THAWED_AFTER = (5.0, 35.0)
"""Seconds: a frozen worker is taken for dead some 30 s later."""
SETTLES = 3.0
"""Seconds that a request may be on its way, on a busy machine."""
LIMIT = 25.0
"""From a kill to the next request of a model, in seconds."""


class Taken(NamedTuple):
    """What one case came to.

    Attributes:
        seconds: to the next request; None where a thawed worker went on by itself.
        again: requests for texts that had been asked before.
        wrong: what must not be; empty where all is well.
    """

    seconds: float | None
    again: int
    wrong: list[str]


def slow_answer(prompt: str) -> str:
    """The planted answer, after a second."""
    time.sleep(1.0)
    return planted_answer(prompt)


class Case:
    """Two workers, of which the first one has an explanation under way."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._while_others_ask = seed % 2 == 0
        self._model = PlantedProcess(folder / "model", slow_answer)
        tables = settings_tables(
            self._model.base_url,
            {
                "store": {"url": url},
                "worker": {"concurrent_explanations": 1, "poll_seconds": 1.0},
                "budget": {"calls_per_explanation": CALLS},
            },
        )
        tables["models"]["planted"]["concurrency"] = CONCURRENCY
        (folder / "tracker").mkdir()
        homes = [Settings(home=folder / name, **tables) for name in ("lost", "other")]
        for settings in homes:
            settings.home.mkdir(mode=0o700)
            (settings.home / "tracker").symlink_to(folder / "tracker")  # one, as a real one is
        self._settings = homes[0]
        self._lost, self._other = (WorkerProcesses(one.home, tables) for one in homes)

    def run(self, frozen: bool) -> Taken:
        """Lose the first worker, and see what the other one does."""
        self._model.start()
        process = self._lost.start()
        wait_for(lambda: self._status().workers)
        capture(self._settings, 1)
        wait_for(lambda: self._status().running)
        self._other.start()
        wait_for(lambda: len(self._status().workers) == 2 and self._model.asked)
        more = self._chance.randrange(CALLS // 2)
        wait_for(lambda: self._model.asked > more)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP if frozen else signal.SIGKILL)
        began = time.monotonic()
        before = self._settled()
        if not frozen:
            process.join()
            seconds = self._next_request(before, began, 120.0)
        elif self._while_others_ask:
            seconds = self._next_request(before, began, 120.0)
            time.sleep(self._chance.uniform(0.0, 3.0))
            os.kill(process.pid, signal.SIGCONT)
        else:
            seconds = self._next_request(before, began, self._chance.uniform(*THAWED_AFTER))
            os.kill(process.pid, signal.SIGCONT)
        wait_for(lambda: self._status().explained + self._status().failed)
        time.sleep(6.0)  # a thawed worker hears by its next sign of life that it is struck off
        struck_off = "is dead: its" in self._other.log()
        wrong = self._wrong(before)
        if struck_off and process.is_alive():
            wrong.append("a worker that was struck off goes on")
        return Taken(seconds if struck_off else None, self._again(), wrong)

    def close(self) -> None:
        """Kill what still runs."""
        for workers in (self._lost, self._other):
            workers.close()
        self._model.close()

    def _status(self) -> Status:
        while True:
            with suppress(StoreUnavailable):  # no connection in time, on a busy machine
                return read_home(self._settings)

    def _settled(self) -> int:
        """The number of requests, once those on their way have arrived: no other worker can ask
        so soon."""
        time.sleep(SETTLES)
        return self._model.asked

    def _next_request(self, before: int, began: float, most: float) -> float | None:
        while time.monotonic() - began < most:
            if self._model.asked > before:
                return time.monotonic() - began
            time.sleep(0.01)
        return None

    def _again(self) -> int:
        texts = Counter(request.text for request in self._model.requests())
        return sum(count - 1 for count in texts.values())

    def _wrong(self, before: int) -> list[str]:
        now, texts = self._status(), [request.text for request in self._model.requests()]
        in_flight, asked = set(texts[:before][-CONCURRENCY:]), Counter(texts)
        twice = {text for text, count in asked.items() if count > 1}
        [tracker] = now.trackers
        checks = {
            f"{now.explained} explained, {now.failed} failed": now.explained == 1,
            f"{tracker.explanations} delivered": tracker.explanations == 1,
            f"{len(twice - in_flight)} texts asked again": twice <= in_flight,
            f"a text asked {max(asked.values())} times": max(asked.values()) <= 2,
            f"{now.spent.calls} calls paid, {len(texts)} asked": now.spent.calls >= len(texts),
        }
        return [said for said, holds in checks.items() if not holds]


def main() -> int:
    """Print both tables; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(prog="make bench-take-over")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--beside", type=int, default=3, help="cases at once")
    wanted = parser.parse_args()
    server = OwnPostgresServer(programs())
    try:
        [[version]] = server.execute("SHOW server_version")
        print(f"PostgreSQL {version}, {os.cpu_count()} cores, {wanted.beside} cases at once\n")
        print(
            "| worker | cases | s to the next request: least, median, most | asked again | wrong |"
        )
        print("|---|--:|--:|--:|---|")
        missed = 0
        for frozen in (False, True):
            urls = [server.new_database() for _ in range(wanted.cases)]
            with ThreadPoolExecutor(wanted.beside) as pool:
                taken = list(pool.map(_one, range(wanted.cases), urls, [frozen] * wanted.cases))
            missed += _print(frozen, taken)
    finally:
        server.close()
    return 1 if missed else 0


def _one(seed: int, url: str, frozen: bool) -> Taken:
    with TemporaryDirectory() as folder:
        case = Case(Path(folder), url, seed)
        try:
            taken = case.run(frozen)
        except Exception as error:  # noqa: BLE001 - whatever one case does, the others follow
            taken = Taken(None, 0, [f"{type(error).__name__}: {error}"])
        finally:
            case.close()
    print(seed, "frozen" if frozen else "killed", taken, file=sys.stderr, flush=True)
    return taken


def _print(frozen: bool, taken: Sequence[Taken]) -> int:
    """A line of the table; how many cases missed a limit."""
    seconds = sorted(one.seconds for one in taken if one.seconds is not None)
    wrong = [said for one in taken for said in one.wrong]
    if not frozen:
        wrong += [f"after {one:.1f} s" for one in seconds if one > LIMIT]
        wrong += ["not taken over"] * (len(taken) - len(seconds))
    middle = seconds[len(seconds) // 2] if seconds else float("nan")
    between = f"{seconds[0]:.1f} to {seconds[-1]:.1f}, median {middle:.1f}" if seconds else "-"
    name = f"frozen and thawed ({len(seconds)} taken over)" if frozen else "killed"
    again = sum(one.again for one in taken)
    said = "; ".join(wrong) or "none"
    print(f"| {name} | {len(taken)} | {between} | {again} | {said} |", flush=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
