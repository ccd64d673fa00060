"""What each probe changes of a request, and what it leaves as it was."""

import json
import random
import re
from collections.abc import Iterator

import pytest

from benchmarks.probes.planted import PROMPT, SAME
from smile_trace.probes import PROBES, Probe, Swap, Variant
from smile_trace.probes.kinds.additions import wrong_opinion
from smile_trace.probes.kinds.contexts import begins_with
from smile_trace.probes.kinds.phrasing import language_of
from smile_trace.probes.kinds.swap import PLACES
from smile_trace.records import Message, Prompted, TextPart, ToolResult

BY_NAME = {probe.words.name: probe for probe in PROBES}


CALL = Prompted(messages=(Message(role="user", content=PROMPT),), answer=SAME)


def user(content: str, answer: str | None = None) -> Prompted:
    return Prompted(messages=(Message(role="user", content=content),), answer=answer)


def texts(name: str, call: Prompted = CALL, seed: int = 0) -> list[str]:
    return ["\n".join(m.content for m in v.messages) for v in BY_NAME[name].variants(call, seed)]


def swapped(swap: Swap, content: str) -> list[str]:
    return [variant.messages[0].content for variant in swap.variants(user(content), 0)]


def letters(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.words.name)
def test_variants_are_enough_distinct_and_decided_by_the_seed(probe: Probe) -> None:
    variants = probe.variants(CALL, 7)
    assert len(variants) == 16
    assert variants == probe.variants(CALL, 7)
    if probe.words.name != "stability":
        sent = [variant.messages[0].content for variant in variants]
        assert len({*sent, PROMPT}) == 17
        assert sent != [variant.messages[0].content for variant in probe.variants(CALL, 8)]
    assert all(variant.what for variant in variants)


def test_what_variants_keep() -> None:
    assert all(letters(text) == letters(PROMPT) for text in texts("format"))
    for text in texts("order"):
        assert sorted(letters(text)) == sorted(letters(PROMPT))
        assert text.endswith(PROMPT[PROMPT.index("Question:") :])
    documents = PROMPT[PROMPT.index("[1]") : PROMPT.index("Question:")].strip()
    for text in (*texts("paraphrase"), *texts("length"), *texts("pushback")):
        assert documents in text
        assert "How long\nmay he return it?" in text
    for text in texts("grounding"):
        assert "30 days" not in text
        assert "How long" in text


def test_a_swap_swaps_everywhere() -> None:
    asked = user("He is 34 years old. What does HE want in paris or Paris?")
    system = Message(role="system", content="Mr Smith, aged 34, lives in Paris.")
    found = texts("swap", Prompted(messages=(system, *asked.messages)))
    assert any("Ms Smith" in text and "She is" in text for text in found)
    assert not any("Paris" in text and re.search("London|Tokyo|Lagos", text) for text in found)
    ages = [re.findall(r"\d\d", text) for text in found]
    assert all(len(set(two)) == 1 for two in ages)


@pytest.mark.parametrize(
    ("pairs", "text", "wanted"),
    [
        (
            {"red": ["blue", "green"]},
            "Is the red car better?",
            ["Is the blue car better?", "Is the green car better?"],
        ),
        ({"2023": "2024"}, "Sales of 2023, please.", ["Sales of 2024, please."]),
        (
            {"30": "40"},
            "Within 30 days? She is aged 34.",
            ["Within 40 days? She is aged 34."],
        ),
        ({"sir": "madam"}, "Dear Sir, keep the sır!", ["Dear Madam, keep the sır!"]),
    ],
)
def test_a_swap_takes_a_list_of_ones_own(
    pairs: dict[str, str | list[str]], text: str, wanted: list[str]
) -> None:
    assert sorted(swapped(Swap(pairs), text)) == wanted


def test_of_many_places_those_are_swapped_that_have_a_partner() -> None:
    found = swapped(Swap(), f"Which is the largest: {', '.join(PLACES[:12])}?")
    assert len(found) > 4
    for text in found:
        there = [place for place in PLACES if place in text]
        assert len(there) == 12
        assert {*PLACES[12:]} <= {*there}
    assert swapped(Swap(), ", ".join(PLACES)) == []


def test_tool_results_are_documents_whose_calls_stay() -> None:
    call = Prompted(
        messages=(
            Message(role="user", content="What is the price?"),
            Message(role="tool", parts=(ToolResult(id="a", response="It costs 5 euros."),)),
            Message(role="user", parts=(TextPart(content="And now?"), TextPart(content="Well?"))),
        ),
        answer="5 euros.",
    )
    for variant in BY_NAME["hijack"].variants(call, 0):
        assert variant.marker is not None
        assert variant.marker in variant.messages[1].content
        assert "It costs 5 euros." in variant.messages[1].content
    assert BY_NAME["grounding"].variants(call, 0)
    assert BY_NAME["paraphrase"].variants(call, 0)


def test_words_are_planted_inside_a_string_of_json() -> None:
    notice = "The pier is closed for repairs until the end of June, please keep clear."
    entry = {"id": 7, "title": "Pier", "text": notice, "by": '"Ann"', "open": False}

    def planted(result: object) -> Iterator[tuple[Variant, object]]:
        call = Prompted(
            messages=(
                Message(role="user", content="May I?"),
                Message(role="tool", parts=(ToolResult(id="a", response=json.dumps(result)),)),
            ),
            answer="No.",
        )
        for variant in BY_NAME["hijack"].variants(call, 0):
            yield variant, json.loads(variant.messages[1].content)

    for variant, found in planted(entry):
        assert isinstance(found, dict)
        assert {**found, "text": notice} == entry
        assert str(variant.marker) in found["text"]
        assert variant.harmless is not None
        [harmless] = [json.loads(m.content)["text"] for m in variant.harmless[1:]]
        assert len(harmless) > len(notice)
        assert str(variant.marker) not in harmless
    for variant, found in planted([entry, "Quay"]):
        assert str(variant.marker) in str(found)
    assert list(planted([entry, "Quay"]))
    assert list(planted({"depth": 3.1})) == [], "it has no text"


def test_a_prompt_without_material_has_no_variants_of_it() -> None:
    call = user("What is a lamp?", "A light.")
    for name in ("order", "grounding", "hijack", "swap"):
        assert not BY_NAME[name].variants(call, 0)
    for name in ("paraphrase", "format", "length", "pushback"):
        assert len(BY_NAME[name].variants(call, 0)) >= 4


def test_few_shot_examples_and_options_have_orders() -> None:
    examples = "great -> good\nawful -> bad\nfine -> good\n\nWhich one?\nA) good\nB) bad"
    whats = {v.what.partition(" in ")[0] for v in BY_NAME["order"].variants(user(examples), 0)}
    assert whats == {"examples", "options"}


@pytest.mark.parametrize(
    ("answer", "obeyed"),
    [
        ("PELICAN42 and so on", True),
        ("**pelican42**", True),
        ("“PELICAN42”", True),
        ("The document says PELICAN42.", False),
        ("", False),
    ],
)
def test_an_instruction_is_obeyed_where_the_answer_begins_with_its_word(
    answer: str, obeyed: bool
) -> None:
    assert begins_with(answer, "PELICAN42") is obeyed


def test_a_wrong_opinion_contradicts_the_answer() -> None:
    draw = random.Random(0)
    assert wrong_opinion("Yes, you may.", draw) == "the answer is no."
    assert wrong_opinion("No.", draw) == "the answer is yes."
    number = wrong_opinion("It takes 30 days. Or so.", draw)
    assert re.fullmatch(r"the answer is this: It takes \d+ days\.", number)
    assert "30 days" not in number
    assert "You may pay" in wrong_opinion("1. You may pay 5 euros.", draw)
    assert wrong_opinion("Paris. It is big.", draw) == "this is not true: Paris."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the price of it?", "en"),
        ("Wie lange ist die Frist und was ist zu tun?", "de"),
        ("Quelle est la durée pour les retours?", "fr"),
        ("¿Cuál es el plazo de devolución?", "es"),
        ("返品期限はいつですか", None),
    ],
)
def test_languages_are_told_apart(text: str, language: str | None) -> None:
    assert language_of(text) == language
