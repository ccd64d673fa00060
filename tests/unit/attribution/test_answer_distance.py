"""The answer change in layers: what moved, what did not, and in which layer."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import smile_trace
from smile_trace.attribution.answer_distance import (
    LayeredChange,
    Meaning,
    compare,
    embed_sentences,
)
from smile_trace.attribution.answer_distance.edits import edits
from smile_trace.attribution.answer_distance.meaning import contextual
from smile_trace.attribution.answer_distance.normalisation import plain
from smile_trace.attribution.answer_distance.tokens import sentence
from smile_trace.attribution.word_vectors import VectorTable, embed_words

PAIRS = Path(__file__).parents[2] / "data" / "answer_pairs"
WORDS_ALONE = Meaning(embed_words)


def _keys(text: str) -> list[str]:
    return sentence(plain(text)).keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It costs 1,000 dollars", "It costs $1000"),
        ("12,5 Kilo", "12.5 kg"),
        ("drei Tage", "3 days"),
        ("deux heures", "2 h"),
        ("三百二十页", "320页"),
        ("５個", "5個"),
        ("It isn't open", "It is not open"),
        ("31 March 2025", "March 31, 2025"),
        ("2025-03-31", "31.03.2025"),
        ("2 p.m.", "午後2時"),
        ("**Bold** answer", "Bold answer"),
        ("temperature −5", "temperature -5"),
        ("two hundred", "200"),
    ],
)
def test_values_have_one_form(one: str, other: str) -> None:
    assert _keys(one) == _keys(other)


@pytest.mark.parametrize(
    ("logged", "response", "layer", "kind"),
    [
        ("x = -5", "x = 5", "values", "number"),
        ("It weighs 5 mg.", "It weighs 5 g.", "values", "unit"),
        ("Due on 3 May.", "Due on 3 June.", "values", "date"),
        ("if a == b", "if a != b", "values", "operator"),
        ("It is open.", "It is not open.", "values", "negation"),
        ("The lid is safe.", "The lid is unsafe.", "values", "polarity"),
        ("Anna paid Tom.", "Tom paid Anna.", "values", "roles"),
        ("Ask Anna Petrov today.", "Ask Anna Lindt today.", "values", "name"),
        ("Yes.", "No.", "values", "yes or no"),
        ("1. a tree\n2. a hill", "1. a hill\n2. a tree", "structure", "order"),
        ('{"a": 1, "b": 2}', '{"a": 2, "b": 1}', "structure", "json"),
        ('{"steps": [1, 2]}', '{"steps": [2, 1]}', "structure", "json"),
        ("The refund was approved.", "Penguins swim quickly", "meaning", None),
    ],
)
def test_the_layer_that_moved_is_named(
    logged: str, response: str, layer: str, kind: str | None
) -> None:
    found = smile_trace.answer_change_details(logged, response)
    assert found.change > 0.5
    assert found.layer == layer
    assert kind is None or kind in found.kinds


@pytest.mark.parametrize(
    ("logged", "response"),
    [
        ("Paris", "The capital of France is Paris, on the Seine."),
        ('{"a": [1, 2], "b": true}', '{"b": true, "a": [2, 1]}'),
        ("The colors are red, green and blue.", "The colors are:\n- blue\n- green\n- red"),
        ("It is not open.", "It is closed."),
        ("Yes.", "Yes, it was paid on Monday."),
        ("Anna is taller than Tom.", "Tom is shorter than Anna."),
        ("", ""),
        ("", " \n"),
        ("!!!", "!!!"),
        ("def f(a,b):\n    return a+b", "```python\ndef f(a, b):\n    return a + b\n```"),
    ],
)
def test_an_answer_that_still_says_it_has_not_moved(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) < 0.3


@pytest.mark.parametrize(
    ("logged", "response"),
    [
        ("Paris", ""),
        ("", "something"),
        ("The capital is Paris.", "It is not true that the capital is Paris."),
        ("The refund was approved.", "The refund was approved? No, the refund was not approved."),
        ("pelican", "unknown"),
        ("7", "9"),
        ("北京", "苹果"),
    ],
)
def test_a_denial_and_another_label_are_changes(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) >= 0.5


@pytest.mark.parametrize(
    ("logged", "response"),
    [
        ("heron and stork", "crane and heron"),
        ("heron and stork and crane", "crane and heron and pelican"),
        ("First boil the water, then add the pasta.", "Then add the rice, first boil the water."),
        ("We met Anna, Ben and Carla in Rome.", "In Rome we met Carla, Dora and Ben."),
    ],
)
def test_a_word_is_exchanged_while_others_change_places(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) > 0.5
    assert smile_trace.answer_change_details(logged, response).layer == "values"


@pytest.mark.parametrize(
    ("logged", "response"),
    [
        ("Yes.", "The museum is closed on Mondays."),
        ("Yes.", "It is not."),
        ("Paris is it.", "No"),
        ("You may return it.", "No, never."),
        ("Of course not.", "Sure, why not."),
    ],
)
def test_a_bare_yes_or_no_is_no_sentence(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) >= 0.9


@pytest.mark.parametrize(
    ("logged", "response"), [("Yes.", "Absolutely!"), ("Yes.", "You can."), ("No.", "It is not.")]
)
def test_a_yes_in_other_words_is_one(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) == 0.0


def test_of_a_sentence_only_its_yes_is_left() -> None:
    assert 0.3 < smile_trace.answer_change("Yes, you may return it.", "Yes.") < 0.7


@given(st.text(max_size=80), st.text(max_size=80))
def test_it_is_a_share_for_any_texts(one: str, other: str) -> None:
    change = compare(one, other, WORDS_ALONE).change
    assert 0.0 <= change <= 1.0
    assert math.isfinite(change)
    assert compare(one, one, WORDS_ALONE).change == 0.0


@given(
    st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12)
)
def test_edits_lead_from_the_one_to_the_other(one: list[str], other: list[str]) -> None:
    rebuilt: list[str] = []
    for kind, a, b, c, d in edits(one, other):
        rebuilt += one[a:b] if kind == "equal" else other[c:d]
        assert kind != "equal" or one[a:b] == other[c:d]
    assert rebuilt == other


def test_the_texts_that_are_looked_up_are_listed_before() -> None:
    logged = "The package arrives on Friday. It is sent by post, as always at this time."
    responses = ["The parcel arrives on Friday.", "Penguins swim. They eat fish in the sea."]
    table = VectorTable()
    change = LayeredChange(logged, table)
    texts = change.texts(responses, responses)
    generator = np.random.default_rng(0)
    table.add(texts, generator.standard_normal((len(texts), 8)))
    assert all(0 <= value <= 1 for value in change.changes(responses))
    assert 0 <= change.between(*responses) <= 1


def test_a_part_has_not_moved_where_the_response_says_it() -> None:
    logged = "The order ships on Monday. It costs 40 euros."
    part = (logged.index("40"), len(logged) - 1)
    change = LayeredChange(logged, embed_words, part)
    same, other = change.changes(["It ships on Friday for 40 euros.", "It costs 50 euros."])
    assert same < 0.1 < 0.5 < other


def test_a_distance_of_word_vectors_by_name() -> None:
    assert smile_trace.answer_change("red car", "red car", distance="wasserstein") == 0
    assert smile_trace.answer_change("x = -5", "x = 5", distance="words") < 0.1
    with pytest.raises(ValueError, match="There is no distance 'far'"):
        smile_trace.answer_change("a", "b", distance="far")


def _pairs() -> list[dict[str, Any]]:
    lines = (PAIRS / "tuning.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _auc(meaning: Meaning) -> float:
    """The share of (changed, unchanged) pairs that are in order."""
    scores: dict[bool, list[float]] = {True: [], False: []}
    for pair in _pairs():
        found = compare(pair["logged"], pair["response"], meaning)
        scores[pair["changed"]].append(found.change)
    changed, unchanged = np.array(scores[True]), np.array(scores[False])
    ties = (changed[:, None] == unchanged).mean() / 2
    return float((changed[:, None] > unchanged).mean() + ties)


def test_what_stands_around_a_part_has_no_say_in_it() -> None:
    logged = "A red fox and a dog live here."
    part = (logged.index("and a dog"), logged.index(" live"))
    change = LayeredChange(logged, embed_words, part)
    responses = ["No one and a dog live here.", "A cat, no one and a dog.", "No one and the sea."]
    first, second, lost = change.changes(responses)
    assert first == second == 0.0
    assert lost > 0.5
    assert change.between(responses[0], responses[1]) == 0.0
    assert change.between(responses[0], responses[2]) == lost


def test_without_sentence_vectors_values_are_still_told_apart() -> None:
    assert _auc(WORDS_ALONE) >= 0.85


@pytest.mark.slow
@pytest.mark.skipif(not contextual(), reason="needs the packaged sentence vectors")
def test_changed_pairs_are_told_from_unchanged_ones() -> None:
    assert _auc(Meaning(embed_sentences)) >= 0.95


@pytest.mark.parametrize("depth", [50, 500, 5_000])
def test_answers_of_deeply_nested_json_are_compared(depth: int) -> None:
    nested = ["[" * d + "]" * d for d in (depth, depth - 1)]
    assert 0 < smile_trace.answer_change(*nested) <= 1
    assert smile_trace.answer_change(nested[0], nested[0]) == 0
