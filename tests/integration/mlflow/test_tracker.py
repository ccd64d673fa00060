"""The tracker against a real server: everything arrives, and nothing is visible twice."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Trace as MlflowTrace

from smile_trace.comparison.branch import changed_prompts
from smile_trace.records import Call, Cost, Explanation, Feedback, PromptUse, Trace
from smile_trace.trackers import (
    CapturedTrace,
    ExplainedCall,
)
from smile_trace.trackers.presentation import CITATIONS, EXPLANATION, EXPLANATION_NAME
from smile_trace_mlflow import MLflowTracker, load_prompt
from tests.support.branches import branched
from tests.support.cited import explained as cited_answer
from tests.support.explained import captured, explanation
from tests.support.mlflow_cases import received
from tests.support.mlflow_server import MLflowServer

pytestmark = pytest.mark.mlflow
Case = tuple[Trace, Call, Explanation]


def deliver(tracker: MLflowTracker, cases: Sequence[Case]) -> list[str]:
    """Traces, then explanations; every one has to arrive. Gives the MLflow trace ids."""
    traces = tracker.deliver_traces([CapturedTrace(trace=trace) for trace, _, _ in cases])
    ids = [received(outcome) for outcome in traces]
    for outcome in tracker.deliver_explanations(
        [
            ExplainedCall(trace=trace, call=call, explanation=explained, traced_as=traced_as)
            for (trace, call, explained), traced_as in zip(cases, ids, strict=True)
        ]
    ):
        received(outcome)
    return ids


def client() -> MlflowClient:
    return MlflowClient()


def experiment_id(name: str) -> str:
    found = client().get_experiment_by_name(name)
    assert found is not None
    return str(found.experiment_id)


def traces_in(name: str) -> list[MlflowTrace]:
    return list(client().search_traces(locations=[experiment_id(name)], max_results=100))


def span_named(trace: MlflowTrace, name: str) -> Any:
    """The span of that name; an explanation's by how its name begins."""
    [span] = [span for span in trace.data.spans if span.name.startswith(name)]
    return span


def said(trace: MlflowTrace) -> dict[str, object]:
    """What the list says of a trace, each thing once."""
    found = {a.name: a.value for a in trace.info.assessments}  # type: ignore[attr-defined]
    assert len(found) == len(trace.info.assessments)
    return found


def test_everything_arrives_and_twice_is_visible_once(
    tracker: MLflowTracker, experiment: str
) -> None:
    with_root, alone = explanation(), explanation([("user", "What is 2 + 2?")], {"2": 0.5}, r2=None)
    cases = [(*captured(with_root), with_root), (*captured(alone, root=False), alone)]
    ids = deliver(tracker, cases)
    assert deliver(tracker, cases) == ids

    found = {trace.info.trace_id: trace for trace in traces_in(experiment)}
    assert sorted(found) == sorted(ids)
    first, second = (found[trace_id] for trace_id in ids)

    # The list: previews, duration, tokens, cost, state.
    assert "What is the capital of France?" in first.info.request_preview
    assert "Paris" in first.info.response_preview
    assert second.info.request_preview == "What is 2 + 2?"
    assert second.info.response_preview == "Paris"
    assert [t.info.execution_duration for t in (first, second)] == [180, 140]
    assert first.info.token_usage["total_tokens"] == 35  # type: ignore[index]
    assert first.info.state == "OK"
    # Each trace by its function, also where the LLM call is all there is of it.
    assert [t.info.tags["mlflow.traceName"] for t in (first, second)] == ["answer", "ask"]

    # The explanation is one span under the LLM span, inside its time.
    assert len(first.data.spans) == 3
    assert len(second.data.spans) == 2
    llm = span_named(first, "ask · gpt-4o-mini")
    late = span_named(first, EXPLANATION_NAME)
    assert late.parent_id == llm.span_id
    assert llm.start_time_ns <= late.start_time_ns <= late.end_time_ns <= llm.end_time_ns
    assert llm.span_type == "CHAT_MODEL"
    assert llm.inputs["messages"][1]["content"] == with_root.messages[1].content
    assert late.span_type == "EVALUATOR"
    assert "|▲|France|+0.71|" in late.outputs["scores"]
    stored = late.attributes[EXPLANATION]
    stored = stored if isinstance(stored, str) else json.dumps(stored)
    assert Explanation.model_validate_json(stored) == with_root

    # What drove it and how sure that is, once, on the LLM span. No number: the list would draw it
    # as a bar, red for a small one.
    assert late.name == f"{EXPLANATION_NAME} ask · gpt-4o-mini"
    assert said(first) == {"smile.driver": "France", "smile.verdict": "reliable"}
    assert {a.span_id for a in first.info.assessments} == {llm.span_id}
    assert said(second) == {"smile.driver": "2", "smile.verdict": "reliable"}
    assert late.attributes["smile.fidelity_r2"] == 0.82
    assert first.info.tags["smile.status"] == "reliable"


def test_citations_stand_in_the_list_and_in_the_span(
    tracker: MLflowTracker, experiment: str
) -> None:
    cited = cited_answer()
    deliver(tracker, [(*captured(cited), cited)])
    [trace] = traces_in(experiment)
    assert said(trace)[CITATIONS] == "1 of 3 used, 1 open"
    late = span_named(trace, EXPLANATION_NAME)
    assert "fitters.md|+0.90 [+0.89, +0.91]|used, not cited|" in late.outputs["citations"]


@pytest.mark.slow
def test_the_page_is_attached_once(tracker: MLflowTracker, mlflow_server: MLflowServer) -> None:
    from mlflow.tracing.attachments import Attachment
    from mlflow.tracing.client import TracingClient

    explained = explanation()
    case = (*captured(explained), explained)
    [trace_id] = deliver(tracker, [case])
    references = _attached(trace_id)
    deliver(tracker, [case])
    assert _attached(trace_id) == references
    info = TracingClient().get_trace_info(trace_id)
    repository = TracingClient()._get_artifact_repo_for_trace(info)
    kept = repository.list_artifacts("attachments")
    assert len(kept) == len(references) == 1
    for reference in references:
        parsed = Attachment.parse_ref(reference)
        assert parsed is not None
        content = repository.download_trace_attachment(parsed["attachment_id"])
        assert parsed["content_type"] == "text/html"
        assert content.startswith(b"<!doctype html>")
        assert parsed["size"] == len(content)


def _attached(trace_id: str) -> list[str]:
    outputs = span_named(mlflow.get_trace(trace_id), EXPLANATION_NAME).outputs
    return [v for v in outputs.values() if v.startswith("mlflow-attachment://")]


def test_one_run_per_day_holds_the_table_and_the_pages(
    tracker: MLflowTracker, experiment: str
) -> None:
    days = ["2026-11-24T23:59:59+00:00", "2026-11-25T01:00:00+02:00", "2026-11-25T00:00:01+00:00"]
    of_days = [explanation(at=at) for at in days]
    price = of_days[0].cost.usd
    of_days[2] = of_days[2].model_copy(update={"cost": Cost(target_calls=40)})  # of unknown price
    cases: list[Case] = [(*captured(explained), explained) for explained in of_days]
    deliver(tracker, cases)
    deliver(tracker, cases[:1])
    runs = client().search_runs([experiment_id(experiment)])
    by_day = {run.data.tags["smile.day"]: run for run in runs}
    assert sorted(by_day) == ["2026-11-24", "2026-11-25"]
    assert len(runs) == 2
    first_day = by_day["2026-11-24"].info.run_id
    table = mlflow.artifacts.load_dict(f"runs:/{first_day}/explanations.json")
    row = dict(zip(table["columns"], table["data"][0], strict=True))
    assert len(table["data"]) == 2
    assert row["status"] == "reliable"
    assert row["r2_heldout"] == 0.82
    assert by_day["2026-11-24"].data.metrics["smile.explained"] == 2
    assert by_day["2026-11-24"].data.metrics["smile.usd"] == pytest.approx(2 * price)
    assert "smile.usd" not in by_day["2026-11-25"].data.metrics
    pages = client().list_artifacts(first_day, "heatmaps")
    assert len(pages) == 2
    page = mlflow.artifacts.load_text(f"runs:/{first_day}/{pages[0].path}")
    assert page.startswith("<!doctype html>")
    assert pages[0].path.startswith("heatmaps/ask-")
    assert row["page"] in {entry.path for entry in pages}
    index = mlflow.artifacts.load_text(f"runs:/{first_day}/index.html")
    assert index.count("Driver: <b>France</b>") == 2
    # An evaluation run, with its traces.
    assert by_day["2026-11-24"].data.tags["mlflow.runType"] == "genai_evaluate"
    linked = mlflow.search_traces(
        locations=[experiment_id(experiment)], run_id=first_day, return_type="list"
    )
    assert {trace.info.trace_id for trace in linked} == {
        line[table["columns"].index("trace")] for line in table["data"]
    }


@pytest.mark.slow
def test_a_newer_explanation_replaces_the_older_one(
    tracker: MLflowTracker, experiment: str
) -> None:
    older, newer = explanation(), explanation(scores={}, status="no_effect", r2=None)
    trace, call = captured(older)
    deliver(tracker, [(trace, call, older)])
    [trace_id] = deliver(tracker, [(trace, call, newer)])
    found = mlflow.get_trace(trace_id)
    assert "▲" not in span_named(found, EXPLANATION_NAME).outputs["scores"]
    assert len(found.data.spans) == 3
    assert said(found) == {"smile.driver": "(none)", "smile.verdict": "no_effect"}
    assert found.info.tags["smile.status"] == "no_effect"
    [run] = client().search_runs([experiment_id(experiment)])
    table = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/explanations.json")
    assert [row[table["columns"].index("status")] for row in table["data"]] == ["no_effect"]
    assert run.data.metrics["smile.reliable"] == 0


@pytest.mark.slow
def test_what_users_thought_is_at_the_trace_once(tracker: MLflowTracker, experiment: str) -> None:
    trace, _ = captured(explanation())
    for score, comment in ((1.0, "good"), (1.0, "good"), (0.0, None)):
        given = Feedback(id="f", trace_id=trace.trace_id, score=score, comment=comment, at_ns=1)
        [outcome] = tracker.deliver_traces(
            [CapturedTrace(trace=trace.model_copy(update={"feedback": (given,)}))]
        )
        received(outcome)
        [found] = traces_in(experiment)
        assert said(found) == {"user_feedback": score}
        assert (found.info.assessments[0].rationale or "") == (comment or "")
        assert found.info.assessments[0].source.source_type == "HUMAN"


def test_the_heatmap_goes_into_the_users_own_trace(tracker: MLflowTracker, experiment: str) -> None:
    mlflow.set_experiment(experiment)
    explained = explanation()

    @mlflow.trace(span_type="LLM", name="their model")
    def model() -> str:
        time.sleep(0.03)
        return "Paris"

    @mlflow.trace(name="their function")
    def theirs() -> dict[str, str]:
        span = mlflow.get_current_active_span()
        assert span is not None
        model()
        return {"mlflow.trace_id": span.trace_id, "mlflow.span_id": span.span_id}

    linked = theirs()
    mlflow.flush_trace_async_logging()
    before = mlflow.get_trace(linked["mlflow.trace_id"])
    trace, call = captured(explained, external_trace=linked)
    model_span = span_named(before, "their model")
    call = call.model_copy(
        update={"start_ns": model_span.start_time_ns, "end_ns": model_span.end_time_ns}
    )
    trace = trace.model_copy(update={"calls": (call,)})

    assert deliver(tracker, [(trace, call, explained)]) == [linked["mlflow.trace_id"]]
    deliver(tracker, [(trace, call, explained)])
    [found] = traces_in(experiment)
    assert found.info.trace_id == linked["mlflow.trace_id"]
    # MLflow's client and its server round to milliseconds each in its own way.
    assert abs(found.info.execution_duration - before.info.execution_duration) <= 1
    assert len(found.data.spans) == 3
    assert span_named(found, EXPLANATION_NAME).parent_id == model_span.span_id
    assert {a.span_id for a in found.info.assessments} == {model_span.span_id}


@pytest.mark.slow
def test_a_prompt_of_the_registry_is_linked_to_its_version(
    tracker: MLflowTracker, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a branch that names another version of it is read."""
    name = f"{experiment}-prompt"
    registered = mlflow.genai.register_prompt(name, 'Say {"tone": "kind"}: {{ question }}')
    prompt = load_prompt(f"prompts:/{name}/{registered.version}")
    assert prompt.template == 'Say {"tone": "kind"}: {question}'
    mlflow.genai.register_prompt(name, "Say it kindly: {{ question }}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())
    before, after = ({"prompts.toml": f'own = "prompts:/{name}/{k}"'} for k in (1, 2))
    [changed] = changed_prompts(
        branched(tmp_path / "r", before, after), None, lambda _: None, lambda _: {}
    ).prompts
    assert (changed.before, changed.after) == (prompt.template, "Say it kindly: {question}")
    text = prompt.format(question="why?")
    explained = explanation([("user", text)], {"why": 0.4})
    trace, call = captured(explained)
    use = PromptUse(
        name=prompt.name,
        version=prompt.version,
        template=prompt.template,
        message=0,
        start=0,
        end=len(text),
    )
    other = use.model_copy(update={"template": "of the same name, but another text"})
    for uses, expected in (((other,), 0), ((use,), 1), ((use,), 1)):
        call = call.model_copy(update={"prompts": uses})
        [trace_id] = deliver(
            tracker, [(trace.model_copy(update={"calls": (call,)}), call, explained)]
        )
        found = client().search_traces(
            locations=[experiment_id(experiment)], filter_string=f"prompt = '{name}/1'"
        )
        assert len(found) == expected
    linked = json.loads(mlflow.get_trace(trace_id).info.tags["mlflow.linkedPrompts"])
    assert linked == [{"name": name, "version": "1"}]


@pytest.mark.slow
def test_without_an_experiment_it_is_mlflows_default(mlflow_server: MLflowServer) -> None:
    tracker = MLflowTracker.from_settings({"tracking_uri": mlflow_server.uri})
    assert tracker is not None
    explained = explanation()
    trace, call = captured(explained)
    [trace_id] = deliver(tracker, [(trace, call, explained)])
    assert mlflow.get_trace(trace_id).info.experiment_id == "0"


@pytest.mark.slow
def test_five_thousand_words_arrive(tracker: MLflowTracker) -> None:
    words = " ".join(f"word{i}" for i in range(5000))
    explained = explanation([("user", words)], {"word7": 0.6}, perturbations=40)
    trace, call = captured(explained)
    [trace_id] = deliver(tracker, [(trace, call, explained)])
    late = span_named(mlflow.get_trace(trace_id), EXPLANATION_NAME)
    stored = Explanation.model_validate(late.attributes[EXPLANATION])
    assert stored == explained.model_copy(update={"perturbations": ()})
