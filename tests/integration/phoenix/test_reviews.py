"""Variants in a real Phoenix: the contract suite; annotated by clicking, read back, and told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from smile_trace.records.judgement import Reply
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace.trackers.reviews import CHOICES
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.review import ReviewContract
from smile_trace_contracts.samples import HOSTILE, sample_review
from smile_trace_phoenix import PhoenixTracker
from tests.support.browser import WatchedPage
from tests.support.judged import reviewing
from tests.support.phoenix_behind_proxy import BehindProxy
from tests.support.phoenix_pages import next_in_review, open_review, prefer, reply_in_review
from tests.support.phoenix_server import PhoenixServer
from tests.support.reverse_proxy import ReverseProxy

pytestmark = pytest.mark.phoenix
QUEUE = "experts"
_OF_PAGE = """mutation($input: [CreateSpanAnnotationInput!]!) {
    createSpanAnnotations(input: $input) { spanAnnotations { id } } }"""
"""What Phoenix's page sends where a person annotates a span."""


@pytest.mark.browser
def test_sent_annotated_by_clicking_read_back_and_shown(
    phoenix_server: PhoenixServer, watched_page: WatchedPage, tmp_path: Path
) -> None:
    project = phoenix_server.new_project()
    store, run = reviewing(
        tmp_path, PHOENIX_COLLECTOR_ENDPOINT=phoenix_server.url, PHOENIX_PROJECT_NAME=project
    )

    sent = run("send", "--queue", QUEUE, "--number", "2")
    assert "2 variants are in the queue experts of phoenix" in sent
    page = watched_page.page
    prefer(page.context, dark=False)
    open_review(page, project_url(phoenix_server, project))
    asked, answered = page.locator("pre").all_inner_texts()
    assert "What was changed in the request:" in asked
    assert "Batteries go to a collection point." in answered
    reply_in_review(page, same_meaning="yes", worse="yes", reason="cannot say")
    next_in_review(page)
    reply_in_review(page, same_meaning="yes", worse="no", reason="no")
    for _ in range(2):  # read again, nothing is doubled
        told = run("read", "--queue", QUEUE)
        assert "order: people confirmed 1 of 2 variants" in told
    said = [judgement for _, judgement in store.judgements.read()]
    assert sorted((one.worse, one.reason) for one in said) == [("no", "no"), ("yes", "cannot_say")]
    assert {one.reviewer for one in said} == {"somebody"}
    watched_page.check()
    store.close()


@pytest.mark.browser
def test_hostile_text_is_text(phoenix_server: PhoenixServer, watched_page: WatchedPage) -> None:
    project = phoenix_server.new_project()
    tracker = PhoenixTracker.from_settings({"url": phoenix_server.url, "project": project})
    assert tracker is not None
    task = sample_review("", HOSTILE).model_copy(update={"title": HOSTILE, "what": HOSTILE})
    tracker.send_for_review(QUEUE, [task])
    tracker.close()
    open_review(watched_page.page, project_url(phoenix_server, project))
    watched_page.check()


def project_url(server: PhoenixServer, project: str) -> str:
    """Where a person opens the queue."""
    held = server.get(f"projects/{project} review: {QUEUE}")
    return f"{server.url}/projects/{held['id']}"


class TestPhoenixReviews(BehindProxy, ReviewContract):
    cut_off_step = 5

    def test_a_project_that_is_made_meanwhile_is_taken(
        self, server: ReverseProxy, tracker: PhoenixTracker
    ) -> None:
        tracker.send_for_review(QUEUE, [sample_review("")])
        none_yet = Answer(200, {"data": [], "next_cursor": None})
        server.faults = [Fault("answer", none_yet, path="projects", method="GET")]
        tracker.send_for_review(QUEUE, [sample_review("")])
        assert len(self.waiting(server, QUEUE)) == 2

    def test_a_server_that_does_not_filter_loses_no_other_trace(
        self, server: ReverseProxy, tracker: PhoenixTracker
    ) -> None:
        forgotten, stays = sample_review("ab" * 16), sample_review("cd" * 16)
        tracker.send_for_review(QUEUE, [forgotten, stays])
        everything = Answer(200, {"data": self.spans(QUEUE), "next_cursor": None})
        server.faults = [Fault("answer", everything, path="/spans", method="GET", times=None)]
        [outcome] = tracker.forget([ForgottenTrace(trace_id="ab" * 16, start_ns=1)])
        assert isinstance(outcome, Receipt)
        assert self.waiting(server, QUEUE) == [stays.item.id]

    def waiting(self, server: FakeHttpServer, queue: str) -> list[str]:
        return [span["attributes"]["smile.variant"] for span in self.spans(queue)]

    def judge(
        self, server: FakeHttpServer, queue: str, variant: str, replies: Mapping[str, Reply]
    ) -> str:
        choices = {reply: choice for choice, reply in CHOICES.items()}
        [span] = [s for s in self.spans(queue) if s["attributes"]["smile.variant"] == variant]
        said = [
            {
                "spanId": span["id"],
                "name": f"smile_{name}",
                "label": choices[reply],
                "annotatorKind": "HUMAN",
                "source": "APP",
                "metadata": {},
            }
            for name, reply in replies.items()
        ]
        body = {"query": _OF_PAGE, "variables": {"input": said}}
        answer = httpx.post(f"{self.behind.url}/graphql", json=body, timeout=60).json()
        assert "errors" not in answer, answer
        return "somebody"

    def spans(self, queue: str) -> list[dict[str, Any]]:
        place = f"{self.project} review: {queue}"
        found: list[dict[str, Any]] = self.behind.get(f"projects/{place}/spans", limit=1000)
        return found
