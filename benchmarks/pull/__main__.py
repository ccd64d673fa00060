"""Traces that MLflow itself wrote, read by a worker that is killed meanwhile: nothing twice.

Applications write their traces into the database of a real MLflow server (see `applications`), as
many as they can in `--minutes`; then `smile-trace worker --once` is started, killed with -9 and
started again, while some traces are deleted. The last run begins when all traces are old enough
to be read for good.

    python -m benchmarks.pull --traces 10000 --kills 6
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Trace

from benchmarks.pull.applications import APPLICATIONS, planted
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import LATE_SECONDS
from smile_trace.trackers.presentation import EXPLANATION_NAME
from tests.support.mlflow_server import OwnMLflowServer
from tests.support.strict_openai import StrictServer, strict

PLACE = "pulled"
SHARES = {"openai": 0.5, "langchain": 0.25, "functions": 0.25}
DELETED = 50


def main() -> None:
    """Write, read, kill, delete, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pull-"))
    server = OwnMLflowServer(folder)
    server.start()
    mlflow.set_tracking_uri(server.uri)
    mlflow.set_experiment(PLACE)
    try:
        with strict(planted) as model:
            _write(folder, given, model)
            _read(folder, server, model, given)
    finally:
        server.stop()


def _write(folder: Path, given: Any, model: StrictServer) -> None:
    began, until = time.monotonic(), time.time() + 60 * given.minutes
    uri = f"sqlite:///{folder}/mlflow.db"
    env = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": PLACE}
    env["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"  # else asking runs far ahead of writing
    writers = []
    for number, application in enumerate(APPLICATIONS):
        count, first = round(given.traces * SHARES[application]), number * 100_000
        command = [sys.executable, "-m", "benchmarks.pull.applications", application]
        command += ["--count", str(count), "--first", str(first), "--until", str(until)]
        command += ["--model", model.base_url]
        with open(folder / f"{application}.log", "ab") as log:
            writers.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
    codes = [writer.wait() for writer in writers]
    assert not any(codes), folder
    used = os.times().children_user
    print(f"written in {time.monotonic() - began:.0f} s, {used:.0f} s of a processor", flush=True)


def _read(folder: Path, server: OwnMLflowServer, model: StrictServer, given: Any) -> None:
    written = _listed()
    print(f"{len(written)} traces: {Counter(_application(t) for t in written)}", flush=True)
    ready = max(trace.info.timestamp_ms for trace in written) / 1000 + LATE_SECONDS + 1
    asked = len(model.bodies)
    (folder / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
        "[sampling]\nrate = 0.01\n[budget]\ncalls_per_explanation = 12\ncalls_per_day = 100000\n"
        f'usd_per_day = "none"\n[sources.mlflow]\nexperiments = ["{PLACE}"]\n'
        f'[trackers.mlflow]\ntracking_uri = "{server.uri}"\nexperiment = "explanations"\n'
    )
    chance = random.Random(given.seed)
    deleted: set[str] = set()
    for kill in range(given.kills):
        worker = _start_worker(folder)
        time.sleep(chance.uniform(10, 60))
        worker.kill()
        worker.wait()
        print("killed:", *_counted(folder), flush=True)
        if kill == given.kills // 2:
            deleted = _delete(folder, written, chance)
    time.sleep(max(0.0, ready - time.time()))
    began = time.monotonic()
    worker = _start_worker(folder)
    assert worker.wait() == 0, (folder / "worker.log").read_text()[-3000:]
    print(f"the last run took {time.monotonic() - began:.0f} s:", *_counted(folder))
    _judge(folder, written, deleted)
    print(f"requests to the model {len(model.bodies) - asked}, refused {len(model.refused)}")


def _start_worker(folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "SMILE_TRACE_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "smile_trace", "worker", "--once"]
    with open(folder / "worker.log", "ab") as log:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)


def _counted(folder: Path) -> tuple[str, ...]:
    """What was read and explained until now."""
    with _store(folder) as store:
        now = store.status()
    read = [f"{one.traces} traces, {one.calls} calls, {one.kept} kept" for one in now.sources]
    return (*read, f"{now.explained} explained")


def _store(folder: Path) -> Store:
    return Store.open(Settings(home=folder / "home"))


def _delete(folder: Path, written: list[Trace], chance: random.Random) -> set[str]:
    """Delete traces that the store holds and MLflow does not show explained yet, and others."""
    with_heatmap = {t.info.trace_id for t in _listed("tag.`smile.status` IS NOT NULL")}
    ids = [trace.info.trace_id for trace in written if trace.info.trace_id not in with_heatmap]
    with _store(folder) as store:
        held = store.traces.known([trace_id.removeprefix("tr-") for trace_id in ids])
    kept = [trace_id for trace_id in ids if trace_id.removeprefix("tr-") in held]
    others = [trace_id for trace_id in ids if trace_id not in set(kept)]
    half = DELETED // 2
    chosen = kept[:half] + chance.sample(others, min(half, len(others)))
    mlflow.MlflowClient().delete_traces(_experiment(), trace_ids=chosen)
    print(f"deleted {len(chosen)} traces, {len(kept[:half])} of them in the store", flush=True)
    return set(chosen)


def _judge(folder: Path, written: list[Trace], deleted: set[str]) -> None:
    """Whether each explained call has one heatmap under it, and nothing else has one."""
    wanted: set[tuple[str, str]] = set()
    with _store(folder) as store:
        now = store.status()
        held = store.traces.known([trace.info.trace_id.removeprefix("tr-") for trace in written])
        for trace in store.trace_many(sorted(held)):
            for call in trace.calls:
                if f"tr-{trace.trace_id}" not in deleted and store.explanation(call.id) is not None:
                    wanted.add((f"tr-{trace.trace_id}", call.span_id))
    shown: Counter[tuple[str, str]] = Counter()
    for trace in _listed("tag.`smile.status` IS NOT NULL", spans=True):
        for span in trace.data.spans:
            if span.name.startswith(EXPLANATION_NAME):
                shown[trace.info.trace_id, str(span.parent_id)] += 1
    print(f"explained {now.explained}, failed {now.failed}, traces held {len(held)}")
    print(
        f"heatmaps {shown.total()} under {len(shown)} calls, most under one "
        f"{max(shown.values(), default=0)}; missing {len(wanted - shown.keys())}, "
        f"unwanted {len(shown.keys() - wanted)}"
    )
    for tracker in now.trackers:
        refused = Counter(str(one.code) for one in tracker.refused)
        print(f"waiting {tracker.waiting}, refused {dict(refused)}")
    left = {trace.info.trace_id for trace in _listed()}
    print(f"traces made anew: {len(deleted & left)}, in MLflow {len(left)}")


def _application(trace: Trace) -> str:
    """By the number in the question."""
    number = re.search(r"(\d)\d{5}", str(trace.info.request_preview))
    return "?" if number is None else list(APPLICATIONS)[int(number[1])]


def _listed(found_by: str | None = None, *, spans: bool = False) -> list[Trace]:
    return list(
        mlflow.search_traces(
            locations=[_experiment()],
            return_type="list",
            max_results=100_000,
            filter_string=found_by,
            include_spans=spans,
        )
    )


def _experiment() -> str:
    found = mlflow.get_experiment_by_name(PLACE)
    assert found is not None
    return str(found.experiment_id)


if __name__ == "__main__":
    main()
