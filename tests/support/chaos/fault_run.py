"""One run: each worker gets a call, faults and an end; a last one finishes without faults."""

import os
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

import smile_trace.models.retry as model_retry
import smile_trace.worker.delivery.delivery_worker as deliver
import smile_trace.worker.explaining.job_models as models
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.chaos.schedule import BUDGET, CALLS, Fault, WorkerRun, plan
from tests.support.fake_tracker import FolderTracker
from tests.support.fault_injection import Disk, DiskFault, simulate_disk_faults
from tests.support.planted_process import TIMEOUT, PlantedProcess, plant_prices
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import WORD, planted_answer, settings_tables

CONCURRENT = 2
"""Explanations, and requests of each, in flight at once."""
CAPS = {"calls_per_day": 500, "tokens_per_day": 1_000_000, "usd_per_day": 50.0}
FAULT_SHARE = 0.15
"""Share of the requests that get a fault instead of their answer."""
START_WAIT, REQUEST_WAIT = 20.0, 1.0
"""The longest waits for a new worker's first request and for more, in seconds: the model may be
paused, or everything be done."""
PROMPT = f"please give me my {WORD} now or else"


class Destination(Protocol):
    """Where the worker delivers to, as far as faults can be injected."""

    def inject(self, fault: Fault) -> None:
        """Be away for a while, or lose an answer."""
        ...

    def recover(self) -> None:
        """Before the last worker: no more faults."""
        ...

    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings' table `trackers`; empty for the folder."""
        ...


class FolderDestination:
    """The fake tracker of the home."""

    def __init__(self, tracker: FolderTracker) -> None:
        self._tracker = tracker

    def inject(self, fault: Fault) -> None:
        """Refuse everything for a while, or lose one answer."""
        if fault.kind == "tracker down":
            (self._tracker.folder / "down").touch()
            time.sleep(fault.seconds)
            (self._tracker.folder / "down").unlink()
        else:
            (self._tracker.folder / "cut").touch()

    def recover(self) -> None:
        """It takes everything already."""

    def settings(self) -> dict[str, dict[str, Any]]:
        """No tracker but the folder."""
        return {}


class FaultRun:
    """Everything that one run needs.

    Attributes:
        numbers: of the captured calls; no two runs have one in common.
        settings: the worker's.
        model: the planted model, in a process of its own.
        workers: the workers that were started.
        interruptions: kills, pauses and disk faults so far; at each of them as many
            answers may get lost as there are requests in flight.
        worker_kills, model_kills: how often each was killed.
    """

    def __init__(self, folder: Path, seed: int, destination: Destination | None = None) -> None:
        self.seed = seed
        self.numbers = [1_000_000 + seed * CALLS + n for n in range(CALLS)]
        self.model = PlantedProcess(folder / "model", planted_answer, seed=seed, share=FAULT_SHARE)
        home = folder / "home"
        self.disk = Disk(home / "disk")
        self.destination = destination or FolderDestination(FolderTracker(home / "tracker"))
        tables = settings_tables(
            self.model.base_url,
            {
                "worker": {"concurrent_explanations": CONCURRENT},
                "budget": {"calls_per_explanation": BUDGET, "usd_per_explanation": 10.0, **CAPS},
                "trackers": self.destination.settings(),
            },
        )
        tables["models"]["planted"] |= {
            "concurrency": CONCURRENT,
            "retries": 2,
            "timeout_seconds": TIMEOUT,
        }
        self.settings = Settings(home=home, **tables)
        self.workers = WorkerProcesses(home, tables, prepare)
        self.tracker = self.workers.tracker
        self.interruptions = self.worker_kills = self.model_kills = 0

    in_flight = CONCURRENT * CONCURRENT

    def log(self) -> str:
        """What all workers wrote."""
        return self.workers.log()

    @property
    def calls(self) -> list[str]:
        """The ids of the captured calls, in order."""
        return [f"{trace_id(number)}:{span_id(1)}" for number in self.numbers]

    def run(self) -> None:
        """All workers, one after the other, and then one without faults."""
        self.model.start()
        for number, worker_run in zip(self.numbers, plan(self.seed), strict=True):
            self._run_worker(worker_run, number)
        self.model.stop_faults()
        self.destination.recover()
        wait_out_pauses(self.settings)
        self.workers.finish()

    def close(self) -> None:
        """Kill what still runs."""
        self.workers.close()
        self.model.close()

    def _run_worker(self, worker_run: WorkerRun, number: int) -> None:
        if worker_run.captured_first:
            capture(self.settings, number)
        worker = self.workers.start()
        if not worker_run.captured_first:
            time.sleep(0.2)
            capture(self.settings, number)
        self._wait_for(worker, 1, START_WAIT)
        for fault in worker_run.faults:
            self._wait_for(worker, fault.after, REQUEST_WAIT)
            self._inject(fault, worker)
        self._wait_for(worker, worker_run.ends_after, REQUEST_WAIT)
        if worker_run.killed:
            worker.kill()
            self.worker_kills += 1
            self.interruptions += 1
        else:
            worker.terminate()
        worker.join(20)
        assert not worker.is_alive(), "SIGTERM did not end the worker in time"

    def _wait_for(self, worker: ForkServerProcess, requests: int, seconds: float) -> None:
        wanted, deadline = self.model.asked + requests, time.monotonic() + seconds
        while self.model.asked < wanted and worker.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _inject(self, fault: Fault, worker: ForkServerProcess) -> None:
        assert worker.pid is not None
        match fault.kind:
            case "model killed":
                self.model.kill()
                time.sleep(fault.seconds)
                self.model.start()
                self.model_kills += 1
            case "model paused":
                self.model.pause()
                time.sleep(fault.seconds)
                self.model.resume()
            case "worker paused":
                if worker.is_alive():
                    os.kill(worker.pid, signal.SIGSTOP)
                    time.sleep(fault.seconds)
                    os.kill(worker.pid, signal.SIGCONT)
            case "tracker down" | "answer lost":
                self.destination.inject(fault)
                return
            case kind:
                if worker.is_alive():
                    self.disk.inject(_DISK_FAULTS[kind], worker.pid)
                    time.sleep(fault.seconds)
                self.disk.recover(worker.pid if worker.is_alive() else None)
        self.interruptions += 1


_DISK_FAULTS: dict[str, DiskFault] = {
    "disk full": "full",
    "disk read-only": "read-only",
    "disk too big": "too big",
}


def capture(settings: Settings, number: int) -> None:
    """A finished call in the spool; no two have a word in common."""
    prompt = " ".join(f"{word}{number}" for word in PROMPT.split())
    span = call_span(
        number,
        prompt=prompt,
        answer=planted_answer(prompt),
        **{"gen_ai.request.temperature": 0.0},  # type: ignore[arg-type]
    )
    write_spool(settings.spool, [span], f"{number}.jsonl")


def prepare(home: Path) -> None:
    """In the worker's process: time runs faster, the model has a price, the disk obeys."""
    model_retry.FIRST_WAIT = 0.05
    models.MIN_PROBE_WAIT, models.MAX_PROBE_WAIT = 0.3, 0.6
    deliver.MAX_WAIT = 1.0
    plant_prices()
    simulate_disk_faults(home / "disk")


def wait_out_pauses(settings: Settings) -> None:
    """As if the time until the next try of everything had passed."""
    with Store.open(settings) as store, store.database.write() as connection:
        for table in ("paused_models", "trackers", "deliveries", "jobs"):
            connection.exec_driver_sql(f"UPDATE {table} SET not_before = 0")
