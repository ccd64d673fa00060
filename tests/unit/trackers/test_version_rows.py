"""Prompt versions as rows: what changed and which edit did it stand before the parts."""

from typing import Any

import pytest

from smile_trace.records.comparison import (
    AnswerComparison,
    Comparison,
    Edit,
    EditEffect,
    VersionChange,
)
from smile_trace.render.comparison.layout import figures
from smile_trace.trackers.version_rows import Row, comparison_rows
from smile_trace_contracts.samples import sample_comparison

EDITS = (
    Edit(kind="edited", before="Be brief.", after="Be kind."),
    Edit(kind="added", before="", after="Say that prices include tax."),
)
CHANGED = {"inputs": 12, "changed": 12, "distance": 0.46, "ci_low": 0.4, "ci_high": 0.5}


def effect(*edits: int, **given: Any) -> EditEffect:
    figures = {"inputs": 4, "changed": 4, "distance": 0.48, "ci_low": 0.4, "ci_high": 0.5}
    return EditEffect(edits=edits, **{**figures, **given})


NOTHING = {"changed": 0, "distance": 0.0, "ci_low": 0.0, "ci_high": 0.02}


def compared(*effects: EditEffect, **answers: Any) -> Comparison:
    found = AnswerComparison(**{**CHANGED, "noise": 0.0, "significant": True, **answers})
    change = VersionChange(
        before=0, after=1, answers=found, edits=EDITS, effects=effects, summary="The edit did it."
    )
    return sample_comparison("answer").model_copy(update={"changes": (change,)})


def rows(*effects: EditEffect, **answers: Any) -> list[Row]:
    return comparison_rows(compared(*effects, **answers))


def test_what_changed_comes_first_and_open_parts_are_counted() -> None:
    first, brief, tax, *parts = rows(effect(0, **NOTHING), effect(1, named=True))
    assert first.cells[0].output == {"text": "Be brief."}
    assert first.cells[1].output == {"text": "The edit did it.\n\nBe brief."}
    assert brief.shown == {"edit": "“Be brief.” → “Be kind.”"}
    assert brief.cells[1].label == "made no measurable difference"
    assert tax.cells[0].output == {"text": "not in this version"}
    assert (tax.cells[1].label, tax.cells[1].score) == (
        "changed the answers",
        None,
    )  # a mean says nothing
    assert "4 of 4 inputs got another answer, 48 % of an answer" in str(tax.cells[1].output)
    [others] = parts
    assert others.cells[1].output == {
        "text": "1 part was not measured: too few calls removed it",
    }


def test_a_row_keeps_its_id_where_its_sentence_changes() -> None:
    one, other = (rows(effect(0, 1, changed=count))[0] for count in (3, 4))
    assert one.id == other.id


@pytest.mark.parametrize(
    ("effects", "answers", "label", "told"),
    [
        ([effect(0, 1, ci_low=-0.1)], {}, "open", "up to 50 % of the answer, measured together"),
        ([effect(0, ci_high=0.12, ci_low=-0.1)], {}, "open", "not measured well enough to tell"),
        ([effect(0, share=0.2)], {}, "one of several", "one of several that changed the answers"),
        ([], {}, "open", "not tried"),
        ([], {**NOTHING, "significant": False}, "made no measurable difference", "1 more"),
    ],
)
def test_an_edit_is_denied_only_where_its_effect_is_excluded(
    effects: list[EditEffect], answers: dict[str, Any], label: str, told: str
) -> None:
    cell = rows(*effects, **answers)[1].cells[1]
    assert cell.label == label
    assert told in str(cell.output)


def test_the_metrics_begin_with_what_changed_and_are_rounded() -> None:
    found = figures(compared(changed=8, distance=0.46478955007256895), 1)
    first = [("smile.answers_changed", 0.6667), ("smile.answer_change_from_previous", 0.4648)]
    assert [*found.items()][:2] == first
