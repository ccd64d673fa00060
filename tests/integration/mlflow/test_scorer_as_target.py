"""Scorers of mlflow.genai as the target of an explanation; they need no server."""

from typing import Any

import pytest
from mlflow.entities import Feedback
from mlflow.genai.scorers import Scorer, scorer

import smile_trace
from smile_trace.attribution import CannotExplain
from tests.support.planted import PlantedModel

PROMPT = "It costs 29 euros, says the new list. It costs 79 euros, says the old one."


def desk(prompt: str) -> str:
    """Believes the new list."""
    return next((f"{price} euros" for price in ("29", "79") if price in prompt), "I do not know")


@scorer
def as_expected(inputs: dict[str, Any], outputs: str, expectations: dict[str, str]) -> Feedback:
    assert inputs == {"messages": [{"role": "user", "content": PROMPT}]}
    return Feedback(value="yes" if expectations["expected_response"] in outputs else "no")


@scorer(pass_if=lambda stars: stars > 3)
def stars(outputs: str) -> int:
    return 5 if "79" in outputs else 1


@pytest.mark.parametrize("by", [as_expected, stars])
def test_what_a_scorer_of_mlflow_calls_right_is_looked_for(by: Scorer) -> None:
    found = smile_trace.explain(PROMPT, model=PlantedModel(desk), scorer=by, expected="79 euros")
    assert (found.met, found.settings.scorer) == (False, by.name)
    assert "29" in " ".join(part.text for part in found.corrections[0].parts)


@scorer
def without_key(outputs: str) -> Feedback:
    return Feedback(error=ValueError("no key for it"))


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (without_key, "'without_key' failed: ValueError: no key for it"),
        (as_expected, "'as_expected' failed: KeyError: 'expected_response'"),
    ],
)
def test_a_scorer_of_mlflow_that_fails_is_a_reason(by: Scorer, why: str) -> None:
    with pytest.raises(CannotExplain, match=why):
        smile_trace.explain(PROMPT, model=PlantedModel(desk), scorer=by)
