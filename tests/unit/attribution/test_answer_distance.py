"""The answer change: what is left out, what is contradicted, and what costs nothing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import smile_trace
from benchmarks.answer_change import chain_words, groups
from smile_trace.attribution import word_vectors
from smile_trace.attribution.answer_change import ContentChange, Meaning, compare, embed_sentences
from smile_trace.attribution.answer_change.contradictions import edits
from smile_trace.attribution.answer_change.matching import read
from smile_trace.attribution.answer_change.text_comparison import only_content
from smile_trace.attribution.answer_change.tokens import plain, sentence
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import VectorTable, contextual, embed_words

pytestmark = pytest.mark.thorough

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
    ("logged", "response", "kind"),
    [
        ("x = -5", "x = 5", "number"),
        ("It weighs 5 mg.", "It weighs 5 g.", "number"),
        ("It costs 12 euros a month.", "It costs 12 euros a year.", "unit"),
        ("Due on 3 May.", "Due on 3 June.", "date"),
        ("if a == b", "if a != b", "operator"),
        ("It is open.", "It is not open.", "negation"),
        ("Sie müssen nicht zahlen, wenn es kalt ist.", "Sie müssen zahlen, wenn es nicht kalt ist.",
         "negation"),
        ("The lid is safe.", "The lid is unsafe.", "polarity"),
        ("Anna paid Tom.", "Tom paid Anna.", "roles"),
        ("Ask Anna Petrov today.", "Ask Anna Lindt today.", "name"),
        ("Yes.", "No.", "yes or no"),
        ("1. a tree\n2. a hill", "1. a hill\n2. a tree", "order"),
        ("First knead it, then bake it.", "First bake it, then knead it.", "order"),
        ('{"a": 1, "b": 2}', '{"a": 2, "b": 1}', "json"),
        ('{"steps": [1, 2]}', '{"steps": [2, 1]}', "json"),
        ('{"name": "Ann", "seats": 4}', "Name: Ann, seats: 4", "json"),
        ("heron and stork", "crane and heron", "word"),
        ("heron and stork and crane", "crane and heron and pelican", "word"),
        ("We met Anna, Ben and Carla in Rome.", "In Rome we met Carla, Dora and Ben.", "name"),
    ],
)  # fmt: skip
def test_what_is_said_otherwise_is_named(logged: str, response: str, kind: str) -> None:
    found = smile_trace.answer_change_details(logged, response)
    assert found.change > 0.45
    assert kind in found.kinds


WITHIN = {
    (0.0, 0.0): [("Yes.", "Absolutely!"), ("Yes.", "You can."), ("No.", "It is not.")],
    (0.0, 0.3): [
        ("Paris", "The capital of France is Paris, on the Seine."),
        ('{"a": [1, 2], "b": true}', '{"b": true, "a": [2, 1]}'),
        ("The colors are red, green and blue.", "The colors are:\n- blue\n- green\n- red"),
        ("It is not open.", "It is closed."),
        ("Yes.", "Yes, it was paid on Monday."),
        ("Anna is taller than Tom.", "Tom is shorter than Anna."),
        ("", ""),
        ("", " \n"),
        ("!!!", "!!!"),
        ("Bake it for 2 h with 1.5 kg of rice.", "Bake it for 120 minutes with 1500 g of rice."),
        ("def f(a,b):\n    return a+b", "```python\ndef f(a, b):\n    return a + b\n```"),
    ],
    (0.3, 0.7): [("Yes, you may return it.", "Yes.")],
    (0.5, 1.0): [
        ("Paris", ""),
        ("", "something"),
        ("The capital is Paris.", "It is not true that the capital is Paris."),
        ("The refund was approved.", "The refund was approved? No, the refund was not approved."),
        ("pelican", "unknown"),
        ("7", "9"),
        ("北京", "苹果"),
    ],
    (0.8, 1.0): [  # a bare yes or no is no sentence
        ("Yes.", "The museum is closed on Mondays."),
        ("Yes.", "It is not."),
        ("Paris is it.", "No"),
        ("You may return it.", "No, never."),
        ("Of course not.", "Sure, why not."),
    ],
}


@pytest.mark.parametrize(
    ("logged", "response", "low", "high"),
    [(*pair, *ends) for ends, pairs in WITHIN.items() for pair in pairs],
)
def test_how_far_an_answer_has_moved(logged: str, response: str, low: float, high: float) -> None:
    assert low <= smile_trace.answer_change(logged, response) <= high


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
    change = ContentChange(logged, table)
    texts = change.texts(responses, responses)
    generator = np.random.default_rng(0)
    table.add(texts, generator.standard_normal((len(texts), 8)))
    assert all(0 <= value <= 1 for value in change.changes(responses))
    assert 0 <= change.between(*responses) <= 1


@pytest.mark.parametrize(
    ("part", "same", "others"),
    [
        ("40 euros", "It ships on Friday for 40 euros.", ["It costs 50 euros."]),
        ("49 euros", "€49 · 49 EUR · EUR 49 · 49,00 € · It is 49 EUR a month.", ["$49", "CHF 49"]),
        ("49 euros", "It takes 49 days and costs 49 €.", ["It takes 49 days.", "49 US dollars"]),
        ("2 hours", "It takes 120 minutes. · 2 h", ["It takes 2 days.", "Wait 2 minutes."]),
    ],
)
def test_a_part_has_not_moved_where_the_response_says_it(
    part: str, same: str, others: list[str]
) -> None:
    logged = f"The order ships on Monday. The shop says {part}."
    start = logged.index(part)
    change = ContentChange(logged, embed_words, (start, start + len(part)))
    assert not any(change.changes(same.split(" · ")))
    assert min(change.changes(others)) > 0.8


def test_what_an_answer_adds_counts_for_nothing_in_texts_that_are_compared_whole() -> None:
    assert only_content("It is open.", "content", None)
    assert not only_content("It is open.", "words", None)
    assert not only_content("It is open.", "content", (6, 10))
    assert not only_content('{"open": true}', "content", None)


def test_a_distance_of_word_vectors_by_name() -> None:
    assert smile_trace.answer_change("red car", "red car", distance="wasserstein") == 0
    assert smile_trace.answer_change("x = -5", "x = 5", distance="words") < 0.1
    with pytest.raises(ValueError, match="There is no distance 'far'"):
        smile_trace.answer_change("a", "b", distance="far")


def _auc(meaning: Meaning) -> float:
    """The share of (changed, unchanged) pairs that are in order."""
    scores: dict[bool, list[float]] = {True: [], False: []}
    for line in (PAIRS / "tuning.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        found = compare(pair["logged"], pair["response"], meaning)
        scores[pair["changed"]].append(found.change)
    changed, unchanged = np.array(scores[True]), np.array(scores[False])
    ties = (changed[:, None] == unchanged).mean() / 2
    return float((changed[:, None] > unchanged).mean() + ties)


def test_what_stands_around_a_part_has_no_say_in_it() -> None:
    logged = "A red fox and a dog live here."
    part = (logged.index("and a dog"), logged.index(" live"))
    change = ContentChange(logged, embed_words, part)
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


RETURNS = (
    "Our return policy is simple. You can send back any item within 30 days of delivery, as "
    "long as it is unused and in its original box. Shipping the parcel back costs 4.90 euros, "
    "which we deduct from your refund. Once the warehouse has checked the item, the money goes "
    "to the card you paid with. This usually takes five working days. Sale items are the "
    "exception: they can only be exchanged for another size. If the item was broken when it "
    "arrived, we pay for the return and send you a new one straight away. Please write to "
    "help@lampshop.com before you post anything, so that we can give you a return number."
)


RETURNS_REWORDED = (
    "Returning something is easy. Within 30 days after it was delivered, every article may be "
    "sent back to us if you have not used it and still have the box it came in. We take 4.90 "
    "euros off your refund for the return shipping. After our warehouse has inspected it, you "
    "get your money back on the card that you used, normally in five working days. There is one "
    "exception, articles on sale, which you may only swap for a different size. Did it arrive "
    "broken? Then the return is on us, and a replacement is sent at once. Before posting a "
    "parcel, write to help@lampshop.com and ask for a return number."
)


PLANTS = (
    "Photosynthesis is the process by which green plants make their own food. Chlorophyll in "
    "the leaves absorbs sunlight, mostly its red and blue parts. The energy splits water "
    "molecules, which the roots have taken up from the soil, into hydrogen and oxygen. The "
    "oxygen leaves the plant through small pores called stomata. In a second step the hydrogen "
    "is combined with carbon dioxide from the air to form glucose. The plant uses this sugar "
    "for growth or stores it as starch. Almost all life on Earth depends on this process, "
    "because it supplies both food and the oxygen that animals breathe."
)


PLANTS_REWORDED = (
    "Green plants produce their food themselves by photosynthesis. Sunlight, above all its red "
    "and blue share, is taken in by the chlorophyll of their leaves. With this energy, water "
    "that comes from the soil by way of the roots is split into oxygen and hydrogen. Through "
    "tiny openings, the stomata, the oxygen escapes. Afterwards glucose is built out of the "
    "hydrogen and of carbon dioxide taken from the air. That sugar serves for growing, or is "
    "kept as starch. Since food and the oxygen animals breathe both come from it, nearly every "
    "living thing on Earth relies on it."
)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in boundaries.sentences(text)]


@pytest.mark.parametrize(
    ("logged", "response", "low", "high"),
    [
        (RETURNS, RETURNS_REWORDED, 0, 0.2),
        (RETURNS_REWORDED, RETURNS, 0, 0.2),
        (PLANTS, PLANTS_REWORDED, 0, 0.2),
        (PLANTS_REWORDED, PLANTS, 0, 0.2),
        (RETURNS, f"{RETURNS} {PLANTS}", 0, 0.01),  # it says it all
        (RETURNS, f"{PLANTS} {RETURNS}", 0, 0.01),
        (RETURNS, PLANTS, 0.9, 1),
        (PLANTS, RETURNS_REWORDED, 0.9, 1),
    ],
)
def test_how_far_a_long_answer_has_moved(
    logged: str, response: str, low: float, high: float
) -> None:
    assert low <= smile_trace.answer_change(logged, response) < high + (high == 1)


@pytest.mark.parametrize(
    ("logged", "before", "after", "kind"),
    [
        (RETURNS, "30 days of delivery", "14 days of delivery", "number"),
        (RETURNS, "help@lampshop.com", "help@lumpshop.com", "identifier"),
        (RETURNS, "can only be exchanged", "can never be exchanged", "negation"),
        (PLANTS, "oxygen leaves the plant", "oxygen never leaves the plant", "negation"),
        (PLANTS, "dioxide from the air", "dioxide from the rain", "word"),
    ],
)
def test_one_value_of_a_long_answer_costs_most_of_its_sentence(
    logged: str, before: str, after: str, kind: str
) -> None:
    found = smile_trace.answer_change_details(logged, logged.replace(before, after))
    [changed] = [unit for unit in read(logged).units if before in unit.text]
    share = changed.weight / sum(unit.weight for unit in read(logged).units)
    assert 0.4 * share < found.change < share
    assert found.kinds == (kind,)


LANGUAGES = {group.language: group.logged for group in groups.load("tuning")}
ADDED = {language: unrelated[0] for language, unrelated in chain_words.UNRELATED.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_unit_costs_its_share_and_more_of_them_cost_more(language: str) -> None:
    answer = read(LANGUAGES[language])
    texts = [unit.text for unit in answer.units]

    @given(st.permutations(range(len(texts))))
    @settings(max_examples=10, deadline=None)
    def check(order: list[int]) -> None:
        before = 0.0
        for gone in range(len(texts) + 1):
            kept = [k for k in range(len(texts)) if k not in order[:gone]]
            lost = sum(sum(answer.weights(cut=False)[k]) for k in order[:gone])
            change = compare(answer.raw, "\n".join(texts[k] for k in kept), WORDS_ALONE).change
            assert lost - 0.1 <= change <= lost + 1e-6  # a little of it may be said elsewhere
            assert change >= before
            before = change
        assert before == 1

    check()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_addition_costs_nothing_and_a_denial_something(language: str) -> None:
    logged = "\n".join(unit.text for unit in read(LANGUAGES[language]).units)
    for added in (f"{logged}\n{ADDED[language]}", f"{ADDED[language]}\n{logged}"):
        assert compare(logged, added, WORDS_ALONE).change < 1e-9
    denied = {
        "en": "Storage is not included.", "de": "Der Mantel wird nicht abgezogen.",
        "fr": "Le reblochon n'est pas inclus.", "es": "No se renuevan los préstamos.",
        "ja": "駐車場の予約はできません。", "zh": "会议不由王敏主持。",
    }[language]  # fmt: skip
    found = {group.language: 0.0 for group in groups.load("tuning")}
    for group in groups.load("tuning"):
        if group.language == language:
            change = compare(group.logged, f"{group.logged}\n{denied}", WORDS_ALONE).change
            found[language] = max(found[language], change)
    assert 0.01 < found[language] < 0.9


@pytest.mark.parametrize(
    ("logged", "added", "denied"),
    [
        ("Your dog may only sleep in the winter room.", "Do not forget your winter boots.", False),
        ("Your dog may only sleep in the hut.", "You will not need a sleeping bag.", False),
        ("Your dog may only sleep in the hut.", "No dogs sleep there any more.", True),
        ("The refund was approved.", "We never approve refunds.", True),
        ("The refund was approved.", "Do not forget that no refund was approved.", True),
        ("Sie erreichen uns bis 18 Uhr.", "Zögern Sie bitte nicht, uns anzurufen.", False),
        ("Apportez un sac de couchage.", "N'oubliez pas le sac de vos enfants.", False),
        ("Traiga un saco de dormir.", "No olvide el saco de los niños.", False),
        ("请带睡袋。", "别忘了带孩子的睡袋。", False),
        ("寝袋を持参してください。", "子供の寝袋も忘れないでください。", False),
    ],
)
def test_only_a_denial_of_what_is_said_takes_it_back(logged: str, added: str, denied: bool) -> None:
    change = smile_trace.answer_change(logged, f"{logged} {added}")
    assert change > 0.3 if denied else change == 0.0


@given(st.integers(10, 99), st.integers(10, 99), st.integers(10, 99))
def test_other_values_cost_the_same_and_two_of_them_more(one: int, two: int, other: int) -> None:
    assume(len({one, two, other, other + 100}) == 4)
    text = "The room has {} seats and {} windows. Tea is served."
    logged = text.format(one, two)
    assert compare(logged, logged, WORDS_ALONE).change < 1e-9
    changed = compare(logged, text.format(other, two), WORDS_ALONE).change
    assert changed == compare(text.format(11, 12), text.format(13, 12), WORDS_ALONE).change
    assert changed < compare(logged, text.format(other, other + 100), WORDS_ALONE).change


def test_another_value_in_another_unit_costs_more_than_either() -> None:
    value, unit, both = (
        smile_trace.answer_change("The sofa costs 800 euros.", f"The sofa costs {price}.")
        for price in ("880 euros", "800 dollars", "880 dollars")
    )
    assert min(value, unit) > 0.8
    assert both > max(value, unit)


def test_what_comes_first_counts_more_where_the_answer_was_cut() -> None:
    head, tail = "Water boils at 100 degrees.", "Ice melts at 0 degrees."
    first, last = (
        compare(f"{head} {tail}", kept, WORDS_ALONE, cut=True).change for kept in (tail, head)
    )
    assert first > 0.6 > 0.4 > last
    even = compare(f"{head} {tail}", tail, WORDS_ALONE).change
    assert even == pytest.approx(0.5, abs=0.1)


def test_a_title_ends_no_sentence() -> None:
    logged = "The letter is for Mrs. Okafor. She lives in Rome."
    found = smile_trace.answer_change_details(logged, logged.replace("Okafor", "Lindner"))
    assert found.kinds == ("name",)


def test_the_vectors_of_a_long_response_are_of_a_few_sentences() -> None:
    def characters(times: int) -> int:
        comparison = ContentChange(RETURNS, embed_sentences)
        return sum(map(len, comparison.texts([f"{PLANTS} {RETURNS_REWORDED}" * times])))

    assert characters(1) < 2500
    assert characters(6) < 2500


@pytest.mark.skipif(not contextual(), reason="needs the packaged sentence vectors")
def test_together_texts_have_the_vectors_that_they_have_alone() -> None:
    """Hostile ones, too; and no more are kept than the last."""
    texts = ["The refund was sent.", "a\0b", "\ud800", "Members collect points.", "a\0b"]
    alone = [word_vectors._encoded([text])[0] for text in texts]
    assert np.array_equal(embed_sentences(texts), alone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_vectors, "_MOST_SENTENCES", 2)
        assert np.array_equal(embed_sentences(texts), alone)
        assert list(word_vectors._SENTENCES) == ["\ud800", "Members collect points."]
