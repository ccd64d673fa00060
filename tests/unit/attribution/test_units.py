"""What units are found in a prompt, hostile ones included."""

import inspect
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smile_trace
from smile_trace.attribution import AnyUnit, CannotExplain, written
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.structure import document_blocks, example_blocks, sections
from smile_trace.cli.explain import explain as explain_command
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import (
    Media,
    Message,
    Prompted,
    PromptUse,
    Segment,
    TextPart,
    ToolCall,
    ToolResult,
    Unit,
    VariableSpan,
)
from smile_trace.settings import Settings
from tests.support.studies import chat, run

pytestmark = pytest.mark.thorough


def _cut(
    unit: AnyUnit,
    *contents: str,
    roles: Sequence[str] = ("user",),
    protect: Sequence[str | re.Pattern[str]] = (),
) -> tuple[Segment, ...]:
    return Segmentation(Prompted(messages=chat(*contents, roles=roles)), unit, protect).segments


def _free(segments: Sequence[Segment]) -> list[str]:
    return [s.text for s in segments if not s.protected]


def _marked(text: str) -> tuple[str, list[str]]:
    """A text without ⟦ and ⟧, and what stands between them."""
    return re.sub("[⟦⟧]", "", text), re.findall("⟦(.*?)⟧", text, re.DOTALL)


@pytest.mark.parametrize(
    "marked",
    [
        "⟦# Role\nYou are a clerk.⟧\n\n⟦## Rules\n1. Be brief.\n2. Be kind.⟧\n⟦## Tone\nWarm.⟧",
        "⟦# Shop\n## Rules\nBe kind.⟧\n⟦## Tone\nWarm.⟧",
        "⟦Hello.⟧\n⟦# One\na\n```\n# no heading\n```\nb⟧",
        "⟦<role>\nclerk\n</role>⟧\n⟦<rules>\n# inside\n<rule>x</rule>\n</rules>⟧\n⟦Now go.⟧",
        "⟦# Output\n<json>\n{}\n</json>⟧\n⟦Be brief.⟧",
        "⟦You are a clerk.⟧\n\n⟦Rules:\n1. a\n\n2. b⟧\n⟦Context: it rains⟧\n\n⟦Answer now.⟧",
        "⟦**Rules:**\n- be kind⟧\n⟦**Tone:** warm\nand brief⟧",
        "⟦Regeln：\nkurz⟧\n⟦Ton: warm⟧",
        "⟦Do this⟧\n⟦1. Be brief⟧\n⟦2. Be kind\n   - always⟧\n\n⟦Answer now.⟧",
        "⟦One paragraph\nof two lines.⟧\n\n⟦Another.\n\n---⟧\n\n⟦And a third.⟧",
        "⟦Only one paragraph. With two sentences, http://a.b: and a colon.⟧",
        "⟦<b>Bold</b> is no block. <i>Nor this</i>.⟧",
        "⟦<open>\nnever closed\n<x>⟧",
    ],
)
def test_sections_follow_the_structure(marked: str) -> None:
    text, expected = _marked(marked)
    assert [text[a:b] for a, b in sections(text)] == expected
    assert len(_cut("section", "Be brief.", "Who are you?", roles=("system", "user"))) == 2


@pytest.mark.parametrize(
    ("unit", "instead"),
    [
        ("section", "'sentence'"),
        ("example", "'section'"),
        ("document", "'section'"),
        (re.compile("x+"), "x\\+"),
        (["absent"], "another unit"),
        ([""], "another unit"),
        ("tool_result", "no"),
        ("turn", "no"),
        ("step", "no"),
        *((unknown, "sentence, message") for unknown in ("", "span", "Word", "token")),
    ],
)
def test_missing_and_unknown_units_are_an_error_that_names_others(
    unit: AnyUnit, instead: str
) -> None:
    with pytest.raises((CannotExplain, ValueError), match=instead):
        _cut(unit, "Nothing of that kind here. Not at all.")


QA = "Classify the review.\n\nQ: great\nA: good\n\nQ: dull\nA:\nbad\n\nQ: so so\nA:"


@pytest.mark.parametrize(
    "marked",
    [
        "Classify.\n\n⟦Q: great\nA: good⟧\n\n⟦Q: dull\nA:\nbad⟧\n\nQ: so so\nA:",
        "⟦Input: a\nOutput: b⟧\n⟦Input: c\nOutput: d⟧",
        "⟦Input: a\nOutput: b⟧\n\nNow this:\nInput: c\nOutput:",
        "⟦### Example 1\nText: a\nOut: b⟧\n\n⟦### Example 2\nText: c\nOut: d⟧\n\nText: e\nOut:",
        "⟦Example 1: sea -> blue⟧\n⟦Example 2: sun -> red⟧\nTask: sky",
        "⟦English: sea\nFrench: mer⟧\nEnglish: sky\nFrench:",
        "Do it.\n⟦sea -> blue⟧\n⟦sun -> red⟧\nsky ->",
        "<examples>\n⟦<example>a</example>⟧\n⟦<example>\nb\n</example>⟧\n</examples>\nGo.",
        "⟦Frage: a\nAntwort: b⟧\n\n⟦Frage: c\nAntwort: d⟧\n\nThanks for all that.",
        "Note: this\nNote: that",
        "a -> b is an arrow",
        "nothing here",
        "",
    ],
)
def test_examples(marked: str) -> None:
    text, expected = _marked(marked)
    assert [text[a:b] for a, b in example_blocks(text)] == expected


@pytest.mark.parametrize(
    "marked",
    [
        "Read:\n⟦[1] The sky\nis blue.⟧\n\n⟦[2] Grass.⟧\n\nQuestion: why?",
        "⟦Document 1: a\n\nmore⟧\n\n⟦Document 2: b\n\nmore⟧\n\nWho?",
        "⟦Document [1](Title: A) x⟧\n⟦Document [2](Title: B) y⟧\n\nWho?",
        "⟦## Source 1\nTitle: a\nDate: b⟧\n⟦## Source 2\nTitle: c\nDate: d⟧\n\nWho?",
        "<documents>\n⟦<document index='1'>\n<source>a</source>\nx\n</document>⟧\n"
        "⟦<document>y</document>⟧\n</documents>",
        "See [1] for more.",
        "The document is 1 page.",
        "",
    ],
)
def test_documents(marked: str) -> None:
    text, expected = _marked(marked)
    assert [text[a:b] for a, b in document_blocks(text)] == expected


def test_pairs_of_messages_are_examples_and_are_removed_together() -> None:
    contents = ("Be brief.", "2+2", "4", "3+3", "6", "5+5")
    roles = ("system", "user", "assistant", "user", "assistant", "user")
    segments = _cut("example", *contents, roles=roles)
    assert [(s.text, s.also, s.key) for s in segments if not s.protected] == [
        ("2+2", ((2, 0, 1),), "1:example:0"),
        ("3+3", ((4, 0, 1),), "3:example:0"),
    ]
    assert [s.text for s in segments if s.protected] == ["Be brief.", "5+5"]
    sent = Perturber(Prompted(messages=chat(*contents, roles=roles)), segments)
    mask = [s.text != "2+2" for s in segments]
    assert [m.content for m in sent.messages(mask)] == ["Be brief.", "3+3", "6", "5+5"]


def test_tool_results_are_documents() -> None:
    contents = ("Who?", "It rains.", "[1] one\n[2] two")
    segments = _cut("document", *contents, roles=("user", "tool", "tool"))
    assert _free(segments) == ["It rains.", "[1] one", "[2] two"]


def test_a_pattern_is_a_unit_and_the_rest_is_retained() -> None:
    segments = _cut(re.compile(r"\d+ "), "a 12 b 34 c")
    assert [(s.text, s.unit, s.protected) for s in segments] == [
        ("a", "span", True),
        ("12", "span", False),
        ("b", "span", True),
        ("34", "span", False),
        ("c", "span", True),
    ]
    assert len({s.key for s in segments}) == 5


def test_given_spans() -> None:
    text = "one two three two"
    assert _free(_cut([(4, 8), (14, 17)], text)) == ["two", "two"]
    assert _free(_cut(["two"], text)) == ["two", "two"]
    assert _free(_cut([(1, 0, 3), "three"], "system", text)) == ["one", "three"]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        *(([span], "no text") for span in ((0, 40), (3, 3), (3, 4), (-3, 4), (5, 0, 3))),
        ([(0, 7), (4, 8)], "overlap"),
        ([(0, 3), "one"], "overlap"),
    ],
)
def test_spans_outside_the_prompt_are_refused(spans: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _cut(spans, "one two three")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs its message"):
        _cut([(0, 3)], "one", "two")


@pytest.mark.parametrize(
    ("unit", "left"),
    [
        ("section", ["Rules: be kind", "brief", "Tone: warm"]),
        (re.compile(r"be \w+|warm"), ["be kind", "brief", "warm"]),
    ],
)
def test_protected_text_stays_in_every_unit(unit: AnyUnit, left: list[str]) -> None:
    segments = _cut(
        unit, "Rules: be kind be brief\nTone: warm", protect=(re.compile(r"\bbe(?= b)"),)
    )
    assert [s.text for s in segments if not s.protected] == left
    assert "be" in [s.text for s in segments if s.protected]


def test_an_example_with_a_protected_word_in_it_is_one_segment() -> None:
    segments = _cut("example", QA, protect=("great",))
    first = next(s for s in segments if not s.protected)
    assert [QA[a:b] for _, a, b in first.places] == ["Q:", "A: good"]
    sent = Perturber(Prompted(messages=chat(QA)), segments)
    [message] = sent.messages([s is not first for s in segments])
    assert message.content.startswith("Classify the review.\n\ngreat\n\nQ: dull")


def test_written_patterns() -> None:
    assert written("/a+/") == re.compile("a+")
    assert [written(text) for text in ("a", "/", "//", "/a", "a/")] == ["a", "/", "//", "/a", "a/"]
    with pytest.raises(CannotExplain, match="not a valid regular expression"):
        written("/(/")


TEMPLATE = "# Role\n{role}\n# Documents\n{documents}\n# Task\n{task}"


def _keys(unit: Unit, **values: str) -> list[str]:
    """Of what is removed of a rendering with these values."""
    content, spans, at = "", [], 0
    for match in re.finditer(r"\{(\w+)\}", TEMPLATE):
        content += TEMPLATE[at : match.start()]
        value = values[match[1]]
        spans.append(VariableSpan(name=match[1], start=len(content), end=len(content) + len(value)))
        content, at = content + value, match.end()
    use = PromptUse(
        name="rag", version="1", template=TEMPLATE, message=0, start=0, end=len(content),
        variable_spans=tuple(spans),
    )  # fmt: skip
    found = Segmentation(Prompted(messages=chat(content), prompts=(use,)), unit).segments
    return [s.key for s in found if not s.protected]


def test_values_do_not_decide_where_the_template_is_split() -> None:
    plain = _keys("section", role="Be kind.", documents="[1] a\n[2] b", task="Go.")
    assert plain == ["rag:1:section:0", "rag:1:section:14", "rag:1:section:38"]
    hostile = {"role": "# x", "documents": "[1] a\n[2] b\n[3] c", "task": "# H\nx\n# I\ny"}
    inside = ["rag:1:var:task:section:0", "rag:1:var:task:section:1"]
    assert _keys("section", **hostile) == plain + inside
    # Documents in a value are counted in it.
    found = _keys("document", role="Be kind.", documents="[1] a\n\n[2] b", task="Go.")
    assert found == ["rag:1:var:documents:document:0", "rag:1:var:documents:document:1"]


HOSTILE = {
    "tags": "<a>" * 33_000,
    "nested": "<a>\n" * 12_000 + "</a>\n" * 12_000,
    "half open": "<a " * 33_000,
    "headings": "# h\n" * 10_000,
    "sections": "# h\nx\n" * 10_000,
    "hashes": "#" * 100_000,
    "spaces": "#" + " " * 100_000 + "\n",
    "words before a colon": "a b " * 25_000 + ":",
    "labels": "".join(f"L{k}a: x\n" for k in range(11_000)),
    "line feeds": "a" + "\n" * 100_000 + "b",
    "arrows": "a->" * 33_000,
    "fences": "```\n" * 25_000,
    "documents": "[1] a\n\n" * 14_000,
    "pairs": "Q: a\nA: b\n" * 10_000,
    "digits": "1" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_structure_takes_linear_time(name: str) -> None:
    """Each takes tenths of a second; a pattern that backtracks would not come to an end."""
    for find in (sections, example_blocks, document_blocks):
        found = find(HOSTILE[name])
        assert all(a < b for a, b in found)
        assert all(b <= c for (_, b), (c, _) in pairwise(found))


@given(st.text(alphabet="aQ:# \n<>/1[].->*", max_size=80))
def test_structure_is_in_order_apart_and_sections_lose_no_letter(text: str) -> None:
    for find in (sections, example_blocks, document_blocks):
        found = find(text)
        assert all(text[a:b].strip() == text[a:b] != "" for a, b in found)
        assert all(b <= c for (_, b), (c, _) in pairwise(found))
    joined = "".join(text[a:b] for a, b in sections(text))
    assert "".join(joined.split()) == "".join(text.split())


@given(
    st.lists(st.text(alphabet="ab \n:1.", max_size=20), min_size=1, max_size=12), st.integers(1, 5)
)
def test_however_many_messages_the_limit_holds(contents: list[str], limit: int) -> None:
    prompted = Prompted(messages=tuple(Message(role="user", content=c) for c in contents))
    try:
        segmentation = Segmentation(prompted, "word")
    except CannotExplain:
        return
    coarse = segmentation.coarse(limit)
    assert len(coarse) <= limit
    joined = "".join(contents[m][a:b] for s in coarse for m, a, b in s.places)
    assert "".join(joined.split()) == "".join("".join(contents).split())


def _agent() -> Prompted:
    """Two turns, the first of them with a step of two calls."""
    calls = tuple(ToolCall(id=i, name="get", arguments=f'{{"n": "{i}"}}') for i in ("a", "b"))
    results = [
        Message(role="tool", parts=(ToolResult(id=i, response=text),))
        for i, text in (("b", '{"day": "Friday"}'), ("a", "not found"))
    ]
    return Prompted(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Where is it?"),
            Message(role="assistant", parts=calls),
            *results,
            Message(role="assistant", content="On its way."),
            Message(role="user", content="And when?"),
        )
    )


@pytest.mark.parametrize(
    ("unit", "texts", "left"),
    [
        ("tool_result", ['{"day": "Friday"}', "not found"], ["{}", ""]),
        ("turn", ["Where is it?"], None),
        ("step", ['get({"n": "a"})\nget({"n": "b"})'], None),
    ],
)
def test_units_of_conversations(unit: Unit, texts: list[str], left: list[str] | None) -> None:
    prompted = _agent()
    segments = Segmentation(prompted, unit).segments
    free = [s for s in segments if not s.protected]
    assert [s.text for s in free] == texts
    assert {s.unit for s in free} == {unit}
    perturber = Perturber(prompted, segments)
    assert perturber.messages([True] * len(segments)) == prompted.messages
    sent = perturber.messages([s.protected for s in segments])
    if left is not None:
        assert [m.role for m in sent] == [m.role for m in prompted.messages]
        assert [m.content for m in sent if m.role == "tool"] == left
    else:
        roles = ["system", "user"] if unit == "turn" else ["system", "user", "assistant", "user"]
        assert [m.role for m in sent] == roles


def test_a_protected_message_protects_its_turn_and_its_step() -> None:
    for unit in ("turn", "step"):
        with pytest.raises(CannotExplain, match="protected"):
            Segmentation(_agent(), unit, protect=["tool"] if unit == "step" else ["assistant"])


def test_many_turns_are_joined_and_found_again() -> None:
    step = _agent().messages[1:6]
    prompted = Prompted(messages=(*(step * 6), Message(role="user", content="Now?")))
    partition = Segmentation(prompted, "step")
    coarse = partition.coarse(3)
    assert {s.unit for s in coarse if not s.protected} == {"step"}
    assert sum(not s.protected for s in partition.refine(coarse, 9)) == 6
    sent = Perturber(prompted, coarse).messages([s.protected for s in coarse])
    assert {m.role for m in sent} == {"user", "assistant"}
    assert all(not m.parts for m in sent)


DOCUMENTS = [
    f"[{k}] The item {k} ships from Rome. It costs {k} euros. Nobody returned it."
    for k in range(1, 6)
]


CONVERSATION = (
    Message(role="system", content="Answer from the documents only."),
    Message(role="user", content="Hi, can you help me today?"),
    Message(role="assistant", content="Of course I can."),
    Message(role="user", content="\n\n".join([*DOCUMENTS, "Question: what does item 3 cost?"])),
)


def _segmentation(messages: tuple[Message, ...]) -> Segmentation:
    return Segmentation(Prompted(messages=messages), "auto")


def test_it_begins_with_messages_documents_and_sections() -> None:
    segments = _segmentation(CONVERSATION).coarse(40)
    assert [(s.unit, s.text) for s in segments] == [
        *(("message", message.content) for message in CONVERSATION[:3]),
        *(("document", text) for text in DOCUMENTS),
        ("section", "Question: what does item 3 cost?"),
    ]


def test_it_goes_on_with_sentences_and_ends_with_words() -> None:
    segmentation = _segmentation(CONVERSATION)
    [third] = [s for s in segmentation.coarse(40) if s.text == DOCUMENTS[2]]
    sentences = segmentation.refine([third], 20)
    assert [(s.unit, s.text) for s in sentences] == [
        ("sentence", "[3] The item 3 ships from Rome."),
        ("sentence", "It costs 3 euros."),
        ("sentence", "Nobody returned it."),
    ]
    words = segmentation.refine([sentences[1]], 20)
    assert [(s.unit, s.text) for s in words] == [
        ("word", "It"), ("word", "costs"), ("word", "3"), ("word", "euros."),
    ]  # fmt: skip
    assert all(map(segmentation.is_finest, words))


FEW = "The sea is red. Rome is old. Which city is old? Say it."
EIGHT = " ".join(f"Sentence number {k} says that the sea is number {k}." for k in range(8))
FIVE = " ".join(f"Number {k} is the sea of {k}." for k in range(5))
RULES = "\n\n".join(f"Rules {k}:\nNumber {k} is the sea {k}." for k in range(5))


@pytest.mark.parametrize(
    ("text", "limit", "unit", "segments"),
    [
        (FEW, 40, "word", 13),
        (EIGHT, 40, "sentence", 8),  # without structure
        (EIGHT, 200, "sentence", 8),  # the words would fit, but are too many to tell apart
        (FIVE, 40, "word", 35),  # words that fit come before sentences
        (FIVE, 30, "sentence", 5),
        (RULES, 40, "section", 5),  # but after a structure
    ],
)
def test_what_auto_begins_with(text: str, limit: int, unit: Unit, segments: int) -> None:
    found = _segmentation(chat(text)).coarse(limit)
    assert [s.unit for s in found] == [unit] * segments
    if unit == "word":
        assert [s.text for s in found] == text.split()


def test_parts_beyond_the_limit_are_joined_unless_they_may_stay_apart() -> None:
    segmentation = _segmentation(CONVERSATION)
    assert len(segmentation.coarse(6)) == 6
    assert len(segmentation.coarse(6, 30)) == 9


def test_a_study_finds_the_document_the_sentence_and_the_word() -> None:
    def says(messages: tuple[Message, ...]) -> str:
        text = "\n".join(message.content for message in messages)
        return "It costs three euros." if "costs 3" in text else "I could not find that."

    found = run(CONVERSATION, says, answer="It costs three euros.", unit="auto", budget=80)
    document, sentence = found.explanation.coarser
    assert (document.unit, document.text) == ("document", DOCUMENTS[2])
    assert (sentence.unit, sentence.text) == ("sentence", "It costs 3 euros.")
    assert {s.text for s in found.explanation.ranked[:2]} == {"costs", "3"}


def test_it_is_the_default_everywhere() -> None:
    command = inspect.signature(explain_command).parameters["unit"].default
    function = inspect.signature(smile_trace.explain).parameters["unit"].default
    assert command == function == ExplainOptions().unit == Settings().explain.unit == "auto"


IMAGE = Media(modality="image", uri="data:image/png;base64,iVBORw0KGgo=")


PAPER = Media(modality="file", uri="https://example.org/a.pdf")


ASKED = TextPart(content="What is the same in both? Say it briefly.")


PROMPTED = Prompted(messages=(Message(role="user", parts=(IMAGE, ASKED, PAPER)),))


TITLES = ["image (png, 8 bytes)", "file (https://example.org/a.pdf)"]


@pytest.mark.parametrize("unit", ["auto", "word", "sentence", "media"])
def test_it_is_one_segment(unit: Unit) -> None:
    segments = Segmentation(PROMPTED, unit).segments
    assert [s.text for s in segments if s.unit == "media"] == TITLES
    for number, left in ((0, (ASKED, PAPER)), (len(segments) - 1, (IMAGE, ASKED))):
        mask = [k != number for k in range(len(segments))]
        [message] = Perturber(PROMPTED, segments).messages(mask)
        assert message == Message(role="user", parts=left)


def test_it_is_protected_or_taken_whole_by_what_it_is_called() -> None:
    protecting = Segmentation(PROMPTED, "word", [re.compile("image")]).segments
    assert [s.text for s in protecting if s.protected] == TITLES[:1]
    assert _free(Segmentation(PROMPTED, re.compile("png")).segments) == TITLES[:1]


def test_its_message_is_a_message() -> None:
    alone = Prompted(messages=(Message(role="user", parts=(IMAGE,)), *PROMPTED.messages))
    segments = Segmentation(alone, "message").segments
    assert len(segments) == 2
    left = Perturber(alone, segments).messages([False, True])
    assert left == PROMPTED.messages
