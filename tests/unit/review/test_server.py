"""The page's server: it answers its own page, and nobody else."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.review import ReviewServer, tasks_of
from tests.support.sample_profiles import sample_profile

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
