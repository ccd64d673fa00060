"""Whether the answers of two versions differ, which edit did it, and how it is said."""

import asyncio
import json
import random
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from benchmarks.comparison.pairs import judge
from smile_trace import answer_change
from smile_trace.comparison.answers import (
    Answers,
    Apart,
    Paired,
    VersionDistance,
    compare_answers,
    count_changed,
    text_distance,
)
from smile_trace.comparison.edits import EditSearch, find_edits, unresolved, with_edits
from smile_trace.comparison.sentences import summarize_change
from smile_trace.comparison.verdicts import change_of, share_of, share_with
from smile_trace.records.comparison import (
    AnswerComparison,
    Edit,
    EditEffect,
    VersionChange,
    VersionReport,
)
from smile_trace.records.report import Share
from smile_trace.records.verdicts import SMALLEST_EFFECT

pytestmark = pytest.mark.thorough


def _distance(one: str, other: str) -> float:
    return min(abs(float(one) - float(other)), 1.0)


@pytest.mark.parametrize(
    ("change", "repetitions", "least", "most"), [(0, 150, 0, 13), (0.4, 12, 11, 12)]
)
def test_equal_versions_are_rejected_at_the_nominal_rate_and_others_mostly(
    change: float, repetitions: int, least: int, most: int
) -> None:
    rejected = 0
    for repetition in range(repetitions):
        generator = np.random.default_rng([repetition, 3])
        own = generator.normal(size=12)
        noise = generator.normal(scale=0.2, size=(12, 4))
        pairs = [
            Paired((str(o + n[0]), str(o + n[1])), (str(o + change + n[2]), str(o + change + n[3])))
            for o, n in zip(own, noise, strict=True)
        ]
        p_value = compare_answers(pairs, _distance, generator).p_value
        assert p_value is not None
        rejected += p_value <= 0.05
    assert least <= rejected <= most


def test_a_deterministic_model_needs_no_p_value() -> None:
    pairs = [Paired(("0", "0"), ("1", "1")), Paired(("0", "0"), ("0", "0"))]
    apart = compare_answers(pairs, _distance, np.random.default_rng(0), exact=True)
    assert apart.p_value is None
    assert apart.distances.tolist() == [[1.0, 0.0]]


def test_one_input_of_a_noisy_model_is_not_significant() -> None:
    pairs = [Paired(("0", "0"), ("1", "1"))]
    apart = compare_answers(pairs, _distance, np.random.default_rng(0))
    assert apart.p_value == pytest.approx(1 / 3)
    assert apart.interval() == (0.0, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        compare_answers([], _distance, np.random.default_rng(0))
    # A negative distance is reported as zero.
    apart = Apart(np.array([[-0.2, -0.1, 0.05]]), noise=0.3, p_value=0.6)
    low, high = apart.interval()
    assert low == apart.mean == 0.0
    assert 0.0 < high < 0.2


@pytest.mark.parametrize("answer", ["It costs 75 euros. Have a nice day.", "Have a nice day."])
def test_versions_lie_as_far_apart_as_answers_of_an_explanation(answer: str) -> None:
    logged = "Yes, it is in stock. It costs 75 euros. Have a nice day."
    apart = answer_change(logged, answer)
    assert apart > SMALLEST_EFFECT
    assert VersionDistance()(logged, answer) >= apart


def test_other_words_that_keep_the_facts_are_counted() -> None:
    due = "Your payment of 12 euros is due today."
    kept = due, "A sum of 12 euros must be paid by you today."
    other = due, "A sum of 15 euros must be paid by you today."
    told = due, f"{due} Bring your passport."
    late = " ".join(f"Hall {k} shows the maps of the year 18{k}." for k in range(10, 30))
    first, second = (json.dumps({"sizes": [1] * 12, "due": due}) for due in (7, 8))
    others = [other, told, (late, late.replace("1829", "1830")), (first, second)]
    distance = VersionDistance()
    assert not any(distance.may_say_the_same(*pair) for pair in others)
    counted = count_changed([kept, other, told, (due, due)], distance)
    assert (counted.changed, counted.reworded) == (3, 1)


def test_the_text_distance_is_symmetric_and_in_range() -> None:
    distance = text_distance()
    texts = ["Paris is the capital.", "The capital is Paris!", "", "नमस्ते 世界 🎉", "no", "yes"]
    for one in texts:
        assert distance(one, one) == 0
        for other in texts:
            assert distance(one, other) == distance(other, one)
            assert 0 <= distance(one, other) <= 1
    assert distance("yes", "no") > 0.5


PIECES = (
    "Be brief.", "Be kind and good to all.", "Use {lang}.", "{q}", " ", "\n", "\n\n", "一二三四。",
    "Never lie, never cheat, never steal.", "Never lie, never steal.", "-", "!!", "Answer:",
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("Say hello to {name} now", "Say goodbye to {name} now", [("edited", "hello", "goodbye")]),
        (
            "Be brief and kind to all who ask, and answer in German.",
            "Be rude and long to all who ask, and answer in French.",
            [("edited", "brief and kind", "rude and long"), ("edited", "German.", "French.")],
        ),
        ("Be brief.\nBe kind.\n", "Be brief.\n", [("removed", "Be kind.", "")]),
        ("Be brief.", "Be brief.\nBe kind.", [("added", "", "Be kind.")]),
        ("Ask {name}.\nThanks.", "Ask {city}.\nThanks.", [("edited", "{name}.", "{city}.")]),
        ("One is first.\nTwo.\nThree.", "Two.\nThree.\nOne is first.", ["moved"]),
        ("Two.\nThree.", "Two.\n\nThree.", [("edited", "", "")]),
        ("Two.", "Two.", []),
    ],
)
def test_edits_are_phrases(before: str, after: str, edits: list[Any]) -> None:
    found = [(e.kind, e.before.strip(), e.after.strip()) for e in find_edits(before, after)]
    assert ([kind for kind, _, _ in found] if edits == ["moved"] else found) == edits


def test_all_edits_give_the_new_template_and_none_the_old_one() -> None:
    generator = random.Random(3)
    for _ in range(150):
        before, after = (
            "".join(
                generator.choice(PIECES) + generator.choice(["\n", " ", ""])
                for _ in range(generator.randint(0, 7))
            )
            for _ in range(2)
        )
        edits = find_edits(before, after)
        assert with_edits(before, after, edits) == after
        assert with_edits(before, after, []) == before
        assert bool(edits) == (before != after)


def test_some_edits() -> None:
    before = "Be brief.\nUse English.\nAnswer: {q}"
    after = "Be kind.\nUse English.\nNever lie.\nAnswer: {q}"
    first, second = find_edits(before, after)
    assert with_edits(before, after, [first]) == "Be kind.\nUse English.\nAnswer: {q}"
    assert with_edits(before, after, [second]) == "Be brief.\nUse English.\nNever lie.\nAnswer: {q}"


def test_a_very_long_sentence_is_one_edit() -> None:
    before = "alpha beta " * 1500
    after = before.replace("alpha", "gamma", 3)
    [edit] = find_edits(before, after)
    assert (edit.before, edit.after) == (before.rstrip(), after.rstrip())
    assert with_edits(before, after, [edit]) == after
    assert find_edits(before, before) == []


def test_of_two_thousand_lines_those_that_differ_are_the_edits() -> None:
    lines = [f"Rule {k}: of case {k * 7919 % 1000} say nothing.\n" for k in range(2000)]
    lines[900] = "Never promise a refund.\n"
    changed = ["Be quick.\n", *lines[1:-1], "End well.\n"]
    changed.insert(700, changed.pop(900))
    edits = find_edits("".join(lines), "".join(changed))
    assert [edit.kind for edit in edits] == ["edited", "moved", "edited"]
    assert edits[1].before == lines[900]


def _search(edits: int, *drivers: int, most: int = 99) -> tuple[EditSearch, int]:
    """Answers are the number of drivers that are in place, over 10."""

    def answers(count: int) -> Answers:
        return [[str(sum(driver < count for driver in drivers) / 10)] for _ in range(3)]

    async def ask(count: int) -> Answers:
        return answers(count)

    search = EditSearch(answers(0), answers(edits), edits, np.zeros((1, 3)), (_distance,))
    return search, asyncio.run(search.run(ask, most))


@pytest.mark.parametrize("edits", [1, 2, 3, 6, 16])
def test_one_edit_is_found_in_the_logarithm_of_their_number(edits: int) -> None:
    for driver in range(edits):
        search, asked = _search(edits, driver)
        [step] = [step for step in search.steps if step.share]
        assert (step.start, step.end, step.share) == (driver, driver + 1, 1.0)
        assert asked <= np.ceil(np.log2(edits))


def test_two_edits_are_found() -> None:
    search, _ = _search(6, 0, 4)
    assert [step.start for step in search.steps if step.share and step.edits == 1] == [0, 4]


def test_edits_that_changed_the_answers_are_told_apart_while_the_budget_lasts() -> None:
    search, asked = _search(8, 0, 1, 2)
    assert [step.start for step in search.steps if step.share and step.edits == 1] == [0, 1, 2]
    assert asked == 4
    assert not unresolved(search.steps)


def test_steps_cover_all_edits_when_the_budget_ends() -> None:
    search, asked = _search(8, 6, most=1)
    assert asked == 1
    assert [(s.start, s.end) for s in search.steps] == [(0, 4), (4, 8)]
    [still] = unresolved(search.steps)
    assert still.start == 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_a_planted_edit_is_named_and_none_where_none_matters(seed: int) -> None:
    assert judge(seed, matter=True).right
    assert not judge(seed, matter=False).named


KIND = Edit(kind="edited", before="kind", after="rude")


BRIEF = Edit(kind="added", before="", after="Be brief.\n")


LONG = Edit(kind="removed", before="Use all details.", after="")


def _said(answers: AnswerComparison, *effects: EditEffect, **given: Any) -> str:
    versions = [VersionReport(label=label, version=label, template="") for label in "23"]
    change = VersionChange(
        before=0, after=1, answers=answers, effects=effects, why_no_influences="none", **given
    )
    return summarize_change(change, versions, SMALLEST_EFFECT)


def _answers(**given: Any) -> AnswerComparison:
    defaults = {"inputs": 2, "changed": 2, "distance": 0.53, "ci_low": 0.0, "ci_high": 1.0}
    return AnswerComparison(**{**defaults, "noise": 0.1, "p_value": 0.2, **given})


def _effect(*edits: int, **given: Any) -> EditEffect:
    defaults = {"distance": 0.5, "ci_low": 0.5, "ci_high": 0.5, "share": 1.0, "named": True}
    return EditEffect(edits=edits, **{**defaults, **given})


LITTLE = {"inputs": 26, "changed": 0, "changed_little": 24, "little": 0.031, "distance": 0.02}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {},
            "on 2 inputs the change was not measured well enough to tell from the model's own "
            "noise: up to 100 % of the answer on average (a budget of 96 calls would tell).",
        ),
        (
            {"inputs": 40, "changed": 3, "distance": 0.0, "ci_high": 0.09},
            "beyond the model's own noise the change made no measurable difference on average over "
            "40 inputs (at most 9 % of the answer).",
        ),
        ({"changed": 0, "inputs": 1, "distance": 0.0}, "the answers on 1 input are the same."),
        (
            {**LITTLE, "p_value": None},
            "24 of 26 answers changed a little (by at most 4 %; form is not compared), none became "
            "another answer.",
        ),
        (
            {**LITTLE, "little": 0.0, "p_value": None},
            "24 of 26 answers changed a little (by at most 0 %; form is not compared), none became "
            "another answer.",
        ),
        (
            {**LITTLE, "ci_high": 0.2},
            "on 26 inputs the change was not measured well enough to tell from the model's own "
            "noise: up to 20 % of the answer on average (a budget of 96 calls would tell).",
        ),
        (
            {"significant": True, "noise": 0.0},
            "2 of 2 inputs got another answer, and on average 53 % of an answer changed; with so "
            "few inputs it may be anything from 0 to 100 %.",
        ),
        (
            {"significant": True, "inputs": 32, "changed": 32, "distance": 0.07, "ci_high": 0.1},
            "on 32 inputs on average 7 % [0 to 10 %] of an answer changed beyond the model's own "
            "noise.",
        ),
        (
            {"significant": True, "noise": 0.0, "distance": 1.0, "ci_low": 1.0},
            "2 of 2 inputs got another answer, and on average 100 % of an answer changed.",
        ),
    ],
)
def test_the_answers(given: dict[str, Any], said: str) -> None:
    assert _said(_answers(**given), budget_needed=96) == f"From 2 to 3: {said}"


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        (
            [_effect(0), _effect(1, 2, share=0.0, named=False, ci_low=0.0, ci_high=0.09)],
            "From 2 to 3 the edit “kind” → “rude” changed the answers: 2 of 2 inputs got "
            "another answer, and on average 53 % of an answer changed; with so few inputs it may "
            "be anything from 0 to 100 %. By itself it changes 50 % of an answer; "
            "the other 2 edits add next to nothing.",
        ),
        (
            [_effect(0), _effect(1, 2, share=0.0, named=False, ci_low=0.0)],
            "; the effect of the other 2 edits was not measured well enough to tell (a budget of "
            "96 calls would tell).",
        ),
        (
            [_effect(0, share=0.0, named=False), _effect(1, alone=0.01), _effect(2, share=0.0)],
            "From 2 to 3 the edits “Be brief.” (added) and “Use all details.” (removed) changed "
            "the answers: ",
        ),
        (
            [_effect(0, 1, share=0.0, named=False), _effect(2, alone=0.01)],
            "It does so only together with the earlier edits; by itself it changes 1 % of an "
            "answer.",
        ),
        (
            [_effect(0, 1, share=0.25, named=False), _effect(2, share=0.75, alone=0.15)],
            "It makes up 75 % of the change, but by itself it changes 15 % of an answer; the other",
        ),
        (
            [_effect(0, 1, share=0.0, named=False), _effect(2)],
            "With the earlier edits in place, it changes 50 %",
        ),
        (
            [_effect(0, 1, named=False), _effect(2, share=0.0, named=False)],
            "From 2 to 3 at least one of 2 edits changed the answers, “kind” → “rude” or “Be "
            "brief.” (added) (a budget of 96 calls would tell which): 2 of 2 inputs",
        ),
        (
            [_effect(k, share=s, named=False) for k, s in enumerate((0.2, 0.24, 0.2))],
            "From 2 to 3 three edits together changed the answers, “Be brief.” "
            "(added) most of all: 2 of 2",
        ),
        (
            [_effect(0, share=0.9, named=False, ci_low=0.0), _effect(1, 2, share=0.1, named=False)],
            "From 2 to 3 the edits changed the answers, but which of the 3 did is not settled "
            "(a budget of 96 calls may tell): 2 of 2 inputs",
        ),
        (
            [_effect(0, inputs=1), _effect(1, 2, share=0.0, named=False, ci_low=0.0, ci_high=0.09)],
            "By itself it changes 50 % of an answer on the 1 input that changed most; the effect "
            "of the other 2 edits was not measured",
        ),
    ],
)
def test_what_did_it(effects: list[EditEffect], said: str) -> None:
    edits = (KIND, BRIEF, LONG)
    answers = _answers(significant=True, p_value=0.01, noise=0.0)
    assert said in _said(answers, *effects, edits=edits, budget_needed=96)


def _at_95(count: int, of: int) -> Share:
    ends = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
    return Share(count=count, of=of, share=count / of, low=ends.low, high=ends.high)


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    # Newcombe (1998), table II, method 10, the examples without a share of 0 or 1.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)],
)
def test_a_change_has_newcombes_interval(
    now: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = change_of(_at_95(*before), _at_95(*now))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.certain


def test_shares_that_are_not_known_or_stay() -> None:
    assert change_of(share_of(0, 0, 3), share_of(2, 2)) is None
    assert change_of(share_of(2, 2), share_of(0, 0)) is None
    same = change_of(share_of(5, 10), share_of(5, 10))
    assert same is not None
    assert (same.grown, same.certain) == (0, False)
    assert same.low == pytest.approx(-same.high)
    # Open calls are not counted.
    found = share_with(["supports", "excluded", "open", "against"], ("supports", "against"))
    assert (found.count, found.of, found.open) == (2, 3, 1)
    assert found.low < 2 / 3 < found.high
