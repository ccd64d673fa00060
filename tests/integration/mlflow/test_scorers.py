"""`mlflow.genai.evaluate` with our scorers on a real server: their figures are those of explain."""

from collections.abc import Callable
from typing import Any

import mlflow
import pytest
from mlflow.entities import Trace

import smile_trace
from smile_trace.evaluation import faithfulness
from smile_trace.render import driver_text
from smile_trace_mlflow import scorers
from tests.support.evaluations import BUDGET, application, model, rows
from tests.support.strict_openai import StrictServer

__all__ = ["application", "model"]  # fixtures

pytestmark = pytest.mark.mlflow


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
    values = []
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
        assert value_of(trace, "no_effect_of").value is not umbrella.significant
        curves = faithfulness(explanation, "planted", parameters={"temperature": 0}, orders=2)
        ours, chance = curves.attribution.deletion_auc, curves.random.deletion_auc
        assert value_of(trace, "faithfulness").value == pytest.approx(chance - ours)
        assert chance > ours
    assert sorted(values) == [False, *[True] * 9]
    assert result.metrics["driver_is/mean"] == pytest.approx(0.9)
    assert result.metrics["no_effect_of/mean"] == 1.0
    assert len(model.bodies) == asked, "what was asked in this process is not asked again"
    assert not model.refused


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
