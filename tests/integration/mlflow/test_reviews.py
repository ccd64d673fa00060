"""Variants in MLflow's own review queue: the contract suite; judged by clicking and read."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import AssessmentSource, TraceInfo

from smile_trace.probes.review.tasks import confirmed_cases, stored_tasks
from smile_trace.records.judgement import Reply
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers.reviews import CHOICES
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.review import ReviewContract
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.reviews import MLflowQueues
from tests.support.browser import WatchedPage
from tests.support.judged import judgement, reviewing, with_profile
from tests.support.mlflow_pages import open_review, prefer, reply_in_review
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy

pytestmark = pytest.mark.mlflow
QUEUE = "experts"


def tracker_of(uri: str, experiment: str) -> MLflowTracker:
    tracker = MLflowTracker.from_settings({"tracking_uri": uri, "experiment": experiment})
    assert tracker is not None
    return tracker


@pytest.mark.browser
def test_sent_answered_by_clicking_read_back_and_shown(
    mlflow_server: MLflowServer, watched_page: WatchedPage, tmp_path: Path
) -> None:
    experiment = mlflow_server.new_experiment()
    store, run = reviewing(
        tmp_path, MLFLOW_TRACKING_URI=mlflow_server.uri, MLFLOW_EXPERIMENT_NAME=experiment
    )

    assert "2 variants are in the queue experts of mlflow" in run(
        "send", "--queue", QUEUE, "--number", "2"
    )
    assert "Nobody has judged" in run("read", "--queue", QUEUE)
    page = watched_page.page
    prefer(page.context, dark=False)
    tracker = tracker_of(mlflow_server.uri, experiment)
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


class TestMLflowReviews(ReviewContract):
    cut_off_step = 7
    experiment: str
    direct: MLflowTracker

    @pytest.fixture
    def server(self, mlflow_server: MLflowServer) -> Iterator[ReverseProxy]:
        with ReverseProxy(mlflow_server.port) as proxy:
            self.experiment = mlflow_server.new_experiment()
            self.direct = tracker_of(mlflow_server.uri, self.experiment)
            yield proxy

    @pytest.fixture
    def tracker(self, server: ReverseProxy) -> MLflowTracker:
        return tracker_of(server.url, self.experiment)

    def waiting(self, server: FakeHttpServer, queue: str) -> list[str]:
        return [info.tags["smile.variant"] for info in self.queued(queue)]

    def judge(
        self, server: FakeHttpServer, queue: str, variant: str, replies: Mapping[str, Reply]
    ) -> str:
        choices = {reply: choice for choice, reply in CHOICES.items()}
        source = AssessmentSource(source_type="HUMAN", source_id="anna")
        [info] = [one for one in self.queued(queue) if one.tags["smile.variant"] == variant]
        for name, reply in replies.items():
            for held in info.assessments:
                if held.name == f"smile.{name}":
                    mlflow.delete_assessment(info.trace_id, str(held.assessment_id))
            mlflow.log_feedback(
                trace_id=info.trace_id, name=f"smile.{name}", value=choices[reply], source=source
            )
        return "anna"

    def queued(self, queue: str) -> list[TraceInfo]:
        queues = MLflowQueues(self.direct._server)
        held = queues.find(queue)
        assert held is not None
        return queues.queued(held)


@pytest.mark.slow
def test_confirmed_failures_are_records_of_mlflows_datasets(
    mlflow_server: MLflowServer, tmp_path: Path
) -> None:
    """As docs/review.md says it, line by line of the file."""
    with Store.open(Settings(home=tmp_path / "home")) as store:
        with_profile(store)
        task = next(task for task in stored_tasks(store).values() if task.item.counts)
        store.judgements.keep([(task.item, judgement(task.item, "anna"))])
        lines = [case.model_dump_json() for case in confirmed_cases(store)]
    dataset = mlflow.genai.datasets.create_dataset(name=mlflow_server.new_experiment())
    for _ in range(2):  # merged again, nothing is doubled
        dataset.merge_records([json.loads(line) for line in lines])
    [record] = dataset.to_df().to_dict("records")
    assert record["inputs"]["messages"][0]["content"] == task.changed_messages[0].content
    assert record["expectations"] == {"expected_response": task.answer}
    assert record["tags"]["smile_trace.variant"] == task.item.id
