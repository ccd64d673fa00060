"""Traces that MLflow itself wrote are read from a real server, explained, and shown there."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import openai
import pytest
from mlflow import MlflowClient
from mlflow.entities import Trace

from smile_trace.records import Explanation
from smile_trace_mlflow import MLflowSource
from smile_trace_mlflow.spans import EXPLANATION_NAME
from tests.support.command_line import run_command
from tests.support.mlflow_server import MLflowServer
from tests.support.strict_openai import StrictServer, strict

pytestmark = pytest.mark.mlflow

WORD = "Eiffel"
PROMPT = f"The {WORD} Tower stands here. Where are we?"


def answer(body: dict[str, Any]) -> str:
    return "In Paris." if WORD in json.dumps(body["messages"]) else "I cannot know that."


@pytest.fixture
def model() -> Iterator[StrictServer]:
    with strict(answer) as server:
        yield server


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> Iterator[str]:
    """A new experiment, into which the calls of the OpenAI client are logged by themselves."""
    name = mlflow_server.new_experiment()
    mlflow.set_experiment(name)
    mlflow.openai.autolog()
    yield name
    mlflow.openai.autolog(disable=True)


def ask(model: StrictServer, prompt: str = PROMPT) -> None:
    openai.OpenAI(base_url=model.base_url, api_key="none").chat.completions.create(
        model="planted",
        temperature=0,
        messages=[
            {"role": "system", "content": "Answer in a few words."},
            {"role": "user", "content": prompt},
        ],
    )


def traces(experiment: str) -> Sequence[Trace]:
    """Those of an experiment, the earliest first."""
    mlflow.flush_trace_async_logging()
    found = mlflow.get_experiment_by_name(experiment)
    listed = mlflow.search_traces(
        locations=[found.experiment_id], return_type="list", order_by=["timestamp_ms ASC"]
    )
    return [mlflow.get_trace(trace.info.trace_id) for trace in listed]


def written(home: Path, model: StrictServer, more: str = "") -> None:
    """The settings of a home."""
    (home / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        f"temperature_zero_is_deterministic = true\n{more}"
    )


def command(home: Path, server: MLflowServer, *arguments: str) -> Any:
    env = {
        **os.environ,
        "SMILE_TRACE_HOME": str(home / "state"),
        "MLFLOW_TRACKING_URI": server.uri,
        "NO_COLOR": "1",
    }
    return run_command(*arguments, cwd=home, env=env)


def late_spans(trace: Trace) -> list[Any]:
    return [span for span in trace.data.spans if span.name.startswith(EXPLANATION_NAME)]


def test_a_trace_of_mlflow_is_explained_by_its_id(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    written(tmp_path, model)
    arguments = ("explain", trace.info.trace_id, "--budget", "30", "--json")

    done = command(tmp_path, mlflow_server, *arguments)
    assert done.returncode == 0, done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert explanation.answer == "In Paris."
    assert [m.role for m in explanation.messages] == ["system", "user"]
    driving = max(explanation.segments, key=lambda segment: segment.attribution)
    assert WORD in driving.text
    assert driving.significant
    assert not late_spans(traces(experiment)[0]), "nothing is written where nobody asked for it"

    for _ in range(2):
        done = command(tmp_path, mlflow_server, *arguments, "--deliver")
        assert done.returncode == 0, done.stderr
        assert trace.info.trace_id.encode() in done.stderr
    [shown] = traces(experiment)
    [late], [llm] = late_spans(shown), [s for s in shown.data.spans if s.span_type == "CHAT_MODEL"]
    assert late.parent_id == llm.span_id
    assert llm.start_time_ns <= late.start_time_ns <= late.end_time_ns <= llm.end_time_ns
    assert shown.info.execution_duration == trace.info.execution_duration
    assert shown.info.tags["smile.status"] == explanation.fidelity.status
    before = {span.span_id: span.to_dict() for span in trace.data.spans}
    assert {s.span_id: s.to_dict() for s in shown.data.spans if s is not late} == before
    assert not model.refused


def test_what_stands_in_mlflow_is_read_without_what_we_put_there(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    written(tmp_path, model)
    [trace] = traces(experiment)
    source = MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri})
    before = source.read(trace.info.trace_id)
    assert len(before) == len(trace.data.spans)
    explained = ("explain", trace.info.trace_id, "--budget", "20", "--deliver")
    assert command(tmp_path, mlflow_server, *explained).returncode == 0
    assert len(traces(experiment)[0].data.spans) == len(before) + 1
    assert source.read(trace.info.trace_id) == before


def test_a_trace_that_is_not_there_is_said_before_the_model_is_asked(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    MlflowClient().delete_traces(trace.info.experiment_id, trace_ids=[trace.info.trace_id])
    written(tmp_path, model)
    asked = len(model.bodies)
    done = command(tmp_path, mlflow_server, "explain", trace.info.trace_id)
    assert done.returncode == 1
    assert b"deleted" in done.stderr
    assert b"Traceback" not in done.stderr
    assert len(model.bodies) == asked


def test_without_an_address_it_is_said_where_to_write_it(
    tmp_path: Path, model: StrictServer
) -> None:
    written(tmp_path, model)
    env = {**os.environ, "SMILE_TRACE_HOME": str(tmp_path / "state"), "NO_COLOR": "1"}
    done = run_command("explain", "tr-" + 32 * "a", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert b"MLFLOW_TRACKING_URI" in done.stderr


def test_a_trace_of_the_store_is_not_delivered_in_the_foreground(
    tmp_path: Path, mlflow_server: MLflowServer, model: StrictServer
) -> None:
    written(tmp_path, model)
    done = command(tmp_path, mlflow_server, "explain", 32 * "a", "--deliver")
    assert done.returncode == 1
    assert b"smile-trace worker" in done.stderr
    assert not model.bodies
