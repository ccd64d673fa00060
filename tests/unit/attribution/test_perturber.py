"""The texts that are sent: clean, in order, with roles and duplicates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Message, Prompted
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
