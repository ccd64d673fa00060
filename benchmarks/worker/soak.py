"""Does the worker stay as it is? `make soak` (variables `MINUTES`, by default 20, and `RATE`).

Three applications make 30 decorated calls a second between them; the real worker (a process of
its own, as `smile-trace worker` starts it) ingests them, explains the 1 % that sampling takes
with a planted HTTP model, and delivers everything to a real MLflow server. Once a second: its
resident memory, threads and file descriptors, and the number and the size of the files in its
home. A line is fitted to what came after the first quarter. Writes `soak.svg` and
`benchmarks/worker/results/soak.json`.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

MINUTES, RATE = (float(os.environ.get(n, d)) for n, d in (("MINUTES", "20"), ("RATE", "30")))
APPLICATIONS = 3
ROOT = Path(__file__).parents[2]
PLOT, RESULT = Path(__file__).with_name("soak.svg"), Path(__file__).parent / "results/soak.json"
PANELS = {
    "memory_mb": "resident memory, MB",
    "threads": "threads",
    "descriptors": "open file descriptors",
    "files": "files in the home folder",
    "spool_mb": "spool, MB",
    "journals_mb": "write-ahead logs and engine, MB",
}
WORD = "refund"
TOML = """
[models."planted"]
kind = "endpoint"
base_url = "{model}"
temperature_zero_is_deterministic = true

[budget]
calls_per_day = 20000
usd_per_day = "none"
usd_per_explanation = "none"

[trackers.mlflow]
tracking_uri = "{mlflow}"
experiment = "soak"
"""


def application(number: int, seconds: float) -> None:
    """Decorated calls by the clock: a late one does not delay the next."""
    import smile_trace

    @smile_trace.trace(model="planted")
    def ask(prompt: str, temperature: float = 0.0) -> str:
        return said(prompt)

    @smile_trace.trace
    def answer(question: str) -> str:
        return ask(f"You are the assistant of a shop. Be kind, short and true.\n{question}")

    began = time.monotonic()
    for call in range(int(seconds * RATE / APPLICATIONS)):
        time.sleep(max(0.0, began + call * APPLICATIONS / RATE - time.monotonic()))
        answer(f"I am customer {call} of {number}, when do I get my {WORD} for order {call * 7}?")


def said(prompt: str) -> str:
    """The planted answer: all of it depends on one word."""
    return "your money comes back today" if WORD in prompt else "hello there, good morning"


def model(address: Any) -> None:
    """The planted HTTP model, in a process of its own."""
    from tests.support.planted import serving

    with serving(said) as server:
        address.send(server.base_url)
        while True:
            time.sleep(1)
            with server.lock:  # it remembers what it was asked
                server.received.clear()


def sample(worker: psutil.Process, home: Path) -> dict[str, float]:
    """How the worker and its home stand."""
    sizes: dict[str, int] = {}
    for path in home.rglob("*"):
        with suppress(FileNotFoundError):  # a spool file may go in between
            if path.is_file():
                sizes[str(path.relative_to(home))] = path.stat().st_size
    spool = sum(size for name, size in sizes.items() if name.startswith("spool/"))
    store = sizes.get("store.db", 0)
    with worker.oneshot():
        return {
            "memory_mb": worker.memory_info().rss / 1e6,
            "threads": worker.num_threads(),
            "descriptors": worker.num_fds(),
            "files": len(sizes),
            "spool_mb": spool / 1e6,
            "journals_mb": (sum(sizes.values()) - spool - store) / 1e6,
            "store_mb": store / 1e6,
        }


def trend(times: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """A line through what came after the first quarter: its rise per hour, and the extremes."""
    later = np.array(times) > times[-1] / 4
    t, v = np.array(times)[later], np.array(values)[later]
    return {
        "per_hour": round(float(np.polyfit(t / 3600, v, 1)[0]), 3),
        "least": round(float(v.min()), 3),
        "median": round(float(np.median(v)), 3),
        "most": round(float(v.max()), 3),
    }


def soak(folder: Path) -> dict[str, Any]:
    """The whole run in `folder`."""
    from tests.support.mlflow_server import OwnMLflowServer

    home = folder / "home"
    home.mkdir()
    environment = {**os.environ, "SMILE_TRACE_HOME": str(home), "PYTHONPATH": python_path()}
    os.environ["SMILE_TRACE_HOME"] = str(home)  # the applications' too
    # An eighth of the default, so that twenty minutes see files end and go.
    os.environ["SMILE_TRACE_SPOOL_FILE_LIMIT"] = str(8 * 2**20)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    planted = context.Process(target=model, args=(theirs,), daemon=True)
    planted.start()
    server = OwnMLflowServer(folder)
    server.start()
    settings = TOML.format(model=ours.recv(), mlflow=server.uri)
    (home / "smile_trace.toml").write_text(settings)
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "smile_trace", "worker"], cwd=home, env=environment, stderr=log
        )
    applications = [
        context.Process(target=application, args=(n, MINUTES * 60), daemon=True)
        for n in range(APPLICATIONS)
    ]
    try:
        for one in applications:
            one.start()
        times, rows = watch(psutil.Process(worker.pid), home)
        for one in applications:
            one.join(60)
        time.sleep(30)  # what was captured last is delivered
        said = subprocess.run(
            [sys.executable, "-m", "smile_trace", "status", "--json"],
            env=environment,
            cwd=home,
            check=True,
            capture_output=True,
        )
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(30)
    finally:
        worker.kill()
        server.stop()
        planted.terminate()
    trends = {name: trend(times, [row[name] for row in rows]) for name in rows[0]}
    return {
        "minutes": MINUTES,
        "calls_per_second": RATE,
        "exit_code": code,
        "trends": trends,
        "status": shortened(json.loads(said.stdout)),
        "every_10_s": {
            "seconds": [round(t) for t in times[::10]],
            **{name: [round(row[name], 2) for row in rows[::10]] for name in rows[0]},
        },
    }


def watch(worker: psutil.Process, home: Path) -> tuple[list[float], list[dict[str, float]]]:
    """A sample every second, until the time is over."""
    began = time.monotonic()
    times: list[float] = []
    rows: list[dict[str, float]] = []
    while (now := time.monotonic() - began) < MINUTES * 60:
        times.append(now)
        rows.append(sample(worker, home))
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began - now)))
    return times, rows


def shortened(status: dict[str, Any]) -> dict[str, Any]:
    """The counts that say what was done."""
    [tracker] = status["trackers"]
    names = ("captured", "open_traces", "sampled", "explained", "reliable", "failed", "pending")
    return {
        **{name: status[name] for name in names},
        "lost": status["lost"],
        "delivered": tracker["traces"],
        "explanations_delivered": tracker["explanations"],
        "waiting": tracker["waiting"],
        "calls_spent": status["spent"]["calls"],
    }


def plot(found: dict[str, Any]) -> None:
    """A line for each panel, from 0; the first quarter, which is in no trend, is grey."""
    from matplotlib import pyplot

    pyplot.rcParams["svg.fonttype"] = "none"

    series = found["every_10_s"]
    minutes = np.array(series["seconds"]) / 60
    figure, axes = pyplot.subplots(2, 3, figsize=(9, 4.2), layout="constrained")
    for axis, (name, title) in zip(axes.flat, PANELS.items(), strict=True):
        rise = found["trends"][name]["per_hour"]
        axis.plot(minutes, series[name], linewidth=1.2)
        axis.axvspan(0, minutes[-1] / 4, color="#f3f3f3")
        axis.set(title=f"{title}\n{rise:+.2f} per hour after the first quarter", xlabel="minutes")
        axis.title.set_size(8)
        axis.set_ylim(bottom=0)
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


def python_path() -> str:
    """This checkout's packages, also where another one is installed."""
    return os.pathsep.join(map(str, (ROOT, ROOT / "integrations")))


def main() -> int:
    """Runs, prints the trends, keeps the plot and the figures; 0 where the worker ended well."""
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder))
    plot(found)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print("| | least | median | most | rise per hour |\n|---|---|---|---|---|")
    for name, title in {**PANELS, "store_mb": "store, MB"}.items():
        t = found["trends"][name]
        print(f"| {title} | {t['least']} | {t['median']} | {t['most']} | {t['per_hour']:+} |")
    print(json.dumps(found["status"]))
    return int(found["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
