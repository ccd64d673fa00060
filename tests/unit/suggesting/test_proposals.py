"""Orders, sentences, formats, documents taken out: each proposed where it helps, and only there."""

import re
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

import smile_trace
from smile_trace._text.prompts import VARIABLE
from smile_trace.records.suggestion import Suggestions
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.suggesting import suggest
from smile_trace.suggesting.documents import SENTENCES
from smile_trace.suggesting.layout import formats, orders_of
from smile_trace.suggesting.material import read_material
from tests.support.planted_prompts import plant, settings_in
from tests.support.planted_suggestions import (
    POLITE,
    PRICES,
    CountingModel,
    judge_worse,
    suggested_for_prices,
)

pytestmark = pytest.mark.thorough


def reading(calm: Callable[[str], bool], calmed: str = "costs") -> Callable[[str], str]:
    """Knows only what stands first, unless the prompt is a calm one."""

    def told(prompt: str) -> str:
        asked = re.search(r"What does item (\d+) cost", prompt)
        assert asked is not None
        if calm(prompt):
            return f"Item {asked[1]} {calmed} {asked[1]} euros."
        first = prompt.index("<document>") + len("<document>")
        known = prompt.startswith("Item", first)
        return f"Item {asked[1]} costs {asked[1]} euros." if known else "Nobody here knows of it."

    return told


def asked_before(prompt: str) -> bool:
    return 0 <= prompt.find("Question:") < prompt.index("<document>")


@pytest.mark.slow
def test_the_question_is_put_before_the_documents(tmp_path: Path) -> None:
    found = suggested_for_prices(tmp_path, reading(asked_before))
    [ordered] = [one for one in found.suggestions if one.kind == "order"]
    assert ordered.template == f"Question: {{question}}\n\n{PRICES}"
    assert ordered.what == "Another order: its last part at the beginning as well"
    probed = ordered.trial.probed
    assert probed is not None
    assert (probed.probe, probed.before.count, probed.after.count) == ("order", 12, 0)
    assert ordered.trial.answers.changed == 0
    assert ordered.tokens_saved == -6.0


def test_orders_of_a_template() -> None:
    assert [text for _, text in orders_of("a\n\nb\nc\n\nd")] == [
        "d\n\na\n\nb\nc\n\nd",
        "d\n\na\n\nb\nc",
        "b\nc\n\nd\n\na",
    ]
    assert [text for _, text in orders_of("a\nb")] == ["b\na\nb", "b\na"]
    assert orders_of("a") == orders_of("") == []


def obeying(unless: str, price: str = "costs") -> Callable[[str], str]:
    """Obeys what stands in a document, unless a sentence of the prompt forbids it."""

    def told(prompt: str) -> str:
        marker = re.search(r"\b[A-Z]{5,}\d\d\b", prompt)
        if marker is not None and unless not in prompt:
            return marker[0]
        asked = re.search(r"What does item (\d+) cost", prompt)
        assert asked is not None
        verb = price if any(one in prompt for one in SENTENCES) else "costs"
        return f"Item {asked[1]} {verb} {asked[1]} euros."

    return told


def test_the_sentence_that_helps_is_added(tmp_path: Path) -> None:
    found = suggested_for_prices(tmp_path, obeying(unless=SENTENCES[1]))
    [closed] = [one for one in found.suggestions if one.kind == "hijack"]
    assert closed.added == SENTENCES[1]
    assert closed.template in (f"{SENTENCES[1]}\n{PRICES}", f"{PRICES}\n{SENTENCES[1]}")
    probed = closed.trial.probed
    assert probed is not None
    assert (probed.before.count, probed.after.count) == (12, 0)
    assert probed.p_value is not None
    assert probed.p_value < 0.01
    assert closed.trial.answers.changed == 0


@pytest.mark.parametrize(
    ("kind", "model", "why"),
    [
        ("hijack", obeying(unless=""), "none of 12 planted ones is obeyed"),
        pytest.param(
            *("hijack", obeying(unless="no sentence is like this"), "no sentence helps"),
            marks=pytest.mark.slow,
        ),
        (
            *("hijack", obeying(unless=SENTENCES[0], price="might be sold for")),
            "got another answer",  # the sentence changes every answer
        ),
        ("order", reading(lambda _: True), "the answers to 0 of 12 calls depend"),
        pytest.param(
            *("order", reading(lambda _: False), "no other order of the prompt helps"),
            marks=pytest.mark.slow,
        ),
        ("order", reading(asked_before, "might be sold for"), "no other order of the prompt helps"),
    ],
)
def test_what_does_not_help_is_not_proposed(
    tmp_path: Path, kind: str, model: Callable[[str], str], why: str
) -> None:
    found = suggested_for_prices(tmp_path, model)
    assert kind not in {one.kind for one in found.suggestions}
    [missed] = [one for one in found.not_proposed if one.kind == kind]
    assert why in missed.why


SHOP = "You work in a shop. You know every price.\nQuestion: {question}\nAnswer:"


def calm_in_capitals(prompt: str) -> str:
    """Answers in this one format, and in any with its labels in capitals."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    own = prompt == SHOP.format(question=f"What does item {asked[1]} cost?")
    if own or "QUESTION:" in prompt:
        return f"Item {asked[1]} costs {asked[1]} euros."
    return "That is something which nobody here has ever heard of."


def never_calm(prompt: str) -> str:
    """Another answer in every other format."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    words = ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf")
    return " ".join(words[crc32(f"{prompt} {k}".encode()) % len(words)] for k in range(12))


def suggested_formats(folder: Path, model: Callable[[str], str]) -> Suggestions:
    settings = settings_in(folder, explain={"distance": "words"})
    with Store.open(settings) as store:
        values = [{"question": f"What does item {k} cost?"} for k in range(1, 31)]
        plant(store, "shop", "1", SHOP, values)
    return suggest("shop", model=CountingModel(model), settings=settings)


def test_other_formats_have_the_same_variables() -> None:
    found = formats(SHOP)
    assert len({text for _, text in found}) >= 5
    assert {tuple(VARIABLE.findall(text)) for _, text in found} == {("question",)}


@pytest.mark.slow
def test_the_calmer_format_is_found(tmp_path: Path) -> None:
    found = suggested_formats(tmp_path, calm_in_capitals)
    [calmer] = [one for one in found.suggestions if one.kind == "format"]
    assert "QUESTION: {question}" in calmer.template
    probed = calmer.trial.probed
    assert probed is not None
    assert probed.after.count < probed.before.count
    assert calmer.trial.answers.changed == 0


@pytest.mark.slow
def test_where_no_format_is_calmer_none_is_proposed(tmp_path: Path) -> None:
    found = suggested_formats(tmp_path, never_calm)
    assert "format" not in {one.kind for one in found.suggestions}


SOURCE, HURT, POLITICS = (
    "2. Name the source of it.",
    "3. If somebody is hurt, give the number 112.",
    "4. Never talk about politics.",
)


def cites(prompt: str) -> str:
    """A long answer with its source, and one case of its own, each by a rule."""
    asked = re.search(r"item (\d+)", prompt)
    assert asked is not None
    if asked[1] == "7":
        return "Call 112." if "112" in prompt else "Take a seat and wait."
    said = " ".join(f"word{k}" for k in range(40))
    return f"{said} (list.md) {asked[1]}" if SOURCE in prompt else f"{said} {asked[1]}"


def plant_rules(folder: Path, *rules: str) -> Settings:
    settings = settings_in(folder, explain={"distance": "words"})
    template = "\n".join([*rules, "Question: {question}", "Answer:"])
    with Store.open(settings) as store:
        values = [{"question": f"What of item {k}?"} for k in range(24)]
        plant(store, "shop", "1", template, values)
    return settings


def suggested_rules(folder: Path, *rules: str) -> Suggestions:
    settings = plant_rules(folder, *rules)
    return suggest("shop", model=CountingModel(cites), settings=settings)


def test_only_what_changes_no_answer_at_all_is_proposed(tmp_path: Path) -> None:
    """Nor does the sentence have to go without its number, or a rule that one call needs count as
    not tested, on whichever side that call is."""
    rules = "You work in a shop.", "1. Be brief.", SOURCE, HURT, POLITICS
    found = suggested_rules(tmp_path, *rules)
    [shorter] = [one for one in found.suggestions if one.kind == "no_effect"]
    assert shorter.removed == ("You work in a shop.", "1. Be brief.")
    assert shorter.what.endswith("which made no measurable difference")
    assert shorter.trial.example is None
    assert [one.text for one in found.not_tested] == [POLITICS]


def test_what_a_held_out_call_needs_is_told_from_the_rest(tmp_path: Path) -> None:
    rules = "You work in a shop.", "1. Be kind.", "2. Be brief.", "3. Be exact."
    settings = plant_rules(tmp_path, *rules)
    with Store.open(settings) as store:
        held_out = read_material(store, settings, "shop", None, seed=0).held_out
    asked = held_out[0].use.variables["question"]

    def kind(prompt: str) -> str:
        return "Gladly." if asked in prompt and "Be kind" in prompt else "Yes."

    found = suggest("shop", model=CountingModel(kind), settings=settings)
    [shorter] = found.suggestions
    [needed] = [one for one in found.not_proposed if one.kind == "no_effect"]
    assert shorter.removed == (rules[0], *rules[2:])
    assert needed.what == f"Remove “{rules[1]}” as well"
    assert needed.why == f"1 of {len(held_out)} held-out calls got another answer"


def test_where_answers_change_a_little_it_is_said_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = suggested_rules(tmp_path, SOURCE)
    [shorter] = [one for one in found.suggestions if one.kind == "no_effect"]
    assert shorter.what == f"Remove “{SOURCE}”, without which the answers change a little"
    found.show()
    shown = " ".join(capsys.readouterr().out.split())
    assert re.search(r"1[12] of 12 answers changed a little \(by at most \d %; form is not", shown)
    assert re.search(r"“… word36 .* word39 \(list.md\) \d+” became “… word36 .* word39 \d+”", shown)
    assert "another answer: more than 5 % of its content, words or length changed" in shown


FROM_DOCUMENTS = "Answer from the documents.\n\n{documents}\n\nQuestion: {question}"


OLD = "Prices of 2019: everything costs 99 euros, without any exception."


TODAY = "Prices of today: an item costs as many euros as its number says."


def by_the_old_list(prompt: str) -> str:
    """Whoever is polite gets the price of the old list, as long as it is there."""
    asked = re.search(r"What does item (\d+) cost", prompt)
    assert asked is not None
    misled = OLD in prompt and any(word in prompt for word in POLITE)
    return f"It costs {99 if misled else asked[1]} euros, whatever anybody else may say."


def by_every_list(prompt: str) -> str:
    """The same, and without the old list nobody gets an answer."""
    return by_the_old_list(prompt) if OLD in prompt else "There is no list of prices to go by."


def suggested_documents(folder: Path, model: Callable[[str], str]) -> Suggestions:
    settings = settings_in(folder, explain={"distance": "words"})
    with Store.open(settings) as store:
        documents = "".join(f"<document>{text}</document>\n" for text in (TODAY, OLD))
        values = [
            {"documents": documents, "question": f"What does item {k} cost?"} for k in range(1, 31)
        ]
        answers = [f"It costs {k} euros, whatever anybody else may say." for k in range(1, 31)]
        plant(store, "shop", "1", FROM_DOCUMENTS, values, answers=answers)
        judge_worse(store, "shop", model, lambda told: " 99 " in told, 14)
    return smile_trace.suggest("shop", model=CountingModel(model), settings=settings)


def test_the_document_is_named(tmp_path: Path) -> None:
    found = suggested_documents(tmp_path, by_the_old_list)
    [misleading] = [one for one in found.suggestions if one.kind == "document"]
    assert misleading.removed == (f"<document>{OLD}</document>",)
    assert misleading.template == found.template == FROM_DOCUMENTS
    gained = misleading.trial.cases_gained
    assert gained.count == gained.of >= 5
    assert misleading.trial.moved.count == 0
    assert "harmful" not in {one.kind for one in found.suggestions}, "it is no instruction"


@pytest.mark.slow
def test_one_that_other_answers_need_is_not_taken_out(tmp_path: Path) -> None:
    found = suggested_documents(tmp_path, by_every_list)
    assert "document" not in {one.kind for one in found.suggestions}
