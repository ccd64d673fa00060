"""A comparison's sentences say no more than its intervals do."""

from typing import Any

import numpy as np
import pytest

from smile_trace.comparison.answers import Apart
from smile_trace.comparison.sentences import summarize_change
from smile_trace.records.comparison import (
    AnswerComparison,
    EditEffect,
    SegmentChange,
    TemplateSegment,
    VersionChange,
    VersionReport,
)
from smile_trace.records.comparison import Influence as _Influence


def _version(label: str) -> VersionReport:
    segments = tuple(
        _Influence(
            segment=TemplateSegment(key=text, text=text, start=0, end=1, unit="sentence"),
            influence=0.0,
            ci_low=-1.0,
            ci_high=1.0,
        )
        for text in ("Be kind.", "Be brief.")
    )
    return VersionReport(label=label, version=label, template="", segments=segments)


def _said(answers: AnswerComparison, *edits: EditEffect) -> str:
    change = VersionChange(
        before=0,
        after=1,
        answers=answers,
        edits=edits,
        segments=tuple(SegmentChange(kind="edited", before=k, after=k) for k in range(2)),
        why_no_influences="none were explained",
    )
    return summarize_change(change, [_version("2"), _version("3")])


def _answers(**given: Any) -> AnswerComparison:
    defaults = {"inputs": 2, "changed": 2, "distance": 0.53, "ci_low": 0.0, "ci_high": 1.0}
    return AnswerComparison(**{**defaults, "noise": 0.1, **given})


def _edit(place: int, distance: float, low: float, high: float, share: float) -> EditEffect:
    return EditEffect(
        segments=(place,),
        distance=distance,
        ci_low=low,
        ci_high=high,
        share=share,
        significant=True,
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {},
            "2 of 2 inputs got another answer, which may be the model's own noise: so few cannot "
            "rule out a change of up to 1.00.",
        ),
        (
            {"noise": 0.0, "p_value": 0.11},  # repeated itself twice: that proves nothing
            "2 of 2 inputs got another answer, which may be the model's own noise: so few cannot "
            "rule out a change of up to 1.00.",
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
    assert _said(_answers(**given)) == f"From 2 to 3: {said}"


def test_the_strongest_edit_is_named_surely_only_if_intervals_do_not_overlap() -> None:
    answers = _answers(significant=True)
    separate = _said(answers, _edit(0, 0.5, 0.4, 0.6, 0.8), _edit(1, 0.1, 0.0, 0.2, 0.2))
    assert separate.endswith(
        "Most of it comes from “Be kind.” (edited): by itself it moves them by 0.50 (0.40 to 0.60)."
    )
    overlapping = _said(answers, _edit(0, 0.5, 0.0, 1.0, 0.5), _edit(1, 0.4, 0.0, 1.0, 0.4))
    assert "The largest part of it seems to come from “Be kind.”" in overlapping


def test_a_negative_distance_is_reported_as_zero() -> None:
    apart = Apart(np.array([-0.2, -0.1, 0.05]), noise=0.3, p_value=0.6)
    low, high = apart.interval()
    assert low == apart.mean == 0.0
    assert 0.0 < high < 0.2
