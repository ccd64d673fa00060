"""People's and judges' judgements: what is chosen, what is confirmed, how far they agree."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.probes.confirmation import (
    Judge,
    choose,
    confirmation,
    confirmations,
    is_confirmed,
)
from smile_trace.probes.reliability import agreement, alpha, reliability
from smile_trace.records.judgement import QUESTIONS, Confirmation, Judgement, Reply, ReviewItem
from tests.support.experts import SLIP, experts, judge, planted, said_by, variant

pytestmark = pytest.mark.thorough

REPLIES = st.sampled_from(get_args(Reply))


WORSE = QUESTIONS[1]


def judged(variant: str, reviewer: str, same: Reply, worse: Reply) -> Judgement:
    return Judgement(
        variant_id=variant, reviewer=reviewer, same_meaning=same, worse=worse,
        reason="cannot_say", judged_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


VARIANTS = st.lists(
    st.builds(
        variant,
        st.uuids().map(str),
        st.sampled_from(["order", "format", "swap"]),
        st.sampled_from(["p", "q", "r", "s"]),
        st.floats(0, 1),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)


@given(VARIANTS, st.integers(0, 50), st.integers(0, 3), st.data())
def test_as_many_are_chosen_as_there_are_each_once(
    variants: list[ReviewItem], number: int, seed: int, data: st.DataObject
) -> None:
    begun = {one.id for one in variants if data.draw(st.booleans())}
    found = choose(variants, number, seed, begun)
    assert len(found) == len(set(found)) == min(number, len(variants))
    assert found == choose(variants[::-1], number, seed, begun), "the order of the input is nothing"
    others = {one.id for one in found} & begun
    assert len(others) == min(number, len(begun)), "what others have judged comes first"


def test_the_choice_is_of_the_largest_of_the_border_and_of_chance() -> None:
    steps = [variant(f"v{k:03}", change=k / 200) for k in range(201)]
    draws = [choose(steps, 20, seed) for seed in range(12)]
    for found in draws:
        assert {f"v{k}" for k in range(192, 201)} <= {one.id for one in found}
        assert {f"v{k:03}" for k in range(96, 105)} <= {one.id for one in found}
    assert len({one.id for found in draws for one in found}) > 18 + 20, "chance takes others"


def test_no_probe_and_no_prompt_takes_all_of_a_persons_time() -> None:
    loud = [variant(f"a{k}", "swap", "one prompt", 1.0) for k in range(50)]
    low = [variant(f"b{k}", "order", change=0.6) for k in range(10)]
    found = Counter(one.probe for one in choose(loud + low, 20, 0))
    assert found["order"] >= 9


@pytest.mark.parametrize(
    ("replies", "wanted"),
    [
        ([("yes", "yes")], True),
        ([("yes", "no")], False),
        ([("no", "cannot_say")], False),
        ([("cannot_say", "yes")], None),
        ([("yes", "cannot_say")], None),
        ([("yes", "yes"), ("no", "yes")], None),
        ([("yes", "yes"), ("no", "yes"), ("yes", "no")], True),
        ([("no", "yes"), ("no", "no")], None),
        ([], None),
    ],
)
def test_a_variant_is_confirmed_question_by_question(
    replies: list[tuple[Reply, Reply]], wanted: bool | None
) -> None:
    them = [judged("v", f"r{k}", same, worse) for k, (same, worse) in enumerate(replies)]
    assert is_confirmed(them) is wanted


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc"), REPLIES, REPLIES), max_size=60)
)
def test_a_precision_lies_in_its_interval(
    replies: list[tuple[int, str, Reply, Reply]],
) -> None:
    variants = [variant(f"v{k}", prompt=f"p{k // 3}") for k in range(13)]
    last = {(k, who): judged(f"v{k}", who, same, worse) for k, who, same, worse in replies}
    found = confirmation("order", variants, list(last.values()))
    assert 0 <= found.ci_low <= found.ci_high <= 1
    assert found.precision is None or found.ci_low <= found.precision <= found.ci_high
    assert found.confirmed <= found.variants <= found.judgements <= len(last)
    assert not found.counts or (found.judgements >= 30 and found.ci_low >= 0.7)


def test_variants_of_one_prompt_are_one_witness() -> None:
    many = [variant(f"v{k}", prompt="the same") for k in range(100)]
    apart = [variant(f"v{k}") for k in range(100)]
    them = [judged(f"v{k}", "a", "yes", "yes") for k in range(100)]
    assert not confirmation("order", many, them).counts
    assert confirmation("order", apart, them).counts
    # To a judge, too.
    said = said_by(random.Random(0), "judge", dict.fromkeys(many, (True, True)), 0.0)
    assert not agreement("judge", many, said, said).counts


def test_what_did_not_count_and_other_probes_variants_are_left_out() -> None:
    them = [judged(name, "a", "yes", "yes") for name in ("v", "small", "other", "unknown")]
    variants = [variant("v"), variant("small", change=0.2), variant("other", "swap")]
    assert confirmation("order", variants, them).variants == 1
    assert list(confirmations(variants, them)) == ["order", "swap"]


@pytest.mark.parametrize(
    ("confirmed", "of", "counts"),
    [(29, 29, False), (30, 30, True), (24, 30, False), (52, 60, True)],
)
def test_a_gate_wants_thirty_judgements_and_a_precision_surely_above_seven_tenths(
    confirmed: int, of: int, counts: bool
) -> None:
    variants = [variant(f"v{k}") for k in range(of)]
    them = [judged(f"v{k}", "a", "yes", "yes" if k < confirmed else "no") for k in range(of)]
    assert confirmation("order", variants, them).counts is counts


def test_alpha_of_krippendorffs_example() -> None:
    """Krippendorff 2011, C: four observers, twelve units, nominal: .743."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[row[k] for row in observers if row[k] != "."] for k in range(12)]
    counts = np.array(
        [[float(unit.count(value)) for value in "12345"] for unit in units if len(unit) > 1]
    )
    assert alpha(counts, np.ones((1, len(counts))))[0] == pytest.approx(0.743, abs=5e-4)


def test_nothing_is_said_of_agreement_where_there_is_none_to_see() -> None:
    alone = [judged(f"v{k}", "a", "yes", "yes") for k in range(9)]
    assert reliability(WORSE, alone).alpha is None
    same = alone + [judged(f"v{k}", "b", "yes", "yes") for k in range(9)]
    assert (reliability(WORSE, same).variants, reliability(WORSE, same).alpha) == (9, None)


def planted_alpha(precision: float) -> float:
    """Of the second question, for two who slip: 1 - observed / expected disagreement."""
    worse = precision + (1 - precision) / 3
    says_yes = worse * (1 - SLIP) + (1 - worse) * SLIP
    return 1 - SLIP * (1 - SLIP) / (says_yes * (1 - says_yes))


def coverage(worlds: int, number: int, precision: float) -> tuple[float, float]:
    """How often precision and alpha lie in their intervals."""
    inside = list[tuple[bool, bool]]()
    for seed in range(worlds):
        variants, said = experts(seed, number, precision)
        found, agreed = confirmation("order", variants, said), reliability(WORSE, said)
        assert agreed.ci_low is not None
        assert agreed.ci_high is not None
        inside.append(
            (
                found.ci_low <= precision <= found.ci_high,
                agreed.ci_low <= planted_alpha(precision) <= agreed.ci_high,
            )
        )
    of_precision, of_alpha = np.mean(inside, axis=0)
    return float(of_precision), float(of_alpha)


def test_precision_and_alpha_of_two_who_slip_lie_in_their_intervals() -> None:
    """At 90 %: 12 worlds show fewer than 9 in four of a hundred such tests; these do not."""
    assert min(coverage(12, 80, 0.8)) >= 9 / 12


@pytest.mark.slow
@pytest.mark.parametrize("precision", [0.6, 0.95])
def test_they_lie_there_as_often_as_is_said(precision: float) -> None:
    """At 90 %: of 100 worlds fewer than 82 hold it in one of a hundred such tests."""
    assert min(coverage(100, 100, precision)) >= 0.82


@pytest.mark.parametrize(("precision", "least", "most"), [(0.3, 0, 0), (0.5, 0, 0), (0.95, 7, 8)])
def test_a_probe_made_useless_is_kept_out_of_the_gate(
    precision: float, least: int, most: int
) -> None:
    found = [confirmation("order", *experts(seed, 80, precision)) for seed in range(8)]
    assert least <= sum(one.counts for one in found) <= most


WORLDS = range(8)


def of_probe(probe: str, seed: int, wrong: float) -> Confirmation:
    found, items, people = judge(seed, wrong)
    return confirmation(probe, items, people, found if found.agreement.counts else None)


def test_a_judge_that_is_right_counts_and_so_does_what_it_finds() -> None:
    found = [judge(seed, 0.05)[0].agreement for seed in WORLDS]
    assert sum(one.counts for one in found) >= len(WORLDS) - 1
    good = [of_probe("format", seed, 0.02) for seed in WORLDS]
    assert sum(one.counts for one in good) >= len(WORLDS) - 2
    assert {one.by_judge for one in good if one.counts} == {80}
    assert {one.reviewers for one in good} == {0}


def test_a_judge_that_guesses_never_counts() -> None:
    assert not any(judge(seed, 0.5)[0].agreement.counts for seed in WORLDS)
    assert all(of_probe("format", seed, 0.5).judgements == 0 for seed in WORLDS)


@pytest.mark.parametrize("wrong", [0.02, 0.1, 0.2])
def test_no_judge_lets_a_useless_probe_into_the_gate(wrong: float) -> None:
    found = [of_probe("swap", seed, wrong) for seed in WORLDS]
    assert not any(one.counts for one in found)
    inside = [one.ci_low <= 0.3 <= one.ci_high for one in found]
    assert sum(inside) >= len(WORLDS) - 2, "its interval allows for the judge's errors"


def test_a_judge_that_always_says_yes_agrees_where_most_are_failures_and_proves_nothing() -> None:
    rng = random.Random(0)
    known = planted(rng, 100, 0.95)
    people = said_by(rng, "a", known, 0.0)
    alone = planted(rng, 200, 0.0, "swap")
    yes = said_by(rng, "judge", dict.fromkeys([*known, *alone], (True, True)), 0.0)
    items = [*known, *alone]
    found = agreement("judge", items, people, yes)
    assert found.counts, "it says what people say"
    assert found.false_alarms > 0.95
    told = confirmation("swap", items, people, Judge(yes, found))
    assert (told.precision, told.by_judge) == (1.0, 200)
    assert told.ci_low < 0.7, "it would say so of anything"
    assert not told.counts


@pytest.mark.parametrize(("shared", "counts"), [(29, False), (30, True)])
def test_thirty_variants_must_be_shared(shared: int, counts: bool) -> None:
    found, *_ = judge(0, 0.0, shared=shared)
    people = found.judgements[:shared]
    again = agreement("judge", [variant(one.variant_id) for one in people], people, people)
    assert again.counts is counts


def test_where_either_cannot_say_there_is_nothing_to_agree_on() -> None:
    items = [variant(name) for name in ("both", "judge cannot", "people divided", "judge alone")]
    truths = dict.fromkeys(items, (True, True))
    rng = random.Random(0)
    people = said_by(rng, "a", dict(list(truths.items())[:3]), 0.0)
    people.append(people[2].model_copy(update={"reviewer": "b", "worse": "no"}))
    said = said_by(rng, "judge", truths, 0.0)
    said[1] = said[1].model_copy(update={"same_meaning": "cannot_say", "worse": "cannot_say"})
    found = agreement("judge", items, people, said)
    by_name = {one.question: one for one in found.questions}
    assert (found.asked, found.replied) == (4, 3)
    assert (by_name["same_meaning"].variants, by_name["worse"].variants) == (2, 1)
    assert (by_name["reason"].rate, by_name["reason"].ci_high) == (None, 1.0)


def test_a_persons_word_stands_and_people_without_a_judge_are_as_before() -> None:
    found, items, people = judge(3, 0.02)
    alone = confirmation("order", items, people)
    assert confirmation("order", items, people, found) == alone
    assert alone.by_judge == 0
    one = said_by(random.Random(0), "a", {variant("format 0", "format"): (True, False)}, 0.0)
    mixed = confirmation("format", items, [*people, *one], found)
    assert (mixed.by_judge, mixed.judgements, mixed.reviewers) == (79, 80, 1)


def test_alpha_is_that_of_the_judge_and_the_majority() -> None:
    found, items, people = judge(1, 0.1)
    shared: Sequence[ReviewItem] = [item for item in items if item.probe == "order"]
    by_name = {one.question: one for one in found.agreement.questions}
    of_two = [one for one in people if one.reviewer == "a"] + list(found.judgements[: len(shared)])
    alone = agreement("judge", shared, of_two[: len(shared)], of_two[len(shared) :])
    known = reliability(QUESTIONS[1], of_two)
    assert {q.question: q.alpha for q in alone.questions}["worse"] == known.alpha
    assert by_name["worse"].alpha is not None
    assert by_name["worse"].alpha > (known.alpha or 0.0), "most people slip less than one"
