"""Reviewing: the page's server, what people are asked about, and the cases it leaves."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping

import pytest
from rich.console import Console

import smile_trace
from smile_trace.errors import SmileTraceError
from smile_trace.probes.review.server import ReviewServer, results
from smile_trace.probes.review.tasks import confirmed_cases, stored_tasks, tasks_of, worth_a_minute
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.render.profile import print_profile
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.judged import judgement, with_profile
from tests.support.sample_profiles import (
    BATTERIES,
    QUESTION,
    RETURNS,
    first_document,
    sample_profile,
)
from tests.support.spooled import trace_id

pytestmark = pytest.mark.thorough

Reply = tuple[int, dict[str, str], str]


@pytest.fixture
def kept() -> list[tuple[ReviewTask, Judgement]]:
    return []


@pytest.fixture
def server(kept: list[tuple[ReviewTask, Judgement]]) -> Iterator[ReviewServer]:
    tasks = list(tasks_of(sample_profile(), "a trace"))
    with ReviewServer(tasks, "anna", lambda *judged: kept.append(judged)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    server: ReviewServer,
    method: str = "GET",
    path: str | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    wanted = f"/{server.token}/" if path is None else path
    sent = {"Content-Type": "application/json", **(headers or {})}
    connection.request(method, wanted, body, sent)
    response = connection.getresponse()
    answer = response.status, dict(response.headers), response.read().decode()
    connection.close()
    return answer


def replies(server: ReviewServer, **other: str) -> bytes:
    variant = next(iter(server.tasks))
    said = {"variant_id": variant, "same_meaning": "yes", "worse": "no", "reason": "cannot_say"}
    return json.dumps(said | other).encode()


def post(server: ReviewServer, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    return ask(server, "POST", f"/{server.token}/judgements", body, headers)


def test_the_page_may_run_its_own_script_only_and_is_kept_nowhere(server: ReviewServer) -> None:
    status, headers, page = ask(server)
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert page.count(f'nonce="{nonce}"') == 2 == page.count("nonce=")
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    assert nonce not in ask(server)[2], "each page has another"


def test_a_judgement_is_kept_with_its_variant(
    server: ReviewServer, kept: list[tuple[ReviewTask, Judgement]]
) -> None:
    assert post(server, replies(server))[0] == 204
    [(task, judgement)] = kept
    assert judgement.variant_id == task.item.id == next(iter(server.tasks))
    assert (judgement.reviewer, judgement.worse, task.item.trace_id) == ("anna", "no", "a trace")
    assert 'data-saved="yes"' in ask(server)[2], "it is there when the page is loaded again"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 404),
        ("/wrong/", {}, 404),
        (None, {"Host": "evil.example"}, 403),
        (None, {"Host": "127.0.0.1.evil.example"}, 403),
        (None, {"Origin": "http://evil.example"}, 403),
        (None, {"Origin": "null"}, 403),
    ],
)
def test_nobody_else_is_answered(
    server: ReviewServer, path: str | None, headers: dict[str, str], status: int
) -> None:
    found, _, text = ask(server, path=path, headers=headers)
    assert found == status
    assert server.token not in text


def test_what_is_no_judgement_is_refused_and_nothing_is_kept(
    server: ReviewServer, kept: list[tuple[ReviewTask, Judgement]]
) -> None:
    refused = [
        (post(server, b"\xff\x00"), 422),
        (post(server, b"[" * 9000), 422),
        (post(server, replies(server, worse="perhaps")), 422),
        (post(server, replies(server, reviewer="somebody else")), 422),
        (post(server, replies(server, variant_id="another")), 404),
        (post(server, b" " * 20_000), 413),
        (post(server, b"", headers={"Content-Length": "9" * 5000}), 413),
        (post(server, replies(server), headers={"Content-Type": "text/plain"}), 415),
        (post(server, replies(server), headers={"Origin": "http://evil.example"}), 403),
        (ask(server, "POST", "/judgements", replies(server)), 404),
    ]
    assert [answer[0] for answer, _ in refused] == [status for _, status in refused]
    assert not kept
    assert post(server, replies(server))[0] == 204


def test_a_port_that_is_taken_is_said(server: ReviewServer) -> None:
    with pytest.raises(SmileTraceError, match="another --port"):
        ReviewServer([], "anna", lambda *_: None, server.server_port)


def moved(store: Store) -> ReviewTask:
    """A variant of another order whose answer counted."""
    return next(task for task in stored_tasks(store).values() if task.item.counts)


def test_every_variant_is_a_task_but_those_whose_change_is_no_failure() -> None:
    profile = sample_profile()
    found = list(tasks_of(profile))
    assert {task.item.probe for task in found} == {
        name for name, result in profile.results.items() if result.calls and name != "grounding"
    }
    assert len({task.item.id for task in found}) == len(found)
    assert len({task.item.prompt for task in found}) == 1


def test_nobody_is_asked_about_the_same_answer_or_twice(store: Store) -> None:
    with_profile(store)
    tasks = worth_a_minute(store, 50, reviewer="anna")
    assert tasks
    assert all(task.changed_answer != RETURNS for task in tasks)
    store.judgements.keep([(tasks[0].item, judgement(tasks[0].item, "anna"))])
    assert tasks[0] not in worth_a_minute(store, 50, reviewer="anna")
    assert tasks[0] in worth_a_minute(store, 1, reviewer="bert"), "a second opinion comes first"
    assert tasks[0] not in worth_a_minute(store, 50), "anybody's is enough for a queue"
    assert worth_a_minute(store, 50, name="another") == []


def test_what_is_confirmed_is_told_and_becomes_a_case(store: Store, settings: Settings) -> None:
    with_profile(store)
    task = moved(store)
    assert results(store, settings).confirmations == {}
    store.judgements.keep([(task.item, judgement(task.item, "anna"))])
    found = results(store, settings)
    assert found.confirmations["order"].confirmed == 1
    assert not found.confirmations["order"].counts
    assert [one.alpha for one in found.reliability] == [None] * 3
    [case] = confirmed_cases(store)
    assert case.expectations == {"expected_response": RETURNS}
    assert case.tags["smile_trace.failed_answer"] == BATTERIES
    assert case.inputs["messages"][0]["content"] == task.changed_messages[0].content
    store.judgements.keep([(task.item, judgement(task.item, "bert", same="no"))])
    assert list(confirmed_cases(store)) == [], "they are divided"


def test_a_case_goes_with_what_is_forgotten(store: Store, settings: Settings) -> None:
    with_profile(store)
    task = moved(store)
    store.judgements.keep([(task.item, judgement(task.item, "anna"))])
    store.forgetting.erase([trace_id(1)], now=9.0)
    assert list(confirmed_cases(store)) == []
    assert results(store, settings).confirmations == {}


def test_a_profile_says_how_often_people_agreed_and_warns_where_nobody_did(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))

    def shown() -> str:
        found = smile_trace.profile(QUESTION, model=first_document, answer=RETURNS, budget=60)
        assert found.results["grounding"].confirmation is None
        console = Console(record=True, width=200)
        print_profile(found, console)
        text = console.export_text()
        told = [line for line in text.splitlines() if line.startswith("Another order: ")]
        assert told[-1].removeprefix("Another order: ").rstrip(".") in found.to_html()
        return told[-1]

    assert "no person has judged it" in shown()
    with_profile(store)
    store.judgements.keep([(task.item, judgement(task.item, "anna")) for task in [moved(store)]])
    assert "people confirmed 1 of 1 variant of 1 prompt (27 to 100 %)" in shown()
