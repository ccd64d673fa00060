"""Traces that MLflow itself wrote are read from a real server, explained, and shown there."""

import base64
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import openai
import pytest
from mlflow import MlflowClient
from mlflow.entities import Span, Trace
from mlflow.tracing.client import TracingClient

import smile_trace
from smile_trace.dialects import assemble
from smile_trace.errors import ReasonCode
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.sources.protocol import Page, pulled
from smile_trace.store import Store
from smile_trace.store.arrivals import LATE_SECONDS
from smile_trace.trackers import CapturedTrace, Rejected
from smile_trace.trackers.presentation import EXPLANATION_NAME, PATH_NAME
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.pull import Pull
from smile_trace.worker.run import run
from smile_trace_mlflow import MLflowSource, MLflowTracker
from tests.support.command_line import run_command
from tests.support.explain_a_trace import PROMPT, WORD
from tests.support.explain_a_trace import model as model
from tests.support.mlflow_server import MLflowServer
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.strict_openai import StrictServer
from tests.support.worker_settings import settings_tables

pytestmark = pytest.mark.mlflow


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> Iterator[str]:
    """A new experiment, into which the calls of the OpenAI client are logged by themselves."""
    name = mlflow_server.new_experiment()
    mlflow.set_experiment(name)
    mlflow.openai.autolog()
    yield name
    mlflow.openai.autolog(disable=True)


def ask(model: StrictServer, prompt: str = PROMPT) -> str:
    reply = openai.OpenAI(base_url=model.base_url, api_key="none").chat.completions.create(
        model="planted",
        temperature=0,
        messages=[
            {"role": "system", "content": "Answer in a few words."},
            {"role": "user", "content": prompt},
        ],
    )
    return str(reply.choices[0].message.content)


def traces(experiment: str) -> Sequence[Trace]:
    """Those of an experiment, the earliest first."""
    mlflow.flush_trace_async_logging()
    found = mlflow.get_experiment_by_name(experiment)
    listed = mlflow.search_traces(
        locations=[found.experiment_id], return_type="list", order_by=["timestamp_ms ASC"]
    )
    return [mlflow.get_trace(trace.info.trace_id) for trace in listed]


def written(home: Path, model: StrictServer, more: str = "") -> None:
    """The settings of a home."""
    (home / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        f"temperature_zero_is_deterministic = true\n{more}"
    )


def command(home: Path, server: MLflowServer, *arguments: str) -> Any:
    env = {
        **os.environ,
        "SMILE_TRACE_HOME": str(home / "state"),
        "MLFLOW_TRACKING_URI": server.uri,
        "NO_COLOR": "1",
    }
    return run_command(*arguments, cwd=home, env=env)


def late_spans(trace: Trace) -> list[Any]:
    return [span for span in trace.data.spans if span.name.startswith(EXPLANATION_NAME)]


def test_a_trace_of_mlflow_is_explained_by_its_id(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    written(tmp_path, model)
    arguments = ("explain", trace.info.trace_id, "--budget", "30", "--json", "--deliver")
    done = command(tmp_path, mlflow_server, *arguments)
    assert done.returncode == 0, done.stderr
    assert trace.info.trace_id.encode() in done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert explanation.answer == "In Paris."
    assert [m.role for m in explanation.messages] == ["system", "user"]
    driving = max(explanation.segments, key=lambda segment: segment.attribution)
    assert WORD in driving.text
    assert driving.significant
    [shown] = traces(experiment)
    [late], [llm] = late_spans(shown), [s for s in shown.data.spans if s.span_type == "CHAT_MODEL"]
    assert late.parent_id == llm.span_id
    assert llm.start_time_ns <= late.start_time_ns <= late.end_time_ns <= llm.end_time_ns
    durations = [one.info.execution_duration or 0 for one in (shown, trace)]
    assert abs(durations[0] - durations[1]) <= 1, "milliseconds, which MLflow rounds anew"
    assert shown.info.tags["smile.status"] == explanation.fidelity.status
    before = {span.span_id: span.to_dict() for span in trace.data.spans}
    assert {s.span_id: s.to_dict() for s in shown.data.spans if s is not late} == before
    changed = ("replay", trace.info.trace_id, "--without", WORD, "-n", "2", "--json")
    replayed = json.loads(command(tmp_path, mlflow_server, *changed).stdout)
    assert replayed["answers"] == ["I cannot know that."]
    assert replayed["verdict"].endswith("the model repeats itself.")
    assert not model.refused


def test_a_wrong_answer_is_explained_by_what_a_person_wrote_in_mlflow(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    trace_id = trace.info.trace_id
    written(tmp_path, model)
    arguments = ("explain", trace_id, "--wrong", "--budget", "30", "--json")
    unsaid = command(tmp_path, mlflow_server, *arguments)
    assert unsaid.returncode != 0
    assert b"nobody wrote in a tracker what the answer" in unsaid.stderr
    mlflow.log_expectation(trace_id=trace_id, name="expected_facts", value=["I cannot know"])
    done = command(tmp_path, mlflow_server, *arguments)
    assert b"Expected, as default wrote: I cannot know" in done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert (explanation.met, explanation.settings.expected) == (False, "I cannot know")
    removed = [part.text for found in explanation.corrections for part in found.parts]
    assert WORD in " ".join(removed)


@pytest.mark.slow
def test_a_trace_that_is_not_there_is_said_before_the_model_is_asked(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    MlflowClient().delete_traces(str(trace.info.experiment_id), trace_ids=[trace.info.trace_id])
    written(tmp_path, model)
    asked = len(model.bodies)
    done = command(tmp_path, mlflow_server, "explain", trace.info.trace_id)
    assert done.returncode == 1
    assert b"deleted" in done.stderr
    assert b"Traceback" not in done.stderr
    assert len(model.bodies) == asked


def test_without_an_address_it_is_said_where_to_write_it(
    tmp_path: Path, model: StrictServer
) -> None:
    written(tmp_path, model)
    others = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    env = {**others, "SMILE_TRACE_HOME": str(tmp_path / "state"), "NO_COLOR": "1"}
    done = run_command("explain", "tr-" + 32 * "a", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert b"MLFLOW_TRACKING_URI" in done.stderr


@pytest.mark.slow
def test_a_trace_of_the_store_is_not_delivered_in_the_foreground(
    tmp_path: Path, mlflow_server: MLflowServer, model: StrictServer
) -> None:
    written(tmp_path, model)
    settings = Settings(home=tmp_path / "state")
    write_spool(settings.spool, [call_span(1)])
    with Store.open(settings) as store:
        Ingest(store, settings).run()
    done = command(tmp_path, mlflow_server, "explain", trace_id(1), "--deliver")
    assert done.returncode == 1
    assert b"smile-trace worker" in done.stderr
    assert not model.bodies


def worker_settings(home: Path, server: MLflowServer, model: StrictServer, place: str) -> Settings:
    tables: dict[str, dict[str, Any]] = {
        "sampling": {"rate": 0.0, "minimum_per_prompt_version": 2},
        "sources": {"mlflow": {"tracking_uri": server.uri, "experiments": [place]}},
        "trackers": {"mlflow": {"tracking_uri": server.uri, "experiment": server.new_experiment()}},
    }
    return Settings(home=home, **settings_tables(model.base_url, tables))


def later() -> float:
    """When everything that has begun by now is read for good."""
    return time.time() + LATE_SECONDS


def read_all(store: Store, settings: Settings, clock: Callable[[], float] = later) -> None:
    [source] = pulled(settings)
    Pull(source, store, settings, clock, pause=lambda _: None).run()


@pytest.mark.slow
def test_the_worker_reads_explains_and_shows_what_is_sampled(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    for number in range(5):
        ask(model, f"{PROMPT} Number {number}.")
    before = traces(experiment)
    settings = worker_settings(tmp_path, mlflow_server, model, experiment)

    for _ in range(2):  # what is explained is never explained again
        status = run(settings, once=True)
        assert (status.captured, status.explained, status.failed) == (2, 2, 0)
        [tracker] = status.trackers
        assert (tracker.traces, tracker.explanations, tracker.refused) == (2, 2, ())
    after = traces(experiment)
    assert [len(late_spans(trace)) for trace in after] == [1, 1, 0, 0, 0]
    assert [t.info.trace_id for t in after] == [t.info.trace_id for t in before]
    for was, now in zip(before, after, strict=True):
        own = {s.span_id: s.to_dict() for s in now.data.spans if s not in late_spans(now)}
        assert own == {span.span_id: span.to_dict() for span in was.data.spans}

    store = Store.open(settings)
    read_all(store, settings)
    found = store.pulled.get("mlflow", experiment)
    assert (found.traces, found.calls, found.kept) == (5, 5, 2)
    read_all(store, settings)
    assert store.pulled.get("mlflow", experiment).traces == 5, "counted twice"
    ask(model)
    traces(experiment)
    read_all(store, settings)
    found = store.pulled.get("mlflow", experiment)
    assert (found.traces, found.calls, found.kept) == (6, 6, 2)
    store.close()


@pytest.mark.slow
def test_a_trace_that_was_deleted_meanwhile_is_a_reason_and_not_made_anew(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    settings = worker_settings(tmp_path, mlflow_server, model, experiment)
    assert run(settings, once=True, trackers=[]).explained == 1
    MlflowClient().delete_traces(str(trace.info.experiment_id), trace_ids=[trace.info.trace_id])

    status = run(settings, once=True)
    [tracker] = status.trackers
    codes = {refused.code for refused in tracker.refused}  # of the trace, and so of what is in it
    assert codes == {ReasonCode.NOT_FOUND, ReasonCode.TRACE_REJECTED}
    assert (tracker.traces, tracker.explanations, tracker.waiting, status.failed) == (0, 0, 0, 0)
    assert not traces(experiment)


@pytest.mark.slow
def test_a_late_span_is_seen_and_a_missing_experiment_said(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    settings = worker_settings(tmp_path, mlflow_server, model, experiment)
    store = Store.open(settings)
    read_all(store, settings, clock=time.time)
    trace_id = trace.info.trace_id.removeprefix("tr-")
    assert len(store.trace(trace_id).spans) == 1
    [root] = trace.data.spans
    late = {**root.to_dict(), "name": "late", "span_id": base64.b64encode(8 * b"l").decode()}
    late["parent_span_id"] = root.to_dict()["span_id"]
    TracingClient().log_spans(str(trace.info.experiment_id), [Span.from_dict(late)])
    read_all(store, settings)
    assert {span.name for span in store.trace(trace_id).spans} == {root.name, "late"}

    missing = worker_settings(tmp_path, mlflow_server, model, "nobody made it")
    read_all(store, missing)
    assert store.pulled.get("mlflow", "nobody made it").reason_code == ReasonCode.SOURCE_UNAVAILABLE
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("dies", ["after a page", "before a page is noted"])
def test_a_worker_that_dies_while_it_reads_goes_on_where_it_was(
    tmp_path: Path,
    mlflow_server: MLflowServer,
    experiment: str,
    model: StrictServer,
    monkeypatch: pytest.MonkeyPatch,
    dies: str,
) -> None:
    for number in range(5):
        ask(model, f"Number {number}.")
    assert len(traces(experiment)) == 5
    settings = worker_settings(tmp_path, mlflow_server, model, experiment)
    store = Store.open(settings)
    [source] = pulled(settings)
    monkeypatch.setattr("smile_trace.worker.pull.PAGE", 2)
    asked: list[int] = []
    page = source.page

    def counted(place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        asked.append(since_ms)
        return page(place, since_ms, until_ms, limit)

    monkeypatch.setattr(source, "page", counted)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        if dies == "before a page is noted":
            dying.setattr(store.pulled, "note", die)
        with pytest.raises(KeyboardInterrupt):
            Pull(source, store, settings, later, pause=die).run()
    first = store.pulled.get("mlflow", experiment)
    assert first.traces in ((1, 2) if dies == "after a page" else (0,))
    Pull(source, store, settings, later, pause=lambda _: None).run()
    found = store.pulled.get("mlflow", experiment)
    assert (found.traces, found.calls) == (5, 5)
    # What was kept before had not been sampled yet: a few more may be kept, but not explained.
    assert 2 <= found.kept < 5
    assert asked[1] == first.until_ms, "it begins where it was"
    store.close()
    assert run(settings, once=True, trackers=[]).explained == 2


@pytest.mark.slow
def test_a_call_inside_functions_of_the_application_has_its_session_and_place(
    tmp_path: Path, mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    @mlflow.trace
    def shop() -> None:
        mlflow.update_current_trace(
            metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ann"}
        )
        ask(model, "Say something.")
        ask(model)

    shop()
    [trace] = traces(experiment)
    spans = MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri}).read(
        trace.info.trace_id
    )
    read = assemble(spans[0].trace_id, spans)
    assert [(call.session, call.user) for call in read.calls] == [("s-1", "ann")] * 2
    written(tmp_path, model)
    explained = ("explain", trace.info.trace_id, "--budget", "20", "--deliver")
    assert command(tmp_path, mlflow_server, *explained).returncode == 0
    [shown] = traces(experiment)
    [late] = late_spans(shown)
    assert late.parent_id == read.calls[-1].span_id, "the last call is the trace's answer"

    of_path = ("explain", trace.info.trace_id, "--path", "--budget", "40", "--deliver")
    assert command(tmp_path, mlflow_server, *of_path).returncode == 0
    [shown] = traces(experiment)
    [path] = [span for span in shown.data.spans if span.name == PATH_NAME]
    assert path.parent_id == read.root_span_id
    assert (
        MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri}).read(
            trace.info.trace_id
        )
        == spans
    )


@pytest.mark.slow
def test_nothing_is_put_into_a_trace_whose_spans_are_a_file(
    mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    ask(model)
    [trace] = traces(experiment)
    spans = MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri}).read(
        trace.info.trace_id
    )
    with sqlite3.connect(mlflow_server.folder / "mlflow.db") as database:  # as older ones stand
        database.execute(
            "UPDATE trace_tags SET value = 'ARTIFACT_REPO' "
            "WHERE request_id = ? AND key = 'mlflow.trace.spansLocation'",
            [trace.info.trace_id],
        )
    tracker = MLflowTracker.from_settings({"tracking_uri": mlflow_server.uri})
    captured = CapturedTrace(trace=assemble(spans[0].trace_id, spans), wait_for_external=False)
    [outcome] = tracker.deliver_traces([captured])
    assert isinstance(outcome, Rejected)
    assert "as a file" in outcome.reason


@pytest.mark.slow
def test_explaining_adds_nothing_to_the_users_traces(experiment: str, model: StrictServer) -> None:
    """Of an endpoint, inside of a trace of theirs, and of a function that calls their client."""
    prompt = f"the {WORD} Tower"
    ask(model, prompt)
    assert len(traces(experiment)) == 1, "the user's own call is seen"
    endpoint = Endpoint("m", EndpointSettings(base_url=model.base_url))
    explained = smile_trace.explain(prompt, model=endpoint, budget=12)
    assert explained.cost.target_calls == len(model.bodies) - 1 > 4
    smile_trace.explain(prompt, model=partial(ask, model), budget=8)
    assert len(traces(experiment)) == 1

    @mlflow.trace
    def application() -> str:
        return smile_trace.explain(prompt, model=endpoint, budget=12).answer

    assert application() == "In Paris."
    _, newest = traces(experiment)
    assert [span.name for span in newest.data.spans] == ["application"]


@pytest.mark.slow
def test_a_prompt_of_the_registry_is_the_calls_prompt(
    mlflow_server: MLflowServer, experiment: str, model: StrictServer
) -> None:
    """Loaded in the application, or linked to the trace afterwards; a Jinja2 one by its name."""
    name = f"places-{experiment}"
    mlflow.genai.register_prompt(name=name, template="The {{sight}} stands here. Where are we?")
    jinja = mlflow.genai.register_prompt(name=name, template="{% if sight %}{{sight}}{% endif %}")

    @mlflow.trace
    def shop() -> None:
        ask(model, mlflow.genai.load_prompt(f"prompts:/{name}/1").format(sight=f"{WORD} Tower"))

    shop()
    ask(model)
    [loaded, later] = traces(experiment)
    versions = [mlflow.genai.load_prompt(f"prompts:/{name}/1")]
    MlflowClient().link_prompt_versions_to_trace(versions, later.info.trace_id)
    source = MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri})
    for trace in (loaded, later):
        spans = source.read(trace.info.trace_id)
        [use] = assemble(spans[0].trace_id, spans).calls[-1].prompts
        assert (use.name, use.version) == (name, "1")
        assert use.template == "The {sight} stands here. Where are we?"
        assert use.variables == {"sight": f"{WORD} Tower"}

    ask(model, "Where?")
    last = traces(experiment)[-1]
    MlflowClient().link_prompt_versions_to_trace([jinja], last.info.trace_id)
    spans = source.read(last.info.trace_id)
    [use] = assemble(spans[0].trace_id, spans).calls[-1].prompts
    assert (use.name, use.version, use.variables) == (name, "2", {})
