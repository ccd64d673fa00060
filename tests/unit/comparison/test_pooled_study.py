"""Pooled mode: a few masks on each of many calls."""

import pytest

from smile_trace.attribution import CannotExplain
from smile_trace.comparison.influence.pooled_study import KEEP, PooledStudy
from smile_trace.records import (
    ExplanationSettings,
    Message,
    Prompted,
    Response,
)
from tests.support.pooled_prompt import prompted_with

SETTINGS = ExplanationSettings(model="m", budget=7, pooled=True)


def _study(question: str, *, deterministic: bool = True) -> PooledStudy:
    return PooledStudy(
        prompted_with(question),
        SETTINGS,
        answer="Paris is it.",
        signal="text",
        deterministic=deterministic,
    )


def test_masks_are_over_the_template_and_the_rest_is_always_sent() -> None:
    study = _study("Where is the Eiffel Tower?")
    rows = study.ask()
    assert study.ask() == []
    assert rows[0].kind == "baseline"
    assert rows[0].messages == study.prompted.messages
    for row in rows:
        sent = row.messages[1].content
        assert row.messages[0].content == "sys"
        assert sent.startswith(">>")
        pieces = ("Be kind.", "Be brief.", "Name one city.", "Do not guess.", "Question:",
                  "Where is the Eiffel Tower?", "Answer:")  # fmt: skip
        assert tuple(piece in sent for piece in pieces) == row.mask
    study.tell(
        (row, Response(text="Paris is it." if "Eiffel" in row.messages[1].content else "No"))
        for row in rows
    )
    found = study.result()
    assert found.partitions[0][5] == "p:1:var:question"
    assert {o.keep_probability for o in found.perturbations if o.kind == "random"} == {KEEP}
    for observation in found.perturbations:
        assert observation.shift is not None
        assert (observation.shift > 0.5) is not observation.mask[5]


def test_calls_get_different_masks_and_the_same_call_the_same() -> None:
    masks = [[row.mask for row in _study(question).ask()] for question in ("a b", "a b", "c d")]
    assert masks[0] == masks[1]
    assert masks[0] != masks[2]


def test_a_sampled_model_gets_two_baselines_and_replicates() -> None:
    rows = _study("why?", deterministic=False).ask()
    assert [row.kind for row in rows].count("baseline") == 2
    assert len({(row.text_hash, row.replicate) for row in rows}) == 7


def test_a_failed_call_is_missing_data() -> None:
    study = _study("why?")
    rows = study.ask()
    study.tell((row, Response(failure="down")) for row in rows)
    assert all(o.shift is None for o in study.result().perturbations)


def test_a_call_without_a_prompt_cannot_be_pooled() -> None:
    prompted = Prompted(messages=(Message(role="user", content="hi there"),), answer="x")
    with pytest.raises(CannotExplain):
        PooledStudy(prompted, SETTINGS, answer="x", signal="text", deterministic=True)
