"""`explain --run` explains an evaluation's traces in place; our scorers say what explain does."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Trace
from mlflow.exceptions import MlflowException
from mlflow.genai.scorers import FRAMEWORK_METADATA_KEY, scorer
from mlflow.tracing.constant import TraceTagKey

import smile_trace
from smile_trace.evaluation import faithfulness
from smile_trace.records import Explanation
from smile_trace.render import driver_text
from smile_trace.trackers.presentation import EXPLANATION_NAME
from smile_trace_mlflow import MLflowSource, scorers
from tests.support.command_line import run_command
from tests.support.evaluations import BUDGET, answer, application, model, rows
from tests.support.mlflow_server import MLflowServer
from tests.support.strict_openai import StrictServer

__all__ = ["application", "model"]  # fixtures
pytestmark = pytest.mark.mlflow


@scorer
def is_short(outputs: str) -> bool:
    """Whether the answer is short: a team's own scorer, which knows nothing of us."""
    return len(outputs) < 20


def late_spans(trace: mlflow.entities.Trace) -> list[mlflow.entities.Span]:
    """The heatmaps in a trace."""
    return [span for span in trace.data.spans if span.name.startswith(EXPLANATION_NAME)]


@pytest.mark.slow
def test_ten_rows_have_their_heatmap(
    application: Callable[[str], str], model: StrictServer, tmp_path: Path
) -> None:
    result = mlflow.genai.evaluate(data=rows(), predict_fn=application, scorers=[is_short])
    application("This call is none of the evaluation's: the Kremlin.")
    mlflow.openai.autolog(disable=True)
    command = ("explain", "--run", result.run_id, "--budget", str(BUDGET))
    asked = len(model.bodies)
    planned = run_command(*command, "--dry-run", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert b"each of 10 rows" in planned.stdout
    assert f"{10 * BUDGET} calls".encode() in planned.stdout
    assert len(model.bodies) == asked

    counts = []
    for _ in range(2):  # shown again, it costs nothing, and is visible once
        done = run_command(*command, "--deliver", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode().endswith("10 of 10 explained: 10 reliable.\n")
        counts.append(len(model.bodies))
    assert counts[0] == counts[1] > asked
    assert b"Nothing would be sent" in run_command(*command, "--dry-run", cwd=tmp_path).stdout
    found = mlflow.search_traces(run_id=result.run_id, return_type="list")
    assert len(found) == 10
    for trace in found:
        whole = mlflow.get_trace(trace.info.trace_id)
        [late], [call] = late_spans(whole), [s for s in whole.data.spans if s.name == "Completions"]
        assert late.parent_id == call.span_id
        said = {a.name: a.value for a in whole.info.assessments}
        explanation = smile_trace.explain(trace_id=trace.info.trace_id, budget=BUDGET)
        assert said["smile.driver"] in explanation.summary
        assert said["smile.verdict"] == explanation.fidelity.status == "reliable"
        assert said["is_short"] is True
    everything = mlflow.search_traces(return_type="list")
    assert len(everything) == 11, "our own calls are in no trace"
    assert sum(bool(late_spans(mlflow.get_trace(t.info.trace_id))) for t in everything) == 10
    assert not model.refused


@pytest.mark.slow
def test_a_row_that_cannot_be_explained_holds_up_no_other(
    application: Callable[[str], str], model: StrictServer, tmp_path: Path
) -> None:
    @mlflow.trace
    def ask(question: str) -> str:
        return application(question) if "Eiffel" in question else "I only answer from a list."

    questions = [{"inputs": {"question": f"I see the {what}. Where am I?"}} for what in PLACES]
    result = mlflow.genai.evaluate(data=questions, predict_fn=ask, scorers=[is_short])
    command = ("explain", "--run", result.run_id, "--budget", str(BUDGET), "--json")
    done = run_command(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sorted("explanation" in row for row in told) == [False, True]
    [why] = [row["reason"] for row in told if "reason" in row]
    assert "holds no call of a model" in why
    [explained] = [row["explanation"] for row in told if "explanation" in row]
    assert Explanation.model_validate(explained).answer == "In Paris."
    [trace] = [
        t
        for t in mlflow.search_traces(run_id=result.run_id, return_type="list")
        if any("explanation" in row and row["trace_id"] == t.info.trace_id for row in told)
    ]
    assert not late_spans(trace), "nothing is written where nobody asked for it"


@pytest.mark.slow
def test_a_cap_takes_nothing_away_that_was_explained_before(
    application: Callable[[str], str], tmp_path: Path
) -> None:
    questions = [
        {"inputs": {"question": f"{number}: I see the Eiffel. Where am I?"}} for number in (1, 2)
    ]
    result = mlflow.genai.evaluate(data=questions, predict_fn=application, scorers=[is_short])
    with (tmp_path / "smile_trace.toml").open("a") as settings:
        settings.write(f"calls_per_day = {BUDGET + 2}\n")
    command = ("explain", "--run", result.run_id, "--budget", str(BUDGET), "--json")
    done = run_command(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert b'raise calls_per_day in [models."planted"]' in done.stderr
    [row] = json.loads(done.stdout)
    assert Explanation.model_validate(row["explanation"]).answer == "In Paris."


PLACES = ("Eiffel", "sea")


@pytest.mark.slow
def test_what_a_judge_asked_is_no_row_and_is_not_read(
    application: Callable[[str], str], mlflow_server: MLflowServer
) -> None:
    with mlflow.start_run() as run:
        application("I see the Eiffel. Where am I?")
        application("Is this answer right?")
    mlflow.flush_trace_async_logging()
    first, second = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    mlflow.set_trace_tag(second.info.trace_id, TraceTagKey.SOURCE_SCORER_NAME, "judge")
    source = MLflowSource.from_settings({}, {"tracking_uri": mlflow_server.uri})
    assert source.evaluated(run.info.run_id) == [first.info.trace_id]
    experiment = mlflow.get_experiment(first.info.experiment_id).name
    now = int(time.time() * 1000) + 1
    [spans] = source.page(experiment, now - 600_000, now, 10).traces
    assert spans[0].trace_id == first.info.trace_id.removeprefix("tr-")


@pytest.mark.slow
def test_a_run_that_is_not_there_is_said_before_a_model_is_asked(
    application: Callable[[str], str],
    model: StrictServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for run_id in ("x' OR '1' = '1",):
        done = run_command("explain", "--run", run_id, cwd=tmp_path)
        assert done.returncode == 1
        assert b"no evaluation run" in done.stderr
    with mlflow.start_run() as run:
        pass
    done = run_command("explain", "--run", run.info.run_id, cwd=tmp_path)
    assert b"no evaluation run" in done.stderr, "it has no traces"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = run_command("explain", "--run", "0" * 32, cwd=tmp_path)
    assert done.returncode == 1
    assert b"MLFLOW_TRACKING_URI" in done.stderr
    assert not model.bodies


def value_of(trace: Trace, name: str) -> Any:
    """The one assessment of that name."""
    [found] = [a for a in trace.info.assessments if a.name == name]
    return found


@pytest.mark.slow
def test_ten_rows_are_scored_as_explain_does(
    application: Callable[[str], str], model: StrictServer
) -> None:
    result = mlflow.genai.evaluate(
        data=rows(),
        predict_fn=application,
        scorers=[
            scorers.driver_is(budget=BUDGET),
            scorers.no_effect_of("umbrella", budget=BUDGET),
            scorers.faithfulness(budget=BUDGET, orders=2),
        ],
    )
    mlflow.openai.autolog(disable=True)
    asked = len(model.bodies)
    found = mlflow.search_traces(run_id=result.run_id, return_type="list")
    assert len(found) == 10, "the calls of the explanations are in no trace"
    values, excluded = [], []
    for trace in found:
        explanation = smile_trace.explain(trace_id=trace.info.trace_id, budget=BUDGET)
        driving = value_of(trace, "driver_is")
        values.append(driving.value)
        for name in ("driver_is", "no_effect_of", "faithfulness"):
            metadata = value_of(trace, name).metadata
            assert metadata["smile.driver"] == driver_text(explanation)
            assert metadata["smile.verdict"] == explanation.fidelity.status == "reliable"
            assert float(metadata["smile.fidelity_r2"]) == explanation.fidelity.r2_heldout
        umbrella = next(s for s in explanation.segments if "umbrella" in s.text)
        excluded.append(umbrella.verdict == "excluded")
        assert value_of(trace, "no_effect_of").value is excluded[-1]
        curves = faithfulness(explanation, "planted", parameters={"temperature": 0}, orders=2)
        ours, chance = curves.attribution.deletion_auc, curves.random.deletion_auc
        assert value_of(trace, "faithfulness").value == pytest.approx(chance - ours)
        assert chance > ours
    assert sorted(values) == [False, *[True] * 9]
    assert result.metrics["driver_is/mean"] == pytest.approx(0.9)
    assert result.metrics["no_effect_of/mean"] == pytest.approx(sum(excluded) / 10)
    assert any(excluded)
    assert len(model.bodies) == asked, "what was asked in this process is not asked again"
    assert not model.refused


@pytest.mark.slow
def test_a_row_that_says_nothing_or_holds_no_call_is_an_error_of_that_row(
    application: Callable[[str], str], model: StrictServer
) -> None:
    question = {"inputs": {"question": "I see the Eiffel. Where am I?"}}
    result = mlflow.genai.evaluate(
        data=[question],
        predict_fn=application,
        scorers=[scorers.driver_is(budget=BUDGET)],
    )
    [trace] = mlflow.search_traces(run_id=result.run_id, return_type="list")
    assert '"expectations": {"driver"' in value_of(trace, "driver_is").error.error_message

    result = mlflow.genai.evaluate(
        data=[{**question, "outputs": "In Paris."}],
        scorers=[scorers.no_effect_of("Eiffel", budget=BUDGET)],
    )
    [trace] = mlflow.search_traces(run_id=result.run_id, return_type="list")
    assert "no call of a model" in value_of(trace, "no_effect_of").error.error_message
    assert len(model.bodies) == 1, "neither is a reason to ask the model"


def cites(body: dict[str, Any]) -> str:
    """Two sentences from two documents, of which it cites the first one and a third one."""
    told = json.dumps(body["messages"])
    label = "The label is free of charge [1]. " * ("label is free" in told)
    fitters = "Fitters come on Mondays in spring [3]." * ("Fitters come" in told)
    return f"{label}{fitters}".strip() or answer(body)


@pytest.mark.slow
def test_citations_and_grounding_are_scored_by_what_was_measured(
    application: Callable[[str], str], model: StrictServer
) -> None:
    model.answer = cites
    asked = (
        "[1] The label is free of charge for returns.\n\n[2] Fitters come on Mondays in spring.\n\n"
        "[3] The shop is in Oslo, near the station.\n\nWhat about the label and the fitters?"
    )
    elsewhere = "[1] The sea is salty.\n\n[2] The sky is blue.\n\nI see the Eiffel. Where am I?"
    plain = "I see the Eiffel. Where am I?"
    result = mlflow.genai.evaluate(
        data=[{"inputs": {"question": text}} for text in (asked, elsewhere, plain)],
        predict_fn=application,
        scorers=[
            scorers.used_citations(budget=BUDGET),
            scorers.get_scorer("grounded", budget=BUDGET),
        ],
    )
    rows_of = mlflow.search_traces(run_id=result.run_id, return_type="list")
    found = {trace.data.spans[0].inputs["messages"][0]["content"]: trace for trace in rows_of}
    score = value_of(found[asked], "used_citations")
    assert score.value == 0.5
    assert score.rationale.startswith("Of two citations one names a document that the sentence")
    assert score.metadata[FRAMEWORK_METADATA_KEY] == "smile-trace"
    failed = value_of(found[plain], "used_citations")
    assert "the answer cites no document" in failed.error.error_message
    assert value_of(found[asked], "grounded").value is True
    assert value_of(found[elsewhere], "grounded").value is False
    failed = value_of(found[plain], "grounded")
    assert "the prompt holds no document" in failed.error.error_message
    assert failed.metadata[FRAMEWORK_METADATA_KEY] == "smile-trace"


def test_a_scorer_says_what_mlflow_cannot_do_with_it() -> None:
    alone = scorers.grounded()(inputs="a", outputs="b")
    assert "give it the row's trace" in alone.error.error_message
    with pytest.raises(MlflowException, match=r"give it to mlflow\.genai\.evaluate"):
        scorers.grounded().register()
    with pytest.raises(
        MlflowException, match="smile-trace has no scorer 'x': use one of driver_is"
    ):
        scorers.get_scorer("x")
