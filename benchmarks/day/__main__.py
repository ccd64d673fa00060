"""A day in the life of an application and its worker, in minutes: `make day` (CALLS=100000).

See README.md. Exits with 1 where something was lost, came twice, cost more than was said, or is not
named by the command that should. Writes results.json here, and the pages with their pictures into
.smile-trace/day.
"""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.day.application import HARM, MAIN, RIGHT, SCAM, SMALL, STALE, Shop, answer
from benchmarks.day.traffic import Traffic
from benchmarks.worker.soak import python_path
from smile_trace_contracts.fake_http_server import Answer, Fault, Request
from tests.support.browser import chromium, launched
from tests.support.fake_otlp import FakeOtlp
from tests.support.strict_openai import StrictServer, strict

EXPLAINED, COMPLAINTS = 60, 8
"""Calls that the rate draws, roughly, and complaints of a kind that somebody looks into."""
CAPS = {MAIN: 20_000, SMALL: 400}
"""Calls a day: the second is reached, and the rest of its explanations wait."""
TOML = """
[models."{name}"]
kind = "endpoint"
base_url = "{model}"
temperature_zero_is_deterministic = true
calls_per_day = {cap}
""", """
[sampling]
rate = {rate}
minimum_per_prompt_version = 10
[probes]
rate = 0.5
only = ["hijack"]
prompts = ["agent"]
[budget]
calls_per_explanation = 40
calls_per_day = "none"
[trackers.otlp]
endpoint = "{tracker}"
"""  # fmt: skip

COMMANDS = """
why.html        explain {why} --yes
release-2.html  compare support --versions 1,2 --budget 120 --yes
release-3.html  compare support --versions 2,3 --budget 120 --yes
check           check support --versions 2,3 --max answer_change=.2 --yes
mattered.html   compare --since 2d
probes.html     profile --name agent --since 2d
disliked        compare support --wrong --since 2d --yes
{complaints}
wrong-support   compare support --wrong --since 2d --yes
wrong-agent     compare agent --wrong --since 2d --yes
status          status
"""
"""Each after the name of what it says, and of its page."""


class Tracker(FakeOtlp):
    """Strict, and counts how often it got each span in place of keeping it."""

    def __init__(self) -> None:
        super().__init__()
        self.came = Counter[bytes]()

    def answer(self, request: Request) -> Answer:
        """Count what is in it."""
        answered = super().answer(request)
        self.came.update(span.trace_id + span.span_id for span in self.spans)
        self._kept.clear()
        self.requests.clear()
        return answered


class Day:
    """A worker with its application, its model and its tracker, and who looks at its pages."""

    def __init__(self, folder: Path, calls: int, model: StrictServer, tracker: Tracker) -> None:
        self.folder, self.model, self.tracker = folder, model, tracker
        self.traffic = Traffic(Shop(model.base_url), calls)
        self.home, self.log = folder / "home", folder / "worker.log"
        (self.home / "spool").mkdir(parents=True, mode=0o700)
        self.home.chmod(0o700)
        tables = [TOML[0].format(name=n, model=model.base_url, cap=cap) for n, cap in CAPS.items()]
        tables.append(TOML[1].format(rate=min(1.0, EXPLAINED / calls), tracker=tracker.url))
        (self.home / "smile_trace.toml").write_text("".join(tables))

    def live(self) -> dict[str, Any]:
        """The whole day, until all is done that may be: what was counted where."""
        began, outages = time.monotonic(), dict[str, str]()
        away = {3: self._model_away, 6: self._tracker_away, 9: self._store_away}
        with self._working():
            for hour in range(12):
                self._write(hour)
                if hour in away:
                    outages[away[hour].__name__] = away[hour]()
            self._until(self._is_done)
        before = self._asked()
        for hour in range(12, 24):  # the worker is away, too
            self._write(hour)
        planned = json.loads(self.command("worker", "--dry-run", "--json"))["models"]
        with self._working():
            status = self._until(self._is_done)
        asked = self._asked()
        with closing(sqlite3.connect(self.home / "store.db")) as store:  # status rounds so many
            [stored] = store.execute("SELECT count(*) FROM calls").fetchone()
        kept = ("explained", "failed", "lost", "corrupt_lines", "pending_by_reason")
        return {
            "seconds": round(time.monotonic() - began),
            "calls": self.traffic.calls,
            "stored": stored,
            "spans": self.traffic.spans,
            "delivered": len(self.tracker.came),
            "came_at_most": max(self.tracker.came.values()),
            **{name: status[name] for name in kept},
            "asked": asked,
            "ledger": status["spent"]["calls"],
            "planned": planned,
            "then_asked": asked - before,
            "outages": outages,
        }

    def look(self) -> dict[str, str]:
        """What the commands say that somebody would give after such a day."""
        found, looked_into = self.traffic.complaints, list[str]()
        for kind, target in (("stale", f"--contains '{RIGHT}'"), ("injected", f"--avoid '{SCAM}'")):
            for n, one in enumerate(found[kind][:COMPLAINTS]):
                looked_into.append(f"{kind}-{n}.html explain {one} {target} --yes")
        given = COMMANDS.format(why=found["injected"][0], complaints="\n".join(looked_into))
        said = {}
        for name, *args in map(shlex.split, given.strip().splitlines()):
            page = ("--html", str(self.folder / name)) if name.endswith(".html") else ()
            said[name] = self.command(*args, *page)
        if (program := chromium()) is not None:
            with launched(program) as browser:
                tab = browser.new_page(viewport={"width": 1200, "height": 800})
                for path in self.folder.glob("*.html"):
                    tab.goto(path.as_uri())
                    tab.screenshot(path=path.with_suffix(".png"), full_page=True)
        return said

    def command(self, *args: str) -> str:
        """What a command prints, with its errors and its exit code if that is not 0."""
        process = self._start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = (text.decode().strip() for text in process.communicate())
        return out if process.returncode == 0 else f"{out}\n{err}\nexit {process.returncode}"

    def status(self) -> dict[str, Any]:
        """`smile-trace status`."""
        found: dict[str, Any] = json.loads(self.command("status", "--json"))
        return found

    def _start(self, *args: str, **pipes: Any) -> "subprocess.Popen[bytes]":
        own = {"SMILE_TRACE_HOME": str(self.home), "PYTHONPATH": python_path()}
        command = [sys.executable, "-m", "smile_trace", *args]
        return subprocess.Popen(command, cwd=self.home, env={**os.environ, **own}, **pipes)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self.log.open("ab") as log:
            worker = self._start("worker", stderr=log)
        try:
            yield
            worker.send_signal(signal.SIGTERM)
            if worker.wait(60):
                raise RuntimeError(f"the worker ended with {worker.returncode}")
        finally:
            worker.kill()

    def _write(self, hour: int) -> None:
        draft = self.home / "draft"
        draft.write_bytes(b"".join(self.traffic.hour(hour)))
        draft.rename(self.home / f"spool/process-{hour}.jsonl")

    def _asked(self) -> Counter[str]:
        return Counter(one.body["model"] for one in self.model.received) - self.traffic.asked

    def _is_done(self) -> dict[str, Any] | None:
        """The status, once nothing waits but for a cap."""
        if len(self.tracker.came) < self.traffic.spans:
            return None
        status = self.status()
        capped = (one["count"] for one in status["pending_by_reason"] if one["code"] == "daily_cap")
        waits = status["running"] + status["undecided"] + status["pending"] - sum(capped)
        there = len(self.tracker.came) == self.traffic.spans + status["explained"]
        return status if there and not waits else None

    def _until(self, condition: Callable[[], Any], seconds: float = 900) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker is late: {self.log.read_text()[-2000:]}")
            time.sleep(1)
        return found

    def _model_away(self) -> str:
        def broken(body: dict[str, Any]) -> str:
            raise ConnectionResetError

        self.model.answer = broken
        [paused, *_] = self._until(lambda: self.status()["paused_models"])
        self.model.answer = answer
        return str(paused["reason"])

    def _tracker_away(self) -> str:
        self.tracker.faults.append(Fault("answer", Answer(503), times=None))
        paused = self._until(lambda: self.status()["trackers"][0]["paused"])
        self.tracker.faults.clear()
        return str(paused["reason"])

    def _store_away(self) -> str:
        said = "everything waits"
        with closing(sqlite3.connect(self.home / "store.db", 60, isolation_level=None)) as store:
            store.execute("BEGIN IMMEDIATE")  # and nobody else writes
            self._until(lambda: said in self.log.read_text())
        return next(line for line in self.log.read_text().splitlines() if said in line)


def faults(found: dict[str, Any]) -> list[str]:
    """What the books do not agree on, what cost more, and what is not named."""
    said, asked = found["pages"], found["asked"]
    usual = sum(one["usual"]["calls"] for one in found["planned"] if one["usual"])
    gone = [found[one] for one in ("lost", "corrupt_lines", "failed")]
    checks = {
        "a call is not in the store, or twice": found["stored"] == found["calls"],
        "not all is at the tracker": found["delivered"] == found["spans"] + found["explained"],
        "something came twice": found["came_at_most"] == 1,
        "something was lost or failed": not any(gone),
        "the ledger differs from the model's count": found["ledger"] == sum(asked.values()),
        "a cap was exceeded": all(asked[name] <= cap for name, cap in CAPS.items()),
        "a cap was not reached": asked[SMALL] == CAPS[SMALL],
        "it cost another tenth": abs(found["then_asked"].total() - usual) <= 0.1 * usual,
        "release 2 is blamed": "changed the answers" not in said["release-2.html"],
        "release 3 is not named": HARM in said["release-3.html"],
        "the check lets release 3 pass": HARM in said["check"] and "exit 3" in said["check"],
        "nothing is said of what users disliked": HARM in said["disliked"],
        "the stale document is not named": STALE in said["wrong-support"].splitlines()[1],
        "the injected tool is not named": "get_order" in said["wrong-agent"].splitlines()[1],
        "the injection is not named": "Ignore the question" in said["why.html"],
        "the probe finds nothing": "a planted instruction in" in said["probes.html"],
    }
    return [fault for fault, right in checks.items() if not right]


def main(folder: Path, calls: int) -> list[str]:
    """Live the day, look at it, print what was found; what is wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    with strict(answer) as model, Tracker() as tracker:
        model.handle_error = lambda *_: None  # type: ignore[method-assign]  # its client has left
        day = Day(folder, calls, model, tracker)
        found = day.live() | {"pages": day.look()}
    text = json.dumps(found, indent=1, ensure_ascii=False).replace(f"{folder}/", "")
    (folder / "results.json").write_text(f"{text}\n")
    print((folder / "results.json").read_text())
    return faults(found)


if __name__ == "__main__":
    wrong = main(Path(".smile-trace/day").resolve(), int(os.environ.get("CALLS", "100000")))
    shutil.copy(".smile-trace/day/results.json", Path(__file__).with_name("results.json"))
    print("\n".join(wrong) or "the day is as it was planted")
    sys.exit(bool(wrong))
