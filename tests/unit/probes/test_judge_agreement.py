"""A judge is asked what people are asked, and measured against them before it counts."""

import random
from collections.abc import Sequence

import pytest

from smile_trace.probes.confirmation import Judge, agreement, confirmation, reliability
from smile_trace.records.judgement import QUESTIONS, Confirmation, ReviewItem
from tests.support.experts import judge, planted, said_by, variant

WORLDS = range(20)


def of_probe(probe: str, seed: int, wrong: float) -> Confirmation:
    found, items, people = judge(seed, wrong)
    return confirmation(probe, items, people, found if found.agreement.counts else None)


def test_a_judge_that_is_right_counts_and_so_does_what_it_finds() -> None:
    found = [judge(seed, 0.05)[0].agreement for seed in WORLDS]
    assert sum(one.counts for one in found) >= 18
    good = [of_probe("format", seed, 0.02) for seed in WORLDS]
    assert sum(one.counts for one in good) >= 16
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
    assert sum(inside) >= 16, "its interval allows for the judge's errors"


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


def test_variants_of_one_prompt_are_one_witness() -> None:
    items = [variant(f"v{k}", prompt="the same") for k in range(100)]
    said = said_by(random.Random(0), "judge", dict.fromkeys(items, (True, True)), 0.0)
    assert not agreement("judge", items, said, said).counts


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
