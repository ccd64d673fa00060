"""What a server's answers mean for a delivery, of one item and of many."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from smile_trace._text.log_context import about, log_fields
from smile_trace.errors import ReasonCode
from smile_trace.trackers import Outcome, Receipt, Rejected, TrackerUnavailable
from smile_trace.trackers.batches import deliver_batch, deliver_each, outcomes, split
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault, Request
from tests.support.hostile_server import HostileServer


def service(url: str = "http://dashboard.example/api/") -> Service:
    return Service(
        name="Dashboard",
        url=url,
        timeout_setting="timeout_seconds in [trackers.dashboard]",
        credentials="set DASHBOARD_KEY",
        access="name another project",
        address="DASHBOARD_URL",
    )


class Echo(FakeHttpServer):
    def answer(self, request: Request) -> Answer:
        if request.path == "/none":
            return Answer(204)
        return Answer(200, {"path": request.path, "body": request.body})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "set DASHBOARD_KEY"),
        (403, "name another project"),
        (408, "nothing needs to be done"),
        (429, "nothing needs to be done"),
        (503, "nothing needs to be done"),
    ],
)
def test_these_statuses_mean_that_nothing_is_taken(status: int, words: str) -> None:
    error = service().error(status, "said")
    assert isinstance(error, TrackerUnavailable)
    assert words in str(error)


@pytest.mark.parametrize(
    ("status", "retry", "code"),
    [
        (400, False, ReasonCode.REJECTED),
        (404, False, ReasonCode.NOT_FOUND),
        (413, False, ReasonCode.REJECTED),
        (500, True, ReasonCode.REJECTED),
    ],
)
def test_these_statuses_reject_one_item(status: int, retry: bool, code: ReasonCode) -> None:
    error = service().error(status, "said\n{this}")
    assert isinstance(error, RequestRejected)
    assert (error.outcome.retry, error.outcome.code) == (retry, code)


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as running:
        yield running


@pytest.fixture
def client(server: Echo) -> Iterator[HttpClient]:
    opened = HttpClient(service(server.url), auth=("user", "secret"))
    yield opened
    opened.close()


def test_json_is_sent_and_read(server: Echo, client: HttpClient) -> None:
    assert client.send("POST", "/a", {"x": "\ud800"}) == {"path": "/a", "body": {"x": "\ufffd"}}
    assert client.send("POST", "/none", {}) is None
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    server.faults = [Fault("answer", Answer(404, {}))]
    assert client.get("/a") is None
    server.faults = [Fault("answer", Answer(200, b'["\\ud83d", NaN, -Infinity]'))]
    assert client.get("/a") == ["\ufffd", None, None], "what is no text and no number"


def test_another_server_is_named(server: Echo, client: HttpClient) -> None:
    server.faults = [Fault("answer", Answer(200, b"<html>", {}, "text/html"))]
    with pytest.raises(TrackerUnavailable, match="is not Dashboard: check DASHBOARD_URL"):
        client.get("/a")
    server.faults = [Fault("close")]
    with pytest.raises(TrackerUnavailable, match="does not answer"):
        client.get("/a")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 100 + b"]" * 100, "nested deeper than 64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b'{"count": ' + b"9" * 5000 + b"}", "a number with thousands of digits"),
        (b'{"count": ' + b"9" * 30 + b"}", "more than 64 bits"),
        (b'{"count": 1e999}', "inf is not a JSON number"),
        (b"[" + b"1," * 2_000_001 + b"1]", "more than 2,000,000 values"),
        (b"[" + b"[]," * 500_001 + b"1]", "lists and objects"),
    ],
)
def test_a_reply_beyond_the_bounds_costs_one_item(
    server: Echo, client: HttpClient, body: bytes, said: str
) -> None:
    server.faults = [Fault("answer", Answer(200, body))]
    with pytest.raises(RequestRejected, match="what Dashboard replied cannot be read") as caught:
        client.send("POST", "/a", {})
    assert said in str(caught.value)
    assert caught.value.outcome.retry
    assert client.get("/a") == {"path": "/a", "body": None}


@pytest.mark.parametrize(
    "error", [KeyError("id"), TypeError("x"), AttributeError("y"), ValueError()]
)
def test_a_reply_of_another_shape_costs_one_item(error: Exception) -> None:
    with pytest.raises(RequestRejected, match="cannot be read"), service().reading():
        raise error


def test_a_reply_that_drips_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smile_trace.trackers.http.DEADLINE_TIMEOUTS", 1)
    with HostileServer("drip") as server:
        client = HttpClient(service(server.url), timeout=0.5)
        with pytest.raises(TrackerUnavailable, match=r"0\.5 s"):
            client.get("/x")
        client.close()


def test_a_client_that_is_closed_leaves_nobody_waiting() -> None:
    with HostileServer("drip") as server, ThreadPoolExecutor() as pool:
        client = HttpClient(service(server.url), timeout=30)
        waiting = pool.submit(client.get, "/x")
        while not server.requests:
            time.sleep(0.01)
        client.close()
        assert waiting.exception(timeout=5) is not None


def test_an_upload_goes_to_the_storage_without_our_headers() -> None:
    with Echo() as server:
        client = HttpClient(service(server.url), headers={"Authorization": "ours"})
        client.put_elsewhere(f"{server.url}/none", b"content")
        client.close()
    assert "Authorization" not in server.requests[0].headers


def rejected(status: int) -> RequestRejected:
    return RequestRejected("no", status=status, retry=status >= 500)


def test_batches_keep_the_order_and_the_limit() -> None:
    assert list(split([3, 4, 5, 20, 1], int, 8)) == [[3, 4], [5], [20], [1]]
    assert list(split([], int, 8)) == []


def test_a_rejected_batch_is_sent_one_by_one() -> None:
    sent: list[list[int]] = []

    def send(items: Sequence[int]) -> None:
        sent.append(list(items))
        if 2 in items:
            raise rejected(400)

    results = deliver_batch([1, 2, 3], lambda items: partial(send, items))
    assert [result and result.status for result in results] == [None, 400, None]
    assert sent == [[1, 2, 3], [1], [2], [3]]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_nothing_more_is_begun_once_the_server_takes_nothing(concurrency: int) -> None:
    begun: list[int] = []

    def deliver(item: int) -> Outcome:
        begun.append(item)
        raise TrackerUnavailable("down")

    with pytest.raises(TrackerUnavailable, match="down"):
        deliver_each(range(100), deliver, concurrency=concurrency)
    assert len(begun) <= concurrency


def test_a_server_that_fails_on_everything_is_no_items_fault() -> None:
    with pytest.raises(TrackerUnavailable, match="try again"):
        outcomes([rejected(500), rejected(502)])
    some = outcomes([rejected(500), Receipt(external_id="1")])
    assert [type(result) for result in some] == [Rejected, Receipt]
    assert outcomes([rejected(400)]) == [Rejected(reason="no", retry=False)]


def test_what_items_log_while_others_are_delivered_says_what_it_is_about() -> None:
    seen: list[Mapping[str, str | int]] = []

    def deliver(item: int) -> Outcome:
        seen.append(log_fields())
        return Receipt(external_id=str(item))

    with about(tracker="fake"):
        deliver_each(range(3), deliver, concurrency=2)
    assert seen == [{"tracker": "fake"}] * 3
