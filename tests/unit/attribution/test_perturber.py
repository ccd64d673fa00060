"""The texts that are sent: clean, in order, with roles and duplicates, and JSON that is valid."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation import json_structure
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.selections import picked_units
from smile_trace.records import Message, Prompted, ToolResult, Unit
from tests.support.studies import chat


def _without(content: str, *words: str) -> str:
    prompted = Prompted(messages=chat(content))
    segments = Segmentation(prompted, "word").segments
    sent = Perturber(prompted, segments).messages([s.text not in words for s in segments])
    return sent[0].content


@pytest.mark.parametrize(
    ("content", "words", "sent"),
    [
        ("The big dog, it ran.", ("big",), "The dog, it ran."),
        ("The big dog, it ran.", ("dog,",), "The big it ran."),
        ("one two\n\nthree four", ("two", "three"), "one\n\nfour"),
        ("one  two three", ("one",), "two three"),
        ("  one two \n", ("two",), "  one \n"),
        ("我喜欢北京", ("喜欢",), "我北京"),
        ("a好b", ("好",), "a b"),
        ("the dog the dog", ("the",), "dog dog"),
        ("1. first\n2. second", ("second",), "1. first\n2."),
    ],
)
def test_a_removed_segment_leaves_no_trace(content: str, words: tuple[str, ...], sent: str) -> None:
    assert _without(content, *words) == sent


def test_roles_and_order_are_retained_and_empty_messages_are_omitted() -> None:
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="same words"),
        Message(role="assistant", content=""),
        Message(role="user", content="same words"),
    )
    prompted = Prompted(messages=messages)
    perturber = Perturber(prompted, Segmentation(prompted, "word").segments)
    assert perturber.messages([True] * 6) == messages
    assert perturber.messages([False, False, True, True, True, False]) == (
        messages[1],
        messages[2],
        Message(role="user", content="same"),
    )
    assert not perturber.sendable([False] * 6)


@given(st.text(max_size=50), st.data())
def test_retained_segments_are_sent_in_order_and_nothing_else(
    content: str, data: st.DataObject
) -> None:
    if not content.strip():
        return
    prompted = Prompted(messages=chat(content))
    segments = Segmentation(prompted, "word").segments
    mask = data.draw(st.lists(st.booleans(), min_size=len(segments), max_size=len(segments)))
    sent = Perturber(prompted, segments).messages(mask)
    text = "".join(message.content for message in sent)
    retained = "".join(s.text for s, keep in zip(segments, mask, strict=True) if keep)
    assert "".join(text.split()) == "".join(retained.split())
    if all(mask):
        assert text == content


LONG = "one two three four five six seven eight nine"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=30) | st.just(LONG),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


ROOTS = st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=6), VALUES, max_size=4)


def _with_result(text: str) -> Prompted:
    result = Message(role="tool", parts=(ToolResult(id="c1", response=text),))
    return Prompted(messages=(Message(role="user", content="What is it?"), result))


def _sent(text: str, *removed: str, unit: Unit = "word") -> str:
    prompted = _with_result(text)
    segments = Segmentation(prompted, unit).segments
    assert {s.text for s in segments} >= set(removed), [s.text for s in segments]
    sent = Perturber(prompted, segments).messages([s.text not in removed for s in segments])
    [part] = sent[-1].parts
    assert isinstance(part, ToolResult)
    return str(part.response)


@pytest.mark.parametrize(
    ("text", "removed", "sent"),
    [
        ('{"a": 1, "b": 2, "c": 3}', ('"b": 2',), '{"a": 1, "c": 3}'),
        ('{"a": 1, "b": 2}', ('"b": 2',), '{"a": 1}'),
        ('{"a": 1,\n "b": 2}', ('"a": 1',), '{"b": 2}'),
        ('{"a": 1}', ('"a": 1',), "{}"),
        (' [1, 2, 3]\n', ("1", "3"), " [2]\n"),
        ("[true]", ("true",), "[]"),
        ('{"a": {"b": 1, "c": 2}, "d": 3}', ('"b": 1', '"c": 2'), '{"d": 3}'),
        ('{"a": {"b": 1, "c": 2}, "d": 3}', ('"c": 2',), '{"a": {"b": 1}, "d": 3}'),
        ('[{"a": "x"}, {"a": "y"}]', ('"a": "x"',), '[{"a": "y"}]'),
        ('{"a": "the big dog"}', ('"a": "the big dog"',), "{}"),
        (f'{{"a": "the big dog {LONG}"}}', ("big",), f'{{"a": "the dog {LONG}"}}'),
        (f'{{"a": "{LONG} big dog"}}', ("dog",), f'{{"a": "{LONG} big"}}'),
        (f'{{"a": "{LONG}", "b": 2}}', tuple(LONG.split()), '{"b": 2}'),
        (
            rf'{{"a": "{LONG} \"big\" d\u00f6g\ud83d\ude00 end"}}',
            (r"d\u00f6g", r"\ud83d\ude00"),
            rf'{{"a": "{LONG} \"big\" end"}}',
        ),
        ("[[], {}]", ("[]",), "[{}]"),
    ],
)  # fmt: skip
def test_what_is_sent(text: str, removed: tuple[str, ...], sent: str) -> None:
    assert _sent(text, *removed) == sent


def test_what_is_no_json_is_text() -> None:
    assert _sent("{not: json}", "json}") == "{not:"
    deep = "[" * 70 + "]" * 70
    assert json_structure.parse(deep) is None
    assert json_structure.parse("[" * 100_000) is None
    assert json_structure.parse('"a text"') is None


def test_the_parts_of_a_result() -> None:
    [root] = [json_structure.parse(text := '{"results": [{"t": "a b"}, {"t": "c"}]}')]
    assert root is not None
    found = json_structure.documents(root, text)
    assert [text[a:b] for a, b in found] == ['{"t": "a b"}', '{"t": "c"}']
    assert _sent('{"results": [{"t": "a b"}, {"t": "c"}]}', '{"t": "a b"}', unit="document") == (
        '{"results": [{"t": "c"}]}'
    )


def test_a_sentence_alone_leaves_the_rest_of_its_value() -> None:
    """Also where no other part of the value is named, as in a search for what is to blame."""
    prompted = _with_result('{"note": "Ring twice. The bell is on the left."}')
    [first, _] = Segmentation(prompted, "sentence").segments[1:]
    [*_, sent] = Perturber(prompted, [first]).messages([False])
    assert json.loads(sent.content) == {"note": "The bell is on the left."}


def test_a_pattern_takes_the_whole_value() -> None:
    prompted = _with_result('{"number": 4711, "name": "order 4711 of you"}')
    segments = Segmentation(prompted, [(1, 12, 14), (1, 26, 30)]).segments
    free = [s.text for s in segments if not s.protected]
    assert free == ['"number": 4711', "orde"]


@given(ROOTS, st.booleans(), st.sampled_from(["word", "sentence", "document"]), st.data())
def test_every_mask_leaves_valid_json(
    value: Any, ascii_only: bool, unit: Unit, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    prompted = _with_result(text)
    segments = Segmentation(prompted, unit).segments
    perturber = Perturber(prompted, segments)
    assert perturber.messages([True] * len(segments)) == prompted.messages
    mask = data.draw(st.lists(st.booleans(), min_size=len(segments), max_size=len(segments)))
    sent = perturber.messages(mask)
    assert sent[-1].role == "tool"
    assert type(json.loads(sent[-1].content)) is type(value)
    free = [s.message == 0 or s.protected for s in segments]
    if unit == "word":
        assert json.loads(perturber.messages(free)[-1].content) in ({}, [])


def test_the_elements_of_a_very_long_list_are_documents() -> None:
    """Each is looked up in the structure: that takes the logarithm of their number, not its
    square."""
    rows = json.dumps([{"id": number} for number in range(20_000)])
    result = Message(role="tool", parts=(ToolResult(id="c", response=rows),))
    found = picked_units(Prompted(messages=(result,)), "document")
    assert found is not None
    assert len(found) == 20_000
