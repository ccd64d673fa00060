"""A forgotten trace on a real server: trace, assessments, files, rows and comparisons are gone."""

from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.settings import Settings
from smile_trace.trackers import (
    ComparedPrompt,
    ExplainedCall,
    Rejected,
)
from smile_trace.worker.forget import find, forget
from smile_trace.worker.run import run
from smile_trace_contracts.samples import sample_comparison
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.runs import page_path
from smile_trace_mlflow.spans import EXTERNAL_SPAN, EXTERNAL_TRACE
from tests.support.mlflow_cases import PROMPT, case, deliver, forgotten, received
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import serving
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.worker_settings import settings_tables

pytestmark = pytest.mark.mlflow


MARKER, OTHER = "zanzibar", "lighthouse"


def everything(experiment: str, server: MLflowServer) -> str:
    """Every trace and run that a person sees, and every file that the server has of them."""
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    place = str(found.experiment_id)
    texts = [trace.to_json() for trace in client.search_traces(locations=[place])]
    texts += [str(run.to_dictionary()) for run in client.search_runs([place])]
    for path in server.folder.rglob("*"):
        if path.is_file() and place in path.relative_to(server.folder).parts:
            texts.append(f"{path} {path.read_bytes().decode(errors='replace')}")
    return "\n".join(texts)


def test_nothing_of_a_forgotten_trace_is_left(
    mlflow_server: MLflowServer, tracker: MLflowTracker, experiment: str
) -> None:
    mine, other = case(MARKER), case(OTHER)
    ids = [deliver(tracker, mine), deliver(tracker, other)]
    received(tracker.deliver_comparison(ComparedPrompt(comparison=sample_comparison(PROMPT))))
    before = everything(experiment, mlflow_server)
    assert before.count("comparison.html") >= 1
    item = ExplainedCall(trace=mine[0], call=mine[1], explanation=mine[2], traced_as=ids[0])
    page = page_path(item).rpartition("/")[2]
    for piece in (MARKER, mine[0].trace_id, "attachments", page):
        assert piece in before
    for _ in range(2):  # deleted twice, it is gone all the same
        received(tracker.forget([forgotten(mine, ids[0])])[0])
    after = everything(experiment, mlflow_server)
    assert MARKER not in after
    assert mine[0].trace_id not in after
    assert page not in after
    assert "comparison.html" not in after
    assert OTHER in after
    assert mlflow.get_trace(ids[0]) is None
    assert len(mlflow.get_trace(ids[1]).info.assessments) == 2
    # The comparison is made anew by the worker.
    again = ComparedPrompt(comparison=sample_comparison(PROMPT))
    received(tracker.deliver_comparison(again))
    assert "comparison.html" in everything(experiment, mlflow_server)


@pytest.mark.slow
def test_the_explanation_is_taken_out_of_the_users_own_trace(
    mlflow_server: MLflowServer, tracker: MLflowTracker, experiment: str
) -> None:
    mlflow.set_experiment(experiment)
    with mlflow.start_span("application") as span:
        span.set_outputs("their own text")
    mlflow.flush_trace_async_logging()
    mine = case(MARKER, {EXTERNAL_TRACE: span.trace_id, EXTERNAL_SPAN: span.span_id})
    assert deliver(tracker, mine) == span.trace_id
    assert MARKER in everything(experiment, mlflow_server)
    for _ in range(2):
        [outcome] = tracker.forget([forgotten(mine, span.trace_id)])
        assert isinstance(outcome, Rejected)
        assert not outcome.retry
        assert f"the application itself wrote {span.trace_id}" in outcome.reason
    after = everything(experiment, mlflow_server)
    assert MARKER not in after
    assert "their own text" in after
    assert mlflow.get_trace(span.trace_id).info.assessments == []


@pytest.mark.slow
def test_the_command_deletes_what_the_worker_delivered(
    mlflow_server: MLflowServer, experiment: str, tmp_path: Path
) -> None:
    def echo(prompt: str) -> str:
        return f"you said {prompt}"

    with serving(echo) as server:
        tables = settings_tables(server.base_url, {})
        options = {"tracking_uri": mlflow_server.uri, "experiment": experiment}
        settings = Settings(home=tmp_path / "home", **tables, trackers={"mlflow": options})
        for number, word in ((1, MARKER), (2, OTHER)):
            prompt = f"where is the {word} from here"
            of_user: dict[str, Any] = {"user.id": word}
            span = call_span(number, prompt=prompt, answer=echo(prompt), **of_user)
            write_spool(settings.spool, [span], f"{number}.jsonl")
        run(settings, once=True)
        before = everything(experiment, mlflow_server)
        assert before.count("Why this answer?") >= 2
        assert MARKER in before
        done = forget(settings, find(settings, user=MARKER))
    assert (done.copies, done.left) == ({"mlflow": 1}, ())
    after = everything(experiment, mlflow_server)
    assert MARKER not in after
    assert trace_id(1) not in after
    assert OTHER in after
    assert not [
        path
        for path in settings.home.rglob("*")
        if path.is_file() and MARKER.encode() in path.read_bytes()
    ]
