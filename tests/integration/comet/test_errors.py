"""Errors of the server: one sentence that says what to do, bounded in time, nothing lost."""

import logging
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from smile_trace.trackers import Receipt, Rejected, TrackerUnavailable
from smile_trace_comet import CometTracker
from tests.support.comet_samples import captured, explained, prompt_trace
from tests.support.comet_server import KEY, comet_environment
from tests.support.fake_comet import Answer, FakeComet, Fault
from tests.support.spooled import trace_id

LLM = "/write/experiment/llm"


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, {"msg": "no"} if body is None else body, headers)


def inner(status: int, code: int) -> Answer:
    """The endpoint for batches answers 200 around each part's own status."""
    content = {"msg": "no", "sdk_error_code": code}
    return Answer(200, {trace_id(1): {"status": status, "content": content}})


ERRORS = {
    "401": (answer(401), "COMET_API_KEY"),
    "unknown key": (answer(400, {"sdk_error_code": 90212}), "COMET_API_KEY"),
    "403": (answer(403), "give its account access"),
    "429": (answer(429, None, **{"Retry-After": "7"}), "takes nothing for the moment"),
    "502": (answer(502), "takes nothing for the moment"),
    "503": (answer(503), "takes nothing for the moment"),
    "504": (answer(504), "takes nothing for the moment"),
    "500": (answer(500), "tried again"),
    "no workspace": (inner(400, 90219), "COMET_WORKSPACE"),
    "wrong project": (inner(400, 34323), "set project in"),
    "no CometLLM": (answer(404), "trackers.opik"),
    "a login page": (Answer(200, b"<html>log in</html>", {}, "text/html"), "is not Comet"),
    "another service": (Answer(200, [1, 2]), "is not Comet"),
    "other JSON": (Answer(200, {"ok": True}), "is not Comet"),
    "no JSON": (Answer(200, b"{", {}), "is not Comet"),
    "odd codes": (Answer(200, {"k": {"status": "?", "content": {"sdk_error_code": "?"}}}), "500"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_unavailable_servers_get_everything_later(
    comet_server: FakeComet, tracker: CometTracker, error: str
) -> None:
    given, words = ERRORS[error]
    comet_server.faults = [Fault("answer", given, path=LLM, times=2)]
    for _ in range(2):
        with pytest.raises(TrackerUnavailable) as raised:
            tracker.deliver_traces(captured(prompt_trace(1)))
        sentence = str(raised.value)
        assert words in sentence
        assert KEY not in sentence
        assert "\n" not in sentence
        assert raised.value.retry_after == (7.0 if error == "429" else None)
    (receipt,) = tracker.deliver_traces(captured(prompt_trace(1)))
    assert isinstance(receipt, Receipt)
    assert len(comet_server.of_key(trace_id(1))) == 1


@pytest.mark.parametrize("path", ["isAlive", "experiment/metadata", LLM])
@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_silent_server_times_out(
    comet_server: FakeComet,
    hasty: CometTracker,
    tracker: CometTracker,
    path: str,
    takes_effect: bool,
) -> None:
    """Accepts and never answers: at the first handshake, at the look, at the write."""
    comet_server.faults = [Fault("hang", path=path, seconds=2.0, takes_effect=takes_effect)]
    with pytest.raises(TrackerUnavailable, match=r"did not answer within 0\.5 s"):
        hasty.deliver_traces(captured(prompt_trace(1)))
    (receipt,) = tracker.deliver_traces(captured(prompt_trace(1)))
    assert isinstance(receipt, Receipt)
    assert len(comet_server.of_key(trace_id(1))) == 1


def test_a_failing_trace_holds_up_no_other(comet_server: FakeComet, tracker: CometTracker) -> None:
    tracker.deliver_traces(captured(prompt_trace(9)))  # connected
    comet_server.faults = [Fault("answer", answer(500), path=LLM)]
    outcomes = tracker.deliver_traces(captured(*(prompt_trace(n) for n in (1, 2, 3))))
    (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert refusal.retry is True
    assert len(comet_server.experiments) == 3


def test_a_trace_that_is_too_large_is_rejected_for_good(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    comet_server.faults = [Fault("answer", answer(413), path=LLM)]
    outcomes = tracker.deliver_traces(captured(prompt_trace(1), prompt_trace(2)))
    (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert refusal.retry is False
    assert "413" in refusal.reason
    assert "smile-trace retry" in refusal.reason
    assert len(comet_server.experiments) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 300 + b"]" * 300,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"9" * 30 + b"}",
        b"[7]",
    ],
)
@pytest.mark.parametrize("path", ["experiment/metadata", "asset/list", "metrics/summary"])
def test_an_odd_reply_costs_one_explanation(
    path: str, body: bytes, comet_server: FakeComet, tracker: CometTracker
) -> None:
    first, second = prompt_trace(1), prompt_trace(2)
    tracker.deliver_traces(captured(first, second))
    comet_server.faults = [Fault("answer", Answer(200, body), path=path)]
    items = [explained(first), explained(second)]
    outcomes = tracker.deliver_explanations(items)  # both at once
    [refused] = [one for one in outcomes if isinstance(one, Rejected)]
    assert refused.retry
    assert "what Comet replied cannot be read" in refused.reason
    assert len([one for one in outcomes if isinstance(one, Receipt)]) == 1
    assert all(isinstance(one, Receipt) for one in tracker.deliver_explanations(items))


def test_an_old_server_is_refused(comet_server: FakeComet, tracker: CometTracker) -> None:
    comet_server.faults = [Fault("answer", Answer(200, {"version": "3.20.1"}), path="isAlive")]
    with pytest.raises(TrackerUnavailable, match="too old"):
        tracker.deliver_traces(captured(prompt_trace(1)))


def test_an_older_server_says_400_of_what_it_does_not_know(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    comet_server.missing = 400
    try:
        (receipt,) = tracker.deliver_traces(captured(prompt_trace(1)))
    finally:
        comet_server.missing = 404
    assert isinstance(receipt, Receipt)


def test_an_error_during_an_explanation(comet_server: FakeComet, tracker: CometTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    comet_server.faults = [Fault("answer", answer(503), path="upload-asset", after=1)]
    with pytest.raises(TrackerUnavailable):
        tracker.deliver_explanations([explained(trace)])
    (receipt,) = tracker.deliver_explanations([explained(trace)])
    assert isinstance(receipt, Receipt)


def test_the_key_is_never_shown(
    comet_server: FakeComet, tracker: CometTracker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    comet_server.faults = [Fault("answer", answer(403, {"msg": "denied"}), path=LLM)]
    trace = prompt_trace(1)
    with pytest.raises(TrackerUnavailable):
        tracker.deliver_traces(captured(trace))
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace)])
    ours = [record for record in caplog.records if record.name.startswith("smile_trace")]
    assert not any(KEY in record.getMessage() for record in ours)
    assert not any(
        KEY in asset.content.decode() for e in comet_server.experiments for asset in e.assets
    )


# -- another configuration: a process of its own ------------------------------------------------

DELIVER = """
import sys
from smile_trace.trackers import TrackerUnavailable
from smile_trace_comet import CometTracker
from tests.support.comet_samples import captured, prompt_trace
tracker = CometTracker.from_settings({"timeout_seconds": 1.0})
try:
    print(tracker.deliver_traces(captured(prompt_trace(1))))
except TrackerUnavailable as error:
    print("unavailable:", error)
"""


def deliver_elsewhere(url: str, folder: Path, **variables: str) -> str:
    """What a process says that delivers one trace to `url`."""
    done = subprocess.run(
        [sys.executable, "-c", DELIVER],
        env=comet_environment(url, str(folder), **variables),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_server_that_does_not_run_makes_it_unavailable(tmp_path: Path) -> None:
    said = deliver_elsewhere("http://127.0.0.1:9", tmp_path)
    assert said.startswith("unavailable: Comet at http://127.0.0.1:9 does not answer")


def test_a_closed_connection_is_tried_once_per_delivery(tmp_path: Path) -> None:
    """comet_ml itself would try for 31 s; the outbox does that better."""
    callers = 0

    def hang_up() -> None:
        nonlocal callers
        with suppress(OSError):  # closed at the end
            while True:
                connection, _ = server.accept()
                callers += 1
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert deliver_elsewhere(url, tmp_path).startswith(f"unavailable: Comet at {url} does not")
    assert callers == 1


def test_an_unknown_certificate_makes_it_unavailable(tmp_path: Path) -> None:
    from tests.support.comet_certificates import self_signed

    with FakeComet(tls=self_signed(tmp_path)) as server:
        said = deliver_elsewhere(server.url, tmp_path)
        assert said.startswith("unavailable: the certificate of https://")
        assert "REQUESTS_CA_BUNDLE" in said
        trusted = deliver_elsewhere(
            server.url, tmp_path, REQUESTS_CA_BUNDLE=str(tmp_path / "certificate.pem")
        )
        assert "Receipt" in trusted


def test_a_missing_key_makes_it_unavailable(tmp_path: Path) -> None:
    said = deliver_elsewhere("http://127.0.0.1:9", tmp_path, COMET_API_KEY="")
    assert "set COMET_API_KEY" in said


@pytest.mark.slow
def test_the_key_may_come_from_comets_own_file(tmp_path: Path) -> None:
    with FakeComet(api_key="from the file") as server:
        environment = comet_environment(server.url, str(tmp_path))
        del environment["COMET_API_KEY"]
        (tmp_path / "comet.config").write_text("[comet]\napi_key = from the file\n")
        done = subprocess.run(
            [sys.executable, "-c", DELIVER],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert "Receipt" in done.stdout, done.stderr


@pytest.mark.slow
def test_traces_wait_while_comet_is_offline(tmp_path: Path) -> None:
    with FakeComet() as server:
        said = deliver_elsewhere(server.url, tmp_path, COMET_ONLINE="0")
    assert "traces wait" in said
    assert server.requests == []


@pytest.mark.slow
def test_a_workspace_that_does_not_exist(tmp_path: Path) -> None:
    with FakeComet() as server:
        said = deliver_elsewhere(server.url, tmp_path, COMET_WORKSPACE="nobody")
    assert "no such workspace" in said
