"""Pairs that seem to work together are confirmed by fresh masks, or not named."""

from dataclasses import replace

import pytest

from benchmarks.statistics.texts import PLANTED, Case, observe
from smile_trace.attribution.design.confirmation import Confirmation, confirmation_of
from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.records import Perturbation
from tests.support.studies import run

EITHER = Pair(0, 2, 1.0, 0.8, 1.2, (0.0, 0.0), (1.0, 1.0))
BOTH = Pair(0, 2, -0.8, -1.0, -0.6, (0.9, 0.9), (0.1, 0.1))
FREE = (True, False, True, True)
"""The pair's second one is the third free segment, at place 3."""


def row(*mask: bool) -> Perturbation:
    return Perturbation(kind="random", mask=mask, messages=(), keep_probability=0.5)


def test_each_of_two_has_to_bring_the_answer_back_where_it_is_lost_without_both() -> None:
    rows = [
        (row(False, True, True, False), 0.1),
        (row(False, True, False, False), 1.0),
        (row(True, True, True, False), 0.0),
        (row(False, True, True, False), 0.9),
    ]
    confirmation = confirmation_of(EITHER, FREE, rows)
    assert confirmation is not None
    assert confirmation.masks == ((True, True, True, False), (False, True, True, True))
    assert confirmation.holds([[0.1], [0.2, 0.6]])
    assert not confirmation.holds([[0.1], [0.9]])
    weaker = replace(confirmation, pair=replace(EITHER, value=0.4), half=0.2)
    assert weaker.holds([[0.6], [0.7]]), "something else is missing in that row, too"
    assert not weaker.holds([[0.6], [0.9]])
    assert confirmation_of(EITHER, FREE, rows[:1]) is None, "the answer was lost in no row"


def test_the_answer_has_to_be_lost_without_each_of_both() -> None:
    confirmation = confirmation_of(BOTH, FREE, [])
    assert confirmation is not None
    assert confirmation.masks == ((False, True, True, True), (True, True, True, False))
    assert confirmation.holds([[1.0, 0.4], [0.5]])
    assert not confirmation.holds([[1.0], [0.3]])


@pytest.mark.parametrize("changes", [[[], [0.0]], [[None], [0.0]]])
def test_without_an_answer_nothing_is_confirmed(changes: list[list[float | None]]) -> None:
    confirmation = Confirmation(EITHER, ((True,), (True,)), None, 0.5)
    assert not confirmation.holds(changes)


def test_a_pair_that_does_not_seem_to_work_together_is_not_asked_about() -> None:
    assert confirmation_of(replace(EITHER, low=-0.1), FREE, []) is None


@pytest.mark.parametrize(
    ("world", "size", "noise", "seed"),
    [
        ("any of three", 25, 0.0, 9),
        ("either of two", 33, 0.0, 18),
        ("one driver", 33, 0.2, 5),
        ("negation", 12, 0.2, 7),
    ],
)
def test_a_bystander_that_was_removed_beside_a_driver_is_in_no_pair(
    world: str, size: int, noise: float, seed: int
) -> None:
    [planted] = [one for one in PLANTED if one.name == world]
    seen = observe(Case(planted, size, noise, seed, "layers"))
    assert (seen.status, seen.interactions) == ("reliable", 0)
    assert seen.calls <= 40


def test_what_is_asked_about_a_pair_is_within_the_budget_and_in_no_estimate() -> None:
    words = "please tell me whether the Eiffel Tower stands near here or there today friend"
    asked = run(
        words,
        lambda messages: (
            "Paris" if {"Eiffel", "Tower"} & set(messages[0].content.split()) else "unknown"
        ),
        seed=6,
    )
    explanation = asked.explanation
    assert explanation.cost.target_calls == 40
    kinds = [one.kind for one in explanation.perturbations]
    assert kinds.count("confirming") == 2
    fresh = [one for one in explanation.perturbations if one.kind == "confirming"]
    assert all(one.keep_probability is None and one.shift == 0 for one in fresh)
    assert len(explanation.interactions) == 1
