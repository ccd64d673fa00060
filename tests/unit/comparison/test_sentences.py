"""A comparison's first sentence names the edit, and says no more than its intervals do."""

from typing import Any

import numpy as np
import pytest

from smile_trace.comparison.answers import Apart
from smile_trace.comparison.sentences import summarize_change
from smile_trace.records.comparison import (
    AnswerComparison,
    Edit,
    EditEffect,
    VersionChange,
    VersionReport,
)

KIND = Edit(kind="edited", before="kind", after="rude")
BRIEF = Edit(kind="added", before="", after="Be brief.\n")
LONG = Edit(kind="removed", before="Use all details.", after="")


def _said(answers: AnswerComparison, *effects: EditEffect, **given: Any) -> str:
    versions = [VersionReport(label=label, version=label, template="") for label in "23"]
    change = VersionChange(
        before=0, after=1, answers=answers, effects=effects, why_no_influences="none", **given
    )
    return summarize_change(change, versions)


def _answers(**given: Any) -> AnswerComparison:
    defaults = {"inputs": 2, "changed": 2, "distance": 0.53, "ci_low": 0.0, "ci_high": 1.0}
    return AnswerComparison(**{**defaults, "noise": 0.1, **given})


def _effect(*edits: int, **given: Any) -> EditEffect:
    defaults = {"distance": 0.5, "ci_low": 0.5, "ci_high": 0.5, "share": 1.0, "named": True}
    return EditEffect(edits=edits, **{**defaults, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {},
            "2 of 2 inputs got another answer, which may be the model's own noise: so few cannot "
            "rule out a change of up to 1.00; a budget of 96 calls would tell.",
        ),
        (
            {"inputs": 40, "changed": 3, "distance": 0.0, "ci_high": 0.04},
            "the answers on 40 inputs are within the model's own noise.",
        ),
        ({"changed": 0, "inputs": 1, "distance": 0.0}, "the answers on 1 input are the same."),
        (
            {"significant": True, "noise": 0.0},
            "2 of 2 inputs got another answer, by 0.53 (0.00 to 1.00) on average.",
        ),
        (
            {"significant": True, "noise": 0.0, "distance": 1.0, "ci_low": 1.0},
            "2 of 2 inputs got another answer, by 1.00 on average.",
        ),
    ],
)
def test_the_answers(given: dict[str, Any], said: str) -> None:
    assert _said(_answers(**given), budget_needed=96) == f"From 2 to 3: {said}"


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        (
            [_effect(0), _effect(1, 2, share=0.0, named=False)],
            "From 2 to 3 the edit “kind” → “rude” changed the answers: 2 of 2 inputs got "
            "another answer, by 0.53 (0.00 to 1.00) on average. By itself it moves them by 0.50; "
            "the other 2 edits add next to nothing.",
        ),
        (
            [_effect(0, share=0.0, named=False), _effect(1, alone=0.01), _effect(2, share=0.0)],
            "From 2 to 3 the edits “Be brief.” (added) and “Use all details.” (removed) changed "
            "the answers: ",
        ),
        (
            [_effect(0, 1, share=0.0, named=False), _effect(2, alone=0.01)],
            "It does so only together with the edits before it; by itself it moves them by 0.01.",
        ),
        (
            [_effect(0, 1, named=False), _effect(2, share=0.0, named=False)],
            "From 2 to 3 one of 2 edits changed the answers, “kind” → “rude” or “Be brief.” "
            "(added) (a budget of 96 calls would tell which): 2 of 2 inputs",
        ),
        (
            [_effect(k, share=s, named=False) for k, s in enumerate((0.2, 0.24, 0.2))],
            "From 2 to 3 3 edits changed the answers together, most of all “Be brief.” "
            "(added): 2 of 2",
        ),
    ],
)
def test_what_did_it(effects: list[EditEffect], said: str) -> None:
    edits = (KIND, BRIEF, LONG)
    answers = _answers(significant=True)
    assert said in _said(answers, *effects, edits=edits, budget_needed=96)


def test_a_negative_distance_is_reported_as_zero() -> None:
    apart = Apart(np.array([-0.2, -0.1, 0.05]), noise=0.3, p_value=0.6)
    low, high = apart.interval()
    assert low == apart.mean == 0.0
    assert 0.0 < high < 0.2
