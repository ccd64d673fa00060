"""The fields of JSON answers: how far each moves from one version to the other."""

import json
from typing import Any

import numpy as np
import pytest

from smile_trace.comparison.answers import Paired
from smile_trace.comparison.field_changes import FieldDistance, field_comparisons
from smile_trace.records.comparison import FieldComparison

LAMP, CUP = {"name": "lamp", "qty": 1}, {"name": "cup", "qty": 3}
ASKED = "The customer asks for a refund of order 4711."


def _mail(**given: Any) -> str:
    return json.dumps({"topic": "other", "urgent": False, **given})


def _found(pairs: list[Paired], *, exact: bool = False) -> dict[str, FieldComparison]:
    generator = np.random.default_rng(0)
    found = field_comparisons(pairs, FieldDistance(), generator, exact=exact)
    return {one.path: one for one in found}


def _exact(*pairs: tuple[str, str]) -> dict[str, FieldComparison]:
    return _found([Paired((one, one), (other, other)) for one, other in pairs], exact=True)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"a": {"b": 1, "c": "x"}}, {"a": {"b": 2, "c": "X"}}, {"$.a.b": 1, "$.a.c": 1}),
        ({"a": "x"}, {"b": "x"}, {"$.a": 1, "$.b": 1}),
        ({"a": None}, {}, {"$.a": 1}),
        ({"items": [LAMP, CUP]}, {"items": [CUP, LAMP]}, {}),
        ({"items": [LAMP, CUP]}, {"items": [CUP, LAMP | {"qty": 2}]}, {"$.items[].qty": 0.5}),
        (
            {"items": [LAMP, CUP]},
            {"items": [CUP]},
            {"$.items[].name": 0.5, "$.items[].qty": 0.5},
        ),
        ({"tags": ["a", "b"], "steps": ["a", "b"]}, {"tags": ["b", "a"], "steps": ["b", "a"]},
         {"$.steps": 1}),
        ({"why": ASKED}, {"why": "Customer requests a refund for order 4711."}, {}),
        ({"score": 0.8, "price": 19.5}, {"score": 0.6, "price": 19.6},
         {"$.score": 0.25, "$.price": 1}),
        ({"flag": 0}, {"flag": 1}, {"$.flag": 1}),
    ],
)  # fmt: skip
def test_how_far_fields_are_apart(
    one: dict[str, Any], other: dict[str, Any], apart: dict[str, float]
) -> None:
    found = FieldDistance()(json.dumps(one), f"```json\n{json.dumps(other)}\n```")
    assert {path: by for path, by in found.items() if by} == pytest.approx(apart)


def test_a_text_that_says_the_contrary_is_another_value() -> None:
    found = FieldDistance()(_mail(why=ASKED), _mail(why="The customer wants no refund at all."))
    assert found["$.why"] > 0.5


def test_a_flip_in_every_answer_is_told_from_the_noise_of_another_field() -> None:
    pairs = [
        Paired(
            (_mail(k=k, topic="abcd"[k % 4]), _mail(k=k, topic="abcd"[k // 2 % 4])),
            (_mail(k=k, topic="abcd"[k // 3 % 4], urgent=True),
             _mail(k=k, topic="abcd"[(k + 1) % 4], urgent=True)),
        )
        for k in range(5)
    ]  # fmt: skip
    found = _found(pairs)
    assert {path for path, one in found.items() if one.significant} == {"$.urgent"}
    urgent = found["$.urgent"]
    assert (urgent.changed, urgent.inputs, urgent.distance, urgent.noise) == (5, 5, 1.0, 0.0)
    assert found["$.topic"].noise > 0.5


def test_two_varying_answers_prove_no_flip() -> None:
    flipped = Paired((_mail(), _mail()), (_mail(urgent=True),) * 2)
    found = _found([flipped] * 2)["$.urgent"]
    assert (found.changed, found.significant) == (2, False)


def test_answers_that_are_no_json_lack_every_field() -> None:
    """Where neither version's are, nothing changed in the fields."""
    same = (_mail(), _mail())
    found = _exact(same, same, (_mail(), "I cannot tell."), ("Hello", "Good day"))
    told = {path: (one.changed, one.inputs, one.distance) for path, one in found.items()}
    assert told == {"$.topic": (1, 4, 0.25), "$.urgent": (1, 4, 0.25)}
    assert not _exact(("refund", "other"), ("[1]", "[2]"))


def test_a_key_of_a_single_answer_is_no_field() -> None:
    """A person's name must not stand in a public comment."""
    found = _exact((_mail(Ann=1), _mail(Ann=2)), (_mail(Bob=1), _mail(Bob=2, urgent=True)))
    assert list(found) == ["$.urgent"]
