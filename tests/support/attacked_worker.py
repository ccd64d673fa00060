"""`smile-trace worker` in a process of its own, on a home that somebody attacks.

The attack stands before one good call; the worker explains that call, says what it set aside,
and stops when it is told to.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.support.command_line import run_command, start_command
from tests.support.peak_memory import peak_megabytes
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_settings import PROMPT, planted_answer, settings_tables

GOOD = 999
"""The number of the call that is no attack; its file is read last."""
WAIT = float(os.environ.get("ATTACK_SECONDS", 180))
"""Seconds until the good call is explained, on a machine that does other things, too."""
STOP = float(os.environ.get("ATTACK_STOP_SECONDS", 60))
"""Seconds until a stopped worker has ended. It promises 10; a machine under load adds to that,
and a worker that something holds up needs for ever."""


def attack_span(number: int, *, model: str = "hostile", **attributes: Any) -> Any:
    """The span of a call that is repeated as exactly as the good one."""
    held = {"gen_ai.request.temperature": 0.0, **attributes}
    prompt = " ".join(f"{word}{number}" for word in PROMPT.split())
    return call_span(number, prompt=prompt, answer=planted_answer(PROMPT), model=model, **held)


class AttackedWorker:
    """A home with settings, and the commands of `smile-trace` there.

    Args:
        folder: empty; the home is `home` in it, and the worker's log `worker.log`.
        base_url: the model of the good call.
    """

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder, self.home = folder, folder / "home"
        self.spool = self.home / "spool"
        self.settings = settings_tables(base_url, {"budget": {"calls_per_explanation": 12}})
        self.environment: dict[str, str] = {}
        self.peak_mb = 0.0
        """Memory that the last worker held at most."""
        self.stopped_in = 0.0
        """Seconds from SIGTERM to its end."""
        self.worked = self.processor_seconds = 0.0
        """How long it had worked until then, and how much of that on a processor."""
        self.home.mkdir(mode=0o700)
        self.spool.mkdir(mode=0o700)

    def capture(self, *spans: Any, name: str = "a.jsonl") -> None:
        """Spans of a process that is gone."""
        write_spool(self.spool, spans, name)

    def capture_good(self) -> None:
        """The call that has to be explained."""
        self.capture(attack_span(GOOD, model="planted"), name="z.jsonl")

    def work(self, *arguments: str, until: Callable[[], bool] = lambda: True) -> None:
        """Run the worker until the good call is explained and it is so; then stop it."""
        self.capture_good()
        self.work_until(lambda: self.state(GOOD) == "explained" and until(), *arguments)

    def work_until(
        self, condition: Callable[[], bool], *arguments: str, seconds: float = WAIT
    ) -> None:
        """Run the worker until it is so; then stop it, and see that it ends.

        Raises:
            AssertionError: it did not happen, or the worker did not end; with its log.
        """
        process = start_command(
            "worker",
            *arguments,
            cwd=self.folder,
            env=self._environment(),
            log=self.folder / "worker.log",
        )
        started, happened = time.monotonic(), False
        while process.is_alive() and time.monotonic() < started + seconds and not happened:
            happened = condition()
            self._look(process.pid or 0)
            time.sleep(0.05)
        self.worked = time.monotonic() - started
        end = self._stop(process)
        assert happened, f"it did not happen; {end}; calls: {self._states()}; {self.log()[-3000:]}"
        assert end == "ended with 0", f"{end}; {self.log()[-3000:]}"

    def run(self, *arguments: str) -> tuple[int, str]:
        """One command until it ends: its exit status and all it said."""
        done = run_command(*arguments, cwd=self.folder, env=self._environment())
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "surrogateescape")

    def status(self) -> dict[str, Any]:
        """What `smile-trace status --json` says."""
        code, out = self.run("status", "--json")
        assert code == 0, out
        found: dict[str, Any] = json.loads(out)
        return found

    def figures(self) -> dict[str, float]:
        """What was measured of the last worker."""
        return {
            "seconds_to_stop": round(self.stopped_in, 2),
            "seconds_to_work": round(self.worked, 1),
            "processor_seconds": round(self.processor_seconds, 1),
            "peak_mb": round(self.peak_mb),
        }

    def state(self, number: int) -> str | None:
        """The state of the job of that call; None where there is none yet."""
        return self._states().get(f"{trace_id(number)}:{span_id(1)}", (None, None))[0]

    def reason(self, number: int) -> str | None:
        """Why that call was skipped, failed or waits."""
        return self._states().get(f"{trace_id(number)}:{span_id(1)}", (None, None))[1]

    def refusal(self, tracker: str) -> str | None:
        """Why that tracker takes nothing, or took none of what it was given."""
        found = [
            *self._query(f"SELECT reason FROM trackers WHERE name = '{tracker}'"),
            *self._query(f"SELECT reason FROM deliveries WHERE tracker = '{tracker}'"),
        ]
        return next((str(row[0]) for row in found if row[0]), None)

    def tokens(self, model: str) -> int:
        """What the ledger counted for that model."""
        rows = self._query("SELECT key, tokens FROM spend WHERE scope = 'model'")
        return sum(row[1] for row in rows if model in row[0])

    def aside(self) -> list[str]:
        """Why lines and files of the spool were set aside."""
        return [str(row[0]) for row in self._query("SELECT error FROM corrupt_lines")]

    def log(self) -> str:
        """What the workers wrote."""
        return (self.folder / "worker.log").read_text(errors="surrogateescape")

    def kept(self) -> bytes:
        """Every byte in home and log."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files)

    def _environment(self) -> dict[str, str]:
        names = {"PATH", "LANG", "OPENBLAS_NUM_THREADS"}
        tables = {f"SMILE_TRACE_{k.upper()}": json.dumps(v) for k, v in self.settings.items()}
        return {
            **{name: os.environ[name] for name in names & set(os.environ)},
            "HOME": str(self.folder),
            "SMILE_TRACE_HOME": str(self.home),
            **tables,
            **self.environment,
        }

    def _stop(self, process: ForkServerProcess) -> str:
        running = process.is_alive()
        asked_at = time.monotonic()
        process.terminate()
        process.join(STOP)
        if process.is_alive():
            process.kill()
            process.join()
            return f"it went on for {STOP:g} s after SIGTERM"
        self.stopped_in = time.monotonic() - asked_at
        return f"ended {'with' if running else 'by itself with'} {process.exitcode}"

    def _look(self, pid: int) -> None:
        """Note the memory and the processor time of a running worker."""
        with suppress(OSError):
            self.peak_mb = peak_megabytes(pid)
            times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            self.processor_seconds = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    def _states(self) -> dict[str, tuple[str, str | None]]:
        rows = self._query("SELECT call_id, state, reason FROM jobs")
        return {row[0]: (row[1], row[2]) for row in rows}

    def _query(self, statement: str) -> list[Any]:
        with suppress(sqlite3.OperationalError):  # the worker is still making it
            url = f"file:{self.home / 'store.db'}?mode=ro"
            with closing(sqlite3.connect(url, uri=True, timeout=30)) as connection:
                return connection.execute(statement).fetchall()
        return []
