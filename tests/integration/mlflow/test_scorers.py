"""`mlflow.genai.evaluate` with our scorers on a real server: their figures are those of explain."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import openai
import pytest
from mlflow.entities import Trace

import smile_trace
from smile_trace.evaluation import faithfulness
from smile_trace.render import driver_text
from smile_trace_mlflow import scorers
from tests.support.mlflow_server import MLflowServer
from tests.support.strict_openai import StrictServer, strict

pytestmark = pytest.mark.mlflow

PLACES = {"Eiffel": "In Paris.", "Colosseum": "In Rome.", "Kremlin": "In Moscow."}
BUDGET = 24


def answer(body: dict[str, Any]) -> str:
    """By the building that is named, and by nothing else."""
    told = json.dumps(body["messages"])
    return next((place for name, place in PLACES.items() if name in told), "I cannot know that.")


@pytest.fixture
def model() -> Iterator[StrictServer]:
    with strict(answer) as server:
        yield server


@pytest.fixture
def application(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_server: MLflowServer,
    model: StrictServer,
) -> Iterator[Callable[[str], str]]:
    """Logged automatically into a new experiment; the settings name its model."""
    (tmp_path / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    # MLflow would ask the application once more, to see whether it can be asked.
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION", "true")
    mlflow.set_experiment(mlflow_server.new_experiment())
    mlflow.openai.autolog()
    client = openai.OpenAI(base_url=model.base_url, api_key="none")

    def ask(question: str) -> str:
        reply = client.chat.completions.create(
            model="planted", temperature=0, messages=[{"role": "user", "content": question}]
        )
        return str(reply.choices[0].message.content)

    yield ask
    mlflow.openai.autolog(disable=True)


def rows() -> list[dict[str, Any]]:
    """Ten, of which the last one expects another driver."""
    found = []
    for number in range(10):
        name = list(PLACES)[number % 3]
        driver = "umbrella" if number == 9 else name
        found.append(
            {
                "inputs": {"question": f"I see the {name} and an umbrella {number}. Where am I?"},
                "expectations": {"driver": driver},
            }
        )
    return found


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
