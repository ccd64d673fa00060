"""Variants in MLflow's own review queue: sent, judged by clicking, read back, and told."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.records.judgement import ReviewTask
from smile_trace.review import confirmed_cases, stored_tasks, tasks_of
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace_mlflow import MLflowTracker
from tests.support.browser import WatchedPage
from tests.support.command_line import run_command
from tests.support.explained import HOSTILE
from tests.support.judged import judgement, with_profile
from tests.support.mlflow_pages import open_review, prefer, reply_in_review
from tests.support.mlflow_server import MLflowServer
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id

pytestmark = pytest.mark.mlflow

QUEUE = "experts"


def tracker_of(server: MLflowServer) -> MLflowTracker:
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": server.uri, "experiment": server.new_experiment()}
    )
    assert tracker is not None
    return tracker


def counting(trace: str) -> Sequence[ReviewTask]:
    return [task for task in tasks_of(sample_profile(), trace) if task.item.counts]


@pytest.mark.browser
def test_sent_answered_by_clicking_read_back_and_shown(
    mlflow_server: MLflowServer, watched_page: WatchedPage, tmp_path: Path
) -> None:
    home, experiment = tmp_path / "home", mlflow_server.new_experiment()
    store = Store.open(Settings(home=home))
    with_profile(store)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SMILE_TRACE_HOME": str(home),
        "MLFLOW_TRACKING_URI": mlflow_server.uri,
        "MLFLOW_EXPERIMENT_NAME": experiment,
    }

    def run(*arguments: str) -> str:
        done = run_command("review", *arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    assert "2 variants are in the queue experts of mlflow" in run(
        "send", "--queue", QUEUE, "--number", "2"
    )
    assert "Nobody has judged" in run("read", "--queue", QUEUE)
    page = watched_page.page
    prefer(page.context, dark=False)
    tracker = tracker_of(mlflow_server)
    number = tracker._server.experiment_named(experiment)
    url = f"{mlflow_server.uri}/#/experiments/{number}"
    open_review(page, url, QUEUE)
    assert page.get_by_text("What was changed in the request").first.is_visible()
    assert page.get_by_text("Batteries go to a collection point.").first.is_visible()
    reply_in_review(page, same_meaning="yes", worse="yes", reason="cannot say")
    reply_in_review(page, same_meaning="yes", worse="no", reason="no")
    for _ in range(2):  # read again, nothing is doubled
        told = run("read", "--queue", QUEUE)
        assert "order: people confirmed 1 of 2 variants" in told
    said = [judgement for _, judgement in store.judgements.read()]
    assert sorted((one.worse, one.reason) for one in said) == [("no", "no"), ("yes", "cannot_say")]
    assert {one.reviewer for one in said} == {"default"}
    assert json.loads(run("read", "--json"))["confirmations"]["order"]["judgements"] == 2
    run("export", "cases.jsonl")
    [case] = map(json.loads, (tmp_path / "cases.jsonl").read_text().splitlines())
    assert case["tags"]["smile_trace.variant"] in stored_tasks(store)
    watched_page.check()
    store.close()


def test_a_variant_is_in_a_queue_once_and_goes_with_its_trace(mlflow_server: MLflowServer) -> None:
    tracker = tracker_of(mlflow_server)
    gone = counting(trace_id(1))
    hostile = gone[0].model_copy(
        update={"title": HOSTILE, "what": "a\0b", "changed_answer": f"{HOSTILE}\0\ud800"}
    )
    tracker.send_for_review(QUEUE, [hostile, *gone[1:2]])
    tracker.send_for_review(QUEUE, gone[:3])
    server = tracker._server
    queue = server.find_queue(QUEUE)
    assert queue is not None
    assert len(server.queued(queue)) == 3
    assert tracker.read_reviews(QUEUE) == []
    [outcome] = tracker.forget([ForgottenTrace(trace_id=trace_id(1), start_ns=1)])
    assert isinstance(outcome, Receipt)
    assert server.queued(queue) == []


def test_a_queue_that_is_not_there_is_said(mlflow_server: MLflowServer) -> None:
    with pytest.raises(SmileTraceError, match="no review queue 'nobody'"):
        tracker_of(mlflow_server).read_reviews("nobody")


def test_confirmed_failures_are_records_of_mlflows_datasets(
    mlflow_server: MLflowServer, tmp_path: Path
) -> None:
    """As docs/review.md says it, line by line of the file."""
    store = Store.open(Settings(home=tmp_path / "home"))
    with_profile(store)
    task = next(task for task in stored_tasks(store).values() if task.item.counts)
    store.judgements.keep([(task.item, judgement(task.item, "anna"))])
    lines = [case.model_dump_json() for case in confirmed_cases(store)]
    store.close()
    dataset = mlflow.genai.datasets.create_dataset(name=mlflow_server.new_experiment())
    for _ in range(2):  # merged again, nothing is doubled
        dataset.merge_records([json.loads(line) for line in lines])
    [record] = dataset.to_df().to_dict("records")
    assert record["inputs"]["messages"][0]["content"] == task.changed_messages[0].content
    assert record["expectations"] == {"expected_response": task.answer}
    assert record["tags"]["smile_trace.variant"] == task.item.id
