"""Two segments of which either is enough, or which only work together: found, confirmed, said."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from benchmarks.statistics.texts import PLANTED, Case, observe
from smile_trace.attribution.design.masks import PairTest, pair_test
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.interactions import Pair, exact_pairs
from smile_trace.records import Explanation, Message, Perturbation
from tests.support.studies import copying, run

pytestmark = pytest.mark.thorough

LONG = "please tell me whether the Eiffel Tower stands near here or there today friend"


def _says(enough: bool) -> Callable[[tuple[Message, ...]], str]:
    """A model for which one of two words is enough, or which needs both of them."""
    of = any if enough else all
    return lambda messages: (
        "Paris" if of(word in messages[0].content for word in ("Eiffel", "Tower")) else "unknown"
    )


def _words(explanation: Explanation) -> list[str]:
    """The two texts of its only pair."""
    [pair] = explanation.interactions
    texts = {segment.key: segment.text for segment in explanation.segments}
    return [texts[pair.first], texts[pair.second]]


def test_the_interaction_is_the_second_difference_under_the_estimands_masks() -> None:
    n = 4
    x = np.array(list(product((0.0, 1.0), repeat=n)))
    y = 0.6 * x[:, 0] * x[:, 1] * (1 - 0.5 * x[:, 2]) + 0.2 * x[:, 2]
    effects = inference.enumerated(x, y)
    found = {(p.first, p.second): p for p in exact_pairs(x, y, effects)}
    # 0.6 where the third is retained, 0.3 where it is removed, with probability .5 and .2.
    assert found[0, 1].value == pytest.approx(np.mean([0.45, 0.54]))
    assert found[0, 1].alone == pytest.approx((0.0, 0.0))
    assert found[0, 1].beside == pytest.approx((0.495, 0.495))
    assert found[0, 1].kind == "either"
    assert found[0, 2].kind is None


@pytest.mark.parametrize(
    ("words", "kind", "seed"),
    [
        ("where is the Eiffel Tower", "either", 0),
        ("where is the Eiffel Tower", "both", 5),
        (LONG, "either", 1),  # both are out in some of the first twenty masks
        (LONG, "both", 6),
    ],
)
def test_a_study_finds_and_reports_the_pair(words: str, kind: str, seed: int) -> None:
    explanation = run(words, _says(kind == "either"), seed=seed).explanation
    [pair] = explanation.interactions
    assert _words(explanation) == ["Eiffel", "Tower"]
    assert pair.kind == kind
    assert pair.ci_low <= pair.value <= pair.ci_high
    said = {
        "either": "ither “Eiffel” or “Tower” is enough",
        "both": "“Eiffel” and “Tower” only work together",
    }[kind]
    assert said in explanation.summary
    assert "measurable" in explanation.summary
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    # What is asked about a pair is within the budget and in no estimate.
    assert explanation.cost.target_calls <= 40
    fresh = [one for one in explanation.perturbations if one.kind == "confirming"]
    assert all(one.keep_probability is None for one in fresh)
    if (words, kind) == (LONG, "either"):
        assert [one.shift for one in fresh] == [0, 0]
        assert explanation.cost.target_calls == 40


def test_a_protected_word_does_not_displace_the_pair() -> None:
    found = run(LONG, _says(enough=False), protect=["please", "whether"]).explanation
    assert _words(found) == ["Eiffel", "Tower"]


def test_one_word_that_does_it_alone_is_in_no_pair() -> None:
    assert run(LONG, copying("Eiffel")).explanation.interactions == ()


def test_no_pairs_without_a_reliable_explanation() -> None:
    study = run(LONG, _says(enough=True), seed=24).study
    [findings] = [study._known.find(level) for level in study._levels]
    assert [pair.kind for pair in findings.pairs] == ["either"]
    assert study.result().fidelity.status == "inconclusive"
    assert study.result().interactions == ()


@pytest.mark.parametrize(
    ("value", "half", "alone", "beside", "kind"),
    [
        (0.8, 0.2, (0.0, 0.1), (0.8, 0.9), "either"),
        (0.8, 0.9, (0.0, 0.1), (0.8, 0.9), None),  # may be none at all
        (0.1, 0.0, (0.0, 0.0), (0.1, 0.1), None),  # sure, and too small
        (0.4, 0.1, (0.5, 0.0), (0.9, 0.4), None),  # the first does much alone
        (-0.8, 0.2, (0.9, 0.8), (0.1, 0.0), "both"),
        (-0.4, 0.1, (0.9, 0.4), (0.5, 0.0), None),
    ],
)
def test_the_kind_of_a_pair(value, half, alone, beside, kind) -> None:
    assert Pair(0, 1, value, value - half, value + half, alone, beside).kind == kind


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [(0.27, 0.0, None), (0.09, 0.0, "either"), (0.09, 0.1, None)],
)
def test_neither_is_enough_where_one_alone_costs_an_effect_that_matters(
    first: float, second: float, kind: str | None
) -> None:
    x = np.array(list(product((0.0, 1.0), repeat=2)))
    y = np.array([0.0, second, first, 0.99])
    [pair] = exact_pairs(x, y, inference.enumerated(x, y))
    assert pair.alone == pytest.approx((first, second))
    assert pair.kind == kind
    assert pair.more_together == (kind is None)
    assert pair.lost == 0.99


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
    planned = pair_test(EITHER, FREE, rows)
    assert planned is not None
    assert planned.masks == ((True, True, True, False), (False, True, True, True))
    assert planned.holds([[0.1], [0.2, 0.6]])
    assert not planned.holds([[0.1], [0.9]])
    weaker = replace(planned, pair=replace(EITHER, value=0.4), half=0.2)
    assert weaker.holds([[0.6], [0.7]]), "something else is missing in that row, too"
    assert not weaker.holds([[0.6], [0.9]])
    assert pair_test(EITHER, FREE, rows[:1]) is None, "the answer was lost in no row"


def test_the_answer_has_to_be_lost_without_each_of_both() -> None:
    planned = pair_test(BOTH, FREE, [])
    assert planned is not None
    each = (False, True, True, True), (True, True, True, False)
    assert planned.masks == (*each, (False, True, True, False))
    assert planned.holds([[1.0, 0.4], [0.5], [0.7]])
    assert not planned.holds([[1.0], [0.3], [0.9]])
    assert not planned.holds([[0.5], [0.5], [1.0]]), "the two add up"


def test_what_adds_up_where_all_else_is_sent_does_not_only_work_together() -> None:
    # The third part hides what is lost without both of the others, and so makes them seem to need
    # each other on average.
    x = np.array(list(product((0.0, 1.0), repeat=3)))
    a, b, c = x.T
    needed = 1 - (1 - a) * (1 - b)
    y = np.where(c > 0, 0.9 * needed, 0.34 * a + 0.33 * b)
    found = {(p.first, p.second): p for p in exact_pairs(x, y, inference.enumerated(x, y))}
    assert found[0, 1].kind is None
    assert replace(found[0, 1], adds_up=False).kind == "both"


@pytest.mark.parametrize("changes", [[[], [0.0]], [[None], [0.0]]])
def test_without_an_answer_nothing_is_confirmed(changes: list[list[float | None]]) -> None:
    planned = PairTest(EITHER, ((True,), (True,)), None, 0.5)
    assert not planned.holds(changes)


def test_a_pair_that_does_not_seem_to_work_together_is_not_asked_about() -> None:
    assert pair_test(replace(EITHER, low=-0.1), FREE, []) is None


@pytest.mark.parametrize(
    ("world", "size", "noise", "seed"),
    [
        pytest.param("any of three", 25, 0.0, 11, marks=pytest.mark.slow),
        pytest.param("either of two", 33, 0.0, 18, marks=pytest.mark.slow),
        pytest.param("one driver", 33, 0.2, 5, marks=pytest.mark.slow),
        ("negation", 12, 0.2, 7),
    ],
)
def test_a_bystander_that_was_removed_beside_a_driver_is_in_no_pair(
    world: str, size: int, noise: float, seed: int
) -> None:
    [planted] = [one for one in PLANTED if one.name == world]
    seen = observe(Case(planted, size, noise, seed, "content"))
    assert seen.interactions == seen.true_interactions
    assert seen.status in ("reliable", "partial")
    assert seen.calls <= 40
