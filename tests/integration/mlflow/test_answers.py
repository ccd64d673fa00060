"""Options, prompt templates, and the answers of a fake server: no MLflow server needed.

The server here is a fake, because a real one cannot be brought to give these answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.trackers import CapturedTrace, Rejected, TrackerUnavailable
from smile_trace_mlflow import MLflowTracker, load_prompt
from smile_trace_mlflow.prompts import prompt_template
from tests.support.explained import captured, explanation


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def answering(
    status: int, body: str = "no", headers: dict[str, str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A server that gives one answer to everything; its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tracker_at(uri: str) -> MLflowTracker:
    tracker = MLflowTracker.from_settings({"tracking_uri": uri})
    assert tracker is not None
    return tracker


def one_trace() -> list[CapturedTrace]:
    return [CapturedTrace(trace=captured(explanation())[0])]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "MLFLOW_TRACKING_USERNAME"),
        (403, "MLFLOW_TRACKING_TOKEN"),
        (404, "3.17 or newer"),
        (429, "takes nothing for the moment"),
        (501, "--backend-store-uri"),
        (503, "takes nothing for the moment"),
    ],
)
def test_statuses_that_make_it_unavailable(status: int, sentence: str) -> None:
    with (
        answering(status) as (uri, asked),
        pytest.raises(TrackerUnavailable, match=sentence) as raised,
    ):
        tracker_at(uri).deliver_traces(one_trace())
    assert uri in str(raised.value)
    assert len(asked) == 1


def test_retry_after_is_passed_on() -> None:
    with (
        answering(503, headers={"Retry-After": "7"}) as (uri, _),
        pytest.raises(TrackerUnavailable) as raised,
    ):
        tracker_at(uri).deliver_traces(one_trace())
    assert raised.value.retry_after == 7


@pytest.mark.parametrize(("status", "retry"), [(400, False), (422, False), (500, True)])
def test_a_rejected_item_quotes_the_server(status: int, retry: bool) -> None:
    with answering(status, body="the span is\nodd") as (uri, _):
        [outcome] = tracker_at(uri).deliver_traces(one_trace())
    assert outcome == Rejected(
        reason=f"MLflow rejected it ({status}: the span is odd)", retry=retry
    )


def test_a_server_that_is_not_there_is_named() -> None:
    with answering(200) as (uri, _):
        pass
    with pytest.raises(TrackerUnavailable, match=f"{uri} does not answer"):
        tracker_at(uri).deliver_traces(one_trace())


def test_credentials_come_from_mlflows_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, "") as (uri, asked):
        tracker_at(uri).deliver_traces(one_trace())
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        tracker_at(uri).deliver_traces(one_trace())
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass")
        tracker_at(uri).deliver_traces(one_trace())
    assert asked == [
        "/v1/traces None",
        "/v1/traces Bearer secret",
        "/v1/traces Basic YW5uOnBhc3M=",
    ]


def test_it_is_inactive_without_options_and_environment() -> None:
    assert MLflowTracker.from_settings({}) is None


def test_the_environment_activates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert MLflowTracker.from_settings({}) is not None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"uri": "http://127.0.0.1:1"}, "no option 'uri'"),
        ({"experiment": "x"}, "address is not set"),
        ({"tracking_uri": "sqlite:///mlflow.db"}, "address is sqlite:///mlflow.db"),
        ({"tracking_uri": 5000}, "address is 5000"),
    ],
)
def test_wrong_options_say_what_to_write(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MLflowTracker.from_settings(options)


@pytest.mark.parametrize(
    ("registered", "template"),
    [
        ("Hi {{name}}, {{ name }}!", "Hi {name}, {name}!"),
        ('{"json": [1, {}]} {{x}}', '{"json": [1, {}]} {x}'),
        ("{{{x}}}", "{{x}}"),
        ("no variable", "no variable"),
    ],
)
def test_double_braces_become_single_ones(registered: str, template: str) -> None:
    assert prompt_template(registered) == template


@pytest.mark.parametrize("registered", ["{name} is text", "{{a.b}}", "{% if x %}{{x}}{% endif %}"])
def test_a_template_that_would_change_its_meaning_is_refused(registered: str) -> None:
    with pytest.raises(ValueError, match=r"is text|has a dot|Jinja2"):
        prompt_template(registered)


@pytest.mark.mlflow
def test_a_chat_prompt_is_refused_with_what_to_do(mlflow_server: object) -> None:
    import mlflow

    mlflow.genai.register_prompt("chatty", [{"role": "user", "content": "Hi {{name}}"}])
    with pytest.raises(SmileTraceError, match="is a chat prompt"):
        load_prompt("prompts:/chatty/1")
