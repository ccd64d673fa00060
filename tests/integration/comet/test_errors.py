"""Settings, and errors of the server: a sentence that says what to do, and nothing is lost."""

import logging
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from smile_trace.trackers import Receipt, Rejected, TrackerUnavailable
from smile_trace_comet import CometArchiveTracker, CometTracker, sdk
from tests.support.comet_samples import captured, explained, prompt_trace
from tests.support.comet_server import KEY, comet_environment
from tests.support.fake_comet import Answer, FakeComet, Fault
from tests.support.spooled import trace_id


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMET_API_KEY", raising=False)


def test_the_key_activates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CometTracker.from_settings({}) is None
    assert CometArchiveTracker.from_settings({}) is None
    monkeypatch.setenv("COMET_API_KEY", "some key")
    tracker = CometTracker.from_settings({})
    assert isinstance(tracker, CometTracker)
    assert "some key" not in repr(vars(tracker))


@pytest.mark.parametrize(
    ("name", "said"),
    [(".comet.config", "[comet]\nurl_override = {}\n"), (".env", "COMET_URL_OVERRIDE={}\n")],
)
def test_a_file_of_the_working_directory_does_not_say_where_the_key_goes(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMET_API_KEY", "some key")
    monkeypatch.delenv("COMET_URL_OVERRIDE", raising=False)
    (tmp_path / name).write_text(said.format("http://192.0.2.1"))
    with pytest.raises(ValueError, match="set COMET_URL_OVERRIDE"):
        CometTracker.from_settings({})
    monkeypatch.setenv("COMET_URL_OVERRIDE", "http://192.0.2.1")
    assert CometTracker.from_settings({}) is not None
    monkeypatch.delenv("COMET_URL_OVERRIDE")
    monkeypatch.setenv("HOME", str(tmp_path))  # where `comet login` writes it
    if name == ".comet.config":
        assert CometTracker.from_settings({}) is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"projekt": "x"}, r"\[trackers.comet\] has no option 'projekt': it takes .*workspace"),
        ({"concurrency": 0}, r"\[trackers.comet\] concurrency"),
        ({"concurrency": 1000}, r"\[trackers.comet\] concurrency"),
        ({"timeout_seconds": "soon"}, r"\[trackers.comet\] timeout_seconds"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CometTracker.from_settings(options)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'smile-trace\[comet\]'"):
        CometTracker.from_settings({"project": "p"})


@pytest.mark.slow
def test_nothing_of_comet_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    """And then its automatic logging stays off, also for an mlflow or openai loaded later."""
    code = """
import sys
from smile_trace_comet import CometTracker, sdk
CometTracker.from_settings({})
assert not {"comet_ml", "comet_llm", "requests"} & set(sys.modules), "loaded too early"
comet_ml, comet_llm = sdk.load()
assert comet_ml.get_config("comet.disable_auto_logging")
assert not comet_llm.config.autologging_enabled()
assert not any(type(f).__name__ == "CometModuleFinder" for f in sys.meta_path)
assert not any("comet_llm" in type(f).__module__ for f in sys.meta_path)
assert not comet_ml.error_tracking.enabled_in_config()
print("suppress_instrumentation")
"""
    environment = comet_environment("http://127.0.0.1:9", str(tmp_path))
    for name in ("COMET_DISABLE_AUTO_LOGGING", "COMET_ERROR_TRACKING_ENABLE"):
        del environment[name]  # we set them ourselves
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.stdout.strip() == "suppress_instrumentation", done.stderr


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
    "429": (answer(429, None, **{"Retry-After": "7"}), "is not accepting data at the moment"),
    "502": (answer(502), "is not accepting data at the moment"),
    "503": (answer(503), "is not accepting data at the moment"),
    "504": (answer(504), "is not accepting data at the moment"),
    "500": (answer(500), "will try again"),
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


@pytest.mark.parametrize(
    ("path", "takes_effect"),
    [
        ("isAlive", False),
        pytest.param("experiment/metadata", False, marks=pytest.mark.slow),
        (LLM, True),
    ],
)
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
    environment = comet_environment(url, str(folder), **variables)
    done = subprocess.run(
        [sys.executable, "-c", DELIVER],
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"COMET_API_KEY": ""}, "set COMET_API_KEY"),
        ({"COMET_ONLINE": "0"}, "traces wait"),
        ({"COMET_WORKSPACE": "nobody"}, "no such workspace"),
        ({"COMET_API_KEY": "", "config": "[comet]\napi_key = from the file\n"}, "Receipt"),
    ],
    ids=["no key", "offline", "no workspace", "key in its own file"],
)
def test_what_comets_own_configuration_says(
    variables: dict[str, str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "comet.config").write_text(variables.pop("config", ""))
    with FakeComet(api_key="from the file" if words == "Receipt" else KEY) as server:
        assert words in deliver_elsewhere(server.url, tmp_path, **variables)


@pytest.mark.slow
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


@pytest.mark.slow
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
