"""Options, credentials, TLS, and a server's answers: a fake gives those that a real one cannot."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.errors import SmileTraceError
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, Rejected, TrackerUnavailable
from smile_trace_mlflow import MLflowTracker, load_prompt
from smile_trace_mlflow.prompts import prompt_template
from tests.support.explained import captured, explanation
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy, own_authority

pytestmark = pytest.mark.mlflow


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
        (429, "is not accepting data at the moment"),
        (501, "--backend-store-uri"),
        (503, "is not accepting data at the moment"),
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


@pytest.mark.parametrize("body", ["no", '{"message": "upstream is away"}', '{"error_code": "503"}'])
def test_a_server_that_is_busy_is_unavailable_whoever_answers(body: str) -> None:
    with (
        answering(503, body, {"Retry-After": "7"}) as (uri, _),
        pytest.raises(TrackerUnavailable, match="is not accepting data at the moment") as raised,
    ):
        tracker_at(uri).check()
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


def test_the_environment_activates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MLflowTracker.from_settings({}) is None
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


def test_a_chat_prompt_is_refused_with_what_to_do(mlflow_server: object) -> None:
    import mlflow

    mlflow.genai.register_prompt("chatty", [{"role": "user", "content": "Hi {{name}}"}])
    with pytest.raises(SmileTraceError, match="is a chat prompt"):
        load_prompt("prompts:/chatty/1")


BASIC = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pässword"}
BEARER = {"MLFLOW_TRACKING_TOKEN": "a-token"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "authorization"),
    [
        (BASIC, "Basic " + base64.b64encode("ann:pässword".encode()).decode()),
        (BEARER, "Bearer a-token"),
    ],
    ids=["basic", "bearer"],
)
def test_everything_arrives_through_tls_and_authorization(
    variables: dict[str, str],
    authorization: str,
    mlflow_server: MLflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, tls = own_authority(tmp_path)
    experiment = mlflow_server.new_experiment()
    explained = explanation()
    trace, call = captured(explained)
    items = [CapturedTrace(trace=trace)]
    with ReverseProxy(mlflow_server.port, tls=tls, authorization=authorization) as proxy:
        tracker = MLflowTracker.from_settings({"tracking_uri": proxy.url, "experiment": experiment})
        assert tracker is not None
        with pytest.raises(TrackerUnavailable, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
            tracker.deliver_traces(items)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
        with pytest.raises(TrackerUnavailable, match="refuses our credentials"):
            tracker.deliver_traces(items)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        tracker.check()
        [received] = tracker.deliver_traces(items)
        assert isinstance(received, Receipt)
        item = ExplainedCall(
            trace=trace, call=call, explanation=explained, traced_as=received.external_id
        )
        [outcome] = tracker.deliver_explanations([item])
        assert isinstance(outcome, Receipt), outcome
        tracker.close()
    # and without the proxy: what the server itself holds
    found = MlflowClient().get_experiment_by_name(experiment)
    assert found is not None
    [kept] = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    assert kept.info.trace_id == received.external_id
    assert len(kept.data.spans) == len(trace.spans) + 1
    assert len(kept.info.assessments) == 2
