"""Traces that stand in MLflow, read by a worker that is killed meanwhile: nothing twice.

A trace of a real MLflow's automatic logging is taken as it stands, and copied with other ids,
prompts and times (yesterday's) over MLflow's OTLP endpoint; then `smile-trace worker --once` is
started, killed with -9 and started again, until everything is explained.

    python -m benchmarks.pull --traces 10000 --kills 5
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import mlflow
import openai

from smile_trace.records import Span
from smile_trace.records.otlp import spans_to_otlp
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace_mlflow import MLflowSource
from smile_trace_mlflow.server import Server
from smile_trace_mlflow.spans import EXPLANATION_NAME, EXTERNAL_TRACE
from tests.support.mlflow_server import MLflowServer
from tests.support.strict_openai import StrictServer, strict

WORD, PLACE = "Eiffel", "pulled"
BATCH = 400


def main() -> None:
    """Write, read, kill, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pull-"))
    server = MLflowServer(folder)
    server.start()
    try:
        with strict(_answer) as model:
            _run(folder, server, model, given)
    finally:
        server.stop()


def _run(folder: Path, server: MLflowServer, model: StrictServer, given: Any) -> None:
    began = time.monotonic()
    _write(server, model, given.traces)
    print(f"{given.traces} traces written in {time.monotonic() - began:.0f} s", flush=True)
    asked = len(model.bodies)
    (folder / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
        "[sampling]\nrate = 0.01\n[budget]\ncalls_per_explanation = 12\ncalls_per_day = 100000\n"
        f'usd_per_day = "none"\n[sources.mlflow]\nexperiments = ["{PLACE}"]\n'
        f'[trackers.mlflow]\ntracking_uri = "{server.uri}"\nexperiment = "explanations"\n'
    )
    chance = random.Random(given.seed)
    began = time.monotonic()
    for _ in range(given.kills):
        worker = _worker(folder)
        time.sleep(chance.uniform(5, 25))
        worker.kill()
        worker.wait()
        print("killed:", *_counted(folder), flush=True)
    worker = _worker(folder)
    assert worker.wait() == 0, (folder / "worker.log").read_text()[-3000:]
    print(f"read and explained in {time.monotonic() - began:.0f} s with {given.kills} kills")
    print("at the end:", *_counted(folder))
    settings = Settings(home=folder / "home")
    status = Store.open(settings)
    now = status.status()
    status.close()
    heatmaps = _heatmaps(server)
    print(
        f"explained {now.explained}, failed {now.failed}, refused "
        f"{[r for t in now.trackers for r in t.refused]}"
    )
    print(
        f"heatmaps {sum(heatmaps.values())} in {len(heatmaps)} traces, most in one "
        f"{max(heatmaps.values(), default=0)}"
    )
    print(f"requests to the model {len(model.bodies) - asked}, refused {len(model.refused)}")


def _answer(body: dict[str, Any]) -> str:
    return "In Paris." if WORD in json.dumps(body["messages"]) else "I cannot know that."


def _write(server: MLflowServer, model: StrictServer, count: int) -> None:
    mlflow.set_tracking_uri(server.uri)
    mlflow.set_experiment(PLACE)
    mlflow.openai.autolog()
    message = {"role": "user", "content": f"The {WORD} Tower is here, number 000000. Where are we?"}
    openai.OpenAI(base_url=model.base_url, api_key="none").chat.completions.create(
        model="planted",
        temperature=0,
        messages=[message],  # type: ignore[list-item]
    )
    mlflow.flush_trace_async_logging()
    mlflow.openai.autolog(disable=True)
    experiment = _experiment()
    [one] = mlflow.search_traces(locations=[experiment], return_type="list")
    source = MLflowSource.from_settings({}, {"tracking_uri": server.uri})
    [span] = source.read(one.info.trace_id)
    mlflow.MlflowClient().delete_traces(experiment, trace_ids=[one.info.trace_id])
    start, client = span.start_ns - 86_400 * 10**9, Server(server.uri, PLACE)
    for first in range(0, count, BATCH):
        some = range(first, min(first + BATCH, count))
        client.post_spans(spans_to_otlp([_copy(span, n, start) for n in some]), experiment)


def _experiment() -> str:
    found = mlflow.get_experiment_by_name(PLACE)
    assert found is not None
    return str(found.experiment_id)


def _copy(span: Span, number: int, start: int) -> Span:
    at = start + number * 5_000_000  # two hundred a second
    attributes = {
        name: value.replace("000000", f"{number:06}") if isinstance(value, str) else value
        for name, value in span.attributes.items()
        if EXTERNAL_TRACE.partition(".")[0] + "." not in name or name.startswith("mlflow.")
    }
    attributes.pop("mlflow.traceRequestId", None)
    update = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8)}
    times = {"start_ns": at, "end_ns": at + span.end_ns - span.start_ns}
    return span.model_copy(update={**update, **times, "attributes": attributes})


def _worker(folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "SMILE_TRACE_HOME": str(folder / "home")}
    with open(folder / "worker.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "smile_trace", "worker", "--once"],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
        )


def _counted(folder: Path) -> tuple[str, ...]:
    store = Store.open(Settings(home=folder / "home"))
    try:
        now = store.status()
        read = [f"{one.traces} traces, {one.calls} calls, {one.kept} kept" for one in now.sources]
        return (*read, f"{now.explained} explained")
    finally:
        store.close()


def _heatmaps(server: MLflowServer) -> Counter[str]:
    experiment = _experiment()
    found: Counter[str] = Counter()
    listed = mlflow.search_traces(
        locations=[experiment],
        return_type="list",
        max_results=100_000,
        filter_string="tag.`smile.status` IS NOT NULL",
    )
    for trace in listed:
        late = [s for s in trace.data.spans if s.name.startswith(EXPLANATION_NAME)]
        found[trace.info.trace_id] += len(late)
    return found


if __name__ == "__main__":
    main()
