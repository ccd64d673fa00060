"""The groups and chains that answer changes are measured by (benchmarks/answer_change)."""

from collections import Counter
from itertools import islice

import pytest

from benchmarks.answer_change import chains, groups

pytestmark = pytest.mark.thorough

ALL = {half: groups.load(half) for half in groups.HALVES}
KINDS = {"omission", "addition", "truncation", "composition", "list", "steps"}
EDITS = {
    "paraphrase", "reformatting", "reordering", "same_value", "addition", "takes_back", "omission",
    "truncation", "value", "negation", "replaced", "exchanged", "steps_reordered", "unrelated",
}  # fmt: skip
KEEPING = {"paraphrase", "reformatting", "reordering", "same_value", "addition"}


def test_every_kind_is_there_in_every_language_once() -> None:
    counts = Counter((group.kind, group.language) for half in ALL.values() for group in half)
    once = {(kind, language): 1 for kind in KINDS for language in groups.LANGUAGES}
    assert counts == {**once, **{("clauses", language): 2 for language in groups.LANGUAGES}}
    for half in ALL.values():
        assert Counter(group.kind for group in half) == {**dict.fromkeys(KINDS, 3), "clauses": 6}
        others = (group.language for group in half if group.kind != "clauses")
        assert Counter(others) == dict.fromkeys(groups.LANGUAGES, 3)
        assert sum(len(group.responses) for group in half) >= 120


@pytest.mark.parametrize(
    "group",
    [group for half in ALL.values() for group in half],
    ids=lambda g: f"{g.kind}-{g.language}",
)
def test_the_order_says_what_was_done(group: groups.Group) -> None:
    """Nothing is lost by what keeps everything, something by all else; shares are counted."""
    least = 25 if group.language in ("ja", "zh") else 60
    assert least <= len(group.logged) <= 900
    assert {response.lost for response in group.responses} >= {0, 1, 2, 3}
    texts = [group.logged, *(response.text for response in group.responses)]
    assert len(set(texts)) == len(texts)
    for response in group.responses:
        edits = set(response.edit.split("+"))
        assert edits <= EDITS
        assert (response.lost == 0) == (edits <= KEEPING)
        assert (response.share > 0) == bool(
            edits & {"omission", "truncation", "replaced", "unrelated"}
        )
        if edits <= {"omission", "truncation"}:
            left = groups.content(response.text) / groups.content(group.logged)
            assert response.share == round(1 - left, 2)


def test_content_is_counted_in_every_script() -> None:
    assert groups.content("It costs 1,250.50 euros at the shop") == 2 + 3  # costs, euros, shop
    assert groups.content("朝食は7時からです") == 2 / 2 + 2 + 1 / 2


def test_tau_counts_what_has_an_order() -> None:
    assert groups.tau([0, 0, 1, 2], [0.1, 0.0, 0.3, 0.9]) == 1
    assert groups.tau([0, 1, 2], [0.0, 0.9, 0.2]) == pytest.approx(1 / 3)
    assert groups.tau([0, 1], [0.5, 0.5]) == 0


def test_units_are_the_text() -> None:
    for half in groups.HALVES:
        for logged in groups.logged_answers(half):
            assert chains.written(chains.units(logged.text)) == logged.text.strip()


def test_nothing_comes_back_along_a_chain() -> None:
    """Of the units of the logged answer, those that still stand there become fewer."""
    answers = [answer for half in groups.HALVES for answer in groups.logged_answers(half)]
    found = list(chains.chains(answers, 300))
    assert found == list(chains.chains(answers, 300))
    assert len({tuple(one.steps) for one in found}) == 300
    assert len({step.edit for one in found for step in one.steps}) == 6
    for one in found:
        logged = Counter(unit.body for unit in chains.units(one.logged))
        kept = logged
        for step in one.steps:
            now = Counter(unit.body for unit in chains.units(step.text)) & logged
            assert now <= kept
            kept = now
        texts = [one.logged, *(step.text for step in one.steps)]
        assert len(set(texts)) == len(texts)


def test_a_fall_is_found() -> None:
    logged = chains.Logged("en", "Tea is here. Milk costs 5 euros. Please ring twice.")
    found = list(islice(chains.chains([logged], 40), 40))
    steps = sum(len(one.steps) for one in found)

    def shorter(one: str, other: str) -> float:
        return 1 - len(other) / len(one)

    def blind(one: str, other: str) -> float:
        return 0.5 * (one != other) * ("Milk" in other)

    assert chains.falls(lambda one, other: one != other, found)[:3] == (steps, Counter(), 0.0)
    assert chains.falls(shorter, found).by_edit["replace"] > 0
    assert chains.falls(blind, found).worst == 0.5
    assert chains.falls(blind, found).where[0] == logged.text
