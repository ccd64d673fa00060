"""No segment of any size crosses a message, a template, a variable, a document or a section."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from smile_trace.attribution import CannotExplain
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitSplitter
from smile_trace.records import Message, Prompted, PromptUse, Segment, Unit, VariableSpan
from tests.support.studies import chat

WORDS = st.sampled_from(["sea", "Rome", "42", "well-known", "(so)", "naïve", "水が"])
SENTENCE = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(WORDS, min_size=1, max_size=5),
    st.sampled_from([".", "?", "!", "", ":"]),
)
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=4).map(" ".join)
DOCUMENTS = st.builds(
    lambda texts, form: form(texts),
    st.lists(PARAGRAPH, min_size=1, max_size=5),
    st.sampled_from(
        [
            lambda texts: "\n\n".join(f"[{k}] {text}" for k, text in enumerate(texts)),
            lambda texts: "\n".join(f"<document>\n{text}\n</document>" for text in texts),
            lambda texts: "\n\n".join(f"Document {k}: {text}" for k, text in enumerate(texts)),
            lambda texts: "\n".join(
                f"[{k}] {text}\n# Head\n{text}" for k, text in enumerate(texts)
            ),
        ]
    ),
)
BLOCK = st.one_of(
    PARAGRAPH,
    DOCUMENTS,
    st.builds("# {}\n{}".format, SENTENCE, PARAGRAPH),
    st.builds("Rules: {}".format, PARAGRAPH),
    st.builds("1. {}\n2. {}".format, SENTENCE, SENTENCE),
    st.builds("<note>\n{}\n</note>".format, PARAGRAPH),
)
CONTENT = st.builds(
    lambda blocks, glue: glue.join(blocks),
    st.lists(BLOCK, min_size=1, max_size=4),
    st.sampled_from([" ", "\n", "\n\n"]),
)
PIECE = st.tuples(
    st.booleans(), st.one_of(CONTENT, SENTENCE, st.sampled_from([" ", "\n", "(", "x"]))
)
"""Of a template: whether it is a value, and the text."""

MESSAGE = st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), CONTENT)
LIMITS = st.integers(1, 12)
UNITS = st.sampled_from(["auto", "word", "sentence", "section", "message", "document", "variable"])


def _prompted(
    messages: Sequence[tuple[str, str]], before: str, pieces: Sequence[tuple[bool, str]], after: str
) -> Prompted:
    """A chat whose last message holds a rendered template between two texts."""
    at = len(before)
    spans = []
    for number, (is_value, text) in enumerate(pieces):
        if is_value:
            spans.append(VariableSpan(name=f"v{number}", start=at, end=at + len(text)))
        at += len(text)
    template = "".join(f"{{v{k}}}" if v else text for k, (v, text) in enumerate(pieces))
    last = Message(role="user", content=before + "".join(text for _, text in pieces) + after)
    sent = (*(Message(role=role, content=content) for role, content in messages), last)
    use = PromptUse(
        name="p",
        version="1",
        template=template,
        message=len(sent) - 1,
        start=len(before),
        end=at,
        variable_spans=tuple(spans),
    )
    return Prompted(messages=sent, prompts=(use,) if pieces else ())


def _parts(prompted: Prompted, unit: Unit) -> Iterator[tuple[int, int, int]]:
    """What no segment of this unit crosses: the template's text between two variables is whole."""
    splitter = UnitSplitter(prompted)
    for m, message in enumerate(prompted.messages):
        whole = (0, len(message.content))
        kinds = [[whole], splitter.templates(m), splitter.values(m)]
        if unit != "variable":
            kinds += [splitter.documents(m), splitter.split("section", m, *whole)]
        yield from ((m, start, end) for kind in kinds for start, end in kind)


def _letters(prompted: Prompted, places: Sequence[tuple[int, int, int]]) -> set[tuple[int, int]]:
    """The places of the characters that are no marks and no white space."""
    return {
        (m, k)
        for m, start, end in places
        for k, character in enumerate(prompted.messages[m].content[start:end], start)
        if character.isalnum()
    }


def _crossed(prompted: Prompted, unit: Unit, segments: Sequence[Segment]) -> list[tuple[str, str]]:
    """Each segment that crosses a part, with the part."""
    free = set().union(*(_letters(prompted, s.places) for s in segments if not s.protected))
    found = []
    for part in _parts(prompted, unit):
        inside = _letters(prompted, [part]) & free
        for segment in segments:
            letters = _letters(prompted, segment.places)
            if not segment.protected and letters & inside and letters - inside and inside - letters:
                m, start, end = part
                found.append((segment.text, prompted.messages[m].content[start:end]))
    return found


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    st.lists(MESSAGE, max_size=5),
    CONTENT,
    st.lists(PIECE, max_size=5),
    CONTENT,
    UNITS,
    LIMITS,
    st.booleans(),
)
def test_no_segment_crosses_a_part_of_the_prompt(
    messages: list[tuple[str, str]],
    before: str,
    pieces: list[tuple[bool, str]],
    after: str,
    unit: Unit,
    limit: int,
    protects: bool,
) -> None:
    """Protected text may split a unit, but for words: there a role is protected."""
    protect = (
        ("Rome",) if protects and unit in ("auto", "word") else ("system",) if protects else ()
    )
    prompted = _prompted(messages, before, pieces, after)
    try:
        segmentation = Segmentation(prompted, unit, protect)
    except CannotExplain:
        return
    assert _crossed(prompted, unit, segmentation.segments) == []
    coarse = segmentation.coarse(limit)
    assert _crossed(prompted, unit, coarse) == []
    assert sum(not s.protected for s in coarse) <= limit
    chosen = [s for s in coarse if not s.protected][::2]
    finer = segmentation.refine(chosen, 3 * limit)
    assert _crossed(prompted, unit, finer) == []
    letters = [_letters(prompted, s.places) for s in finer]
    assert set().union(*letters) == set().union(*(_letters(prompted, s.places) for s in chosen))
    assert sum(map(len, letters)) == len(set().union(*letters))
    assert all(any(a <= _letters(prompted, s.places) for s in chosen) for a in letters)


def test_whole_documents_are_joined_before_one_is_cut() -> None:
    documents = [f"[{k}] One fact is here. And one more is {k}." for k in range(1, 13)]
    content = "Read these.\n\n" + "\n\n".join(documents) + "\n\nQuestion: which one?"
    segmentation = Segmentation(Prompted(messages=chat(content)), "sentence")
    for limit in (14, 20):
        texts = [segment.text for segment in segmentation.coarse(limit)]
        assert texts == ["Read these.", *documents, "Question: which one?"]
    joined = [segment.text for segment in segmentation.coarse(5)]
    assert len(joined) == 5
    for text in documents:
        assert sum(text in one for one in joined) == 1


def test_a_document_ends_where_the_template_around_it_ends() -> None:
    documents = "Document 1: The sea is red.\n\nDocument 2: Rome is old."
    prompted = _prompted([], "", [(False, documents)], "Which city is old?")
    free = [s.text for s in Segmentation(prompted, "document").segments if not s.protected]
    assert free == ["Document 1: The sea is red.", "Document 2: Rome is old."]


def test_a_value_of_several_sentences_is_split_on_its_own() -> None:
    prompted = _prompted(
        [], "", [(False, "Say: "), (True, "Go home. Now"), (False, " please.")], ""
    )
    segments = Segmentation(prompted, "sentence").segments
    assert [s.text for s in segments] == ["Say:", "Go home.", "Now", "please."]
    assert [s.key for s in segments] == [
        "p:1:sentence:0",
        "p:1:var:v1:sentence:0",
        "p:1:var:v1:sentence:1",
        "p:1:sentence:10",
    ]


def test_a_value_of_one_sentence_belongs_to_the_sentence_around_it() -> None:
    prompted = _prompted([], "", [(False, "Say "), (True, "Go home."), (False, " twice.")], "")
    assert [s.text for s in Segmentation(prompted, "sentence").segments] == ["Say Go home. twice."]


@pytest.mark.parametrize(("value", "words"), [("b c", ["ab", "cd"]), ("b", ["abd"])])
def test_a_word_is_split_where_a_value_of_several_words_ends_in_it(
    value: str, words: list[str]
) -> None:
    prompted = _prompted([], "", [(False, "a"), (True, value), (False, "d")], "")
    found = [s.text for s in Segmentation(prompted, "word").segments]
    assert "".join(found) == "".join(words)
    assert (len(found) > 2) == (" " in value)
