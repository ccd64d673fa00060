"""What differs between two requests, word by word, with a little of what stands around it."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from smile_trace.records import Message
from smile_trace.render.text import visible

_LONGEST = 20_000
"""Characters of a message that are compared; the time grows with their square."""

_MANY = 1000
"""Words from which frequent ones are not matched, each of which costs time with every other."""

_AROUND = 80
"""Characters of unchanged text that are shown on either side."""


class Change(NamedTuple):
    """A piece of text: in both requests, only in the original, or only in the variant."""

    kind: Literal["same", "removed", "added"]
    text: str


def difference(original: Sequence[Message], variant: Sequence[Message]) -> list[Change]:
    """The pieces of the messages that differ, the unchanged text between them shortened."""
    found: list[Change] = []
    for k in range(max(len(original), len(variant))):
        one, other = (side[k].content if k < len(side) else "" for side in (original, variant))
        if one != other:
            found += _shortened(list(_pieces(one[:_LONGEST], other[:_LONGEST])))
    return found


def whole_difference(one: str, other: str) -> list[Change]:
    """All pieces of two texts, the unchanged ones too. Very long ones are not compared."""
    if max(len(one), len(other)) > _LONGEST:
        return [Change("removed", visible(one)), Change("added", visible(other))]
    return list(_pieces(one, other))


def _pieces(one: str, other: str) -> Iterator[Change]:
    before, after = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (one, other))
    matcher = SequenceMatcher(None, before, after, autojunk=len(after) > _MANY)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield Change("same", visible("".join(before[a:b])))
            continue
        if b > a:
            yield Change("removed", visible("".join(before[a:b])))
        if d > c:
            yield Change("added", visible("".join(after[c:d])))


def _shortened(pieces: Sequence[Change]) -> Iterator[Change]:
    for k, piece in enumerate(pieces):
        text = piece.text
        if piece.kind == "same" and len(text) > 2 * _AROUND:
            head = text[:_AROUND] if k else ""
            tail = text[-_AROUND:] if k + 1 < len(pieces) else ""
            text = f"{head} … {tail}"
        yield Change(piece.kind, text)
