"""The packaged model by its name: explained, and checked by injection."""

import pytest

import smile_trace
from smile_trace.evaluation import check_by_injection
from smile_trace.explaining import ExplanationFailed
from smile_trace.explaining.options import Question
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.settings import Settings

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_the_demo_model_by_name():
    explanation = smile_trace.explain(
        "The Eiffel Tower is in the city of", model="demo-completion", parameters={"max_tokens": 2}
    )
    assert explanation.answer == " Paris,"
    assert explanation.signal == "probability"
    assert "Eiffel" in [s.text for s in explanation.ranked[:3]]
    assert explanation.cost.usd == 0
    assert explanation.cost.target_calls <= 40


def test_the_demo_model_and_a_prompt_that_is_too_long():
    with pytest.raises(ExplanationFailed, match="longer than the model's context"):
        smile_trace.explain("word " * 4000, model="demo-completion", parameters={"max_tokens": 2})


def test_a_part_of_the_real_model_s_answer():
    prompt = "The Eiffel Tower is in the city of"
    parameters = {"max_tokens": 4}
    whole = smile_trace.explain(prompt, model="demo-completion", parameters=parameters, budget=20)
    assert whole.answer == " Paris, France."
    explanation = smile_trace.explain(
        prompt, model="demo-completion", parameters=parameters, budget=20, answer_part="France"
    )
    assert explanation.signal == "probability"
    assert explanation.cost.target_calls <= 5  # what confirms its own findings
    # What stands after "Paris, " follows from it, so little of it depends on the prompt.
    changes = [sum(o.shift or 0.0 for o in e.perturbations) for e in (whole, explanation)]
    assert 0 < changes[1] < changes[0]


def prepared(model, prompt, parameters=None, **options) -> Prepared:
    return prepare(Question(prompt, model=model, parameters=parameters, **options), Settings())


def test_the_real_model_does_not_follow_instructions_but_repeats_examples():
    parameters = {"temperature": 0, "max_tokens": 4}
    asked = prepared(
        "demo-completion", "The Eiffel Tower is in the city of", parameters=parameters, budget=24
    )
    checked = check_by_injection(asked)
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "The Eiffel Tower is in the city of PELICAN."
