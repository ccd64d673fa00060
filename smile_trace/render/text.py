"""The wording of text, numbers and intervals in every picture, and differences of texts."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from smile_trace.records import Message, Segment, SegmentAttribution
from smile_trace.records.verdicts import WHOLES

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_EMPTY_LINES = re.compile(r"\n(?:[^\S\n]*\n){10,}")
_TAGS = re.compile("(\U0001f3f4?)[\U000e0001-\U000e007f]+")
"""Letters that only a model reads; after a black flag they name a region."""
_JOINED = re.compile(r"(?:[^\w\s\x00-\x7f\u200d]{1,3}\u200d){4}(?=[^\w\s\x00-\x7f\u200d])")
"""More joined pictures than any family has; no browser would break the line there."""
_MOST_MARKS = 6
"""Marks and invisible characters in a row; the flag of England has as many, no language more."""
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")


def visible(text: str) -> str:
    """Return `text` with every character that could control a display replaced by a visible one.

    C0 controls become their Unicode pictures (NUL → ␀, ESC → ␛); C1 controls, lone surrogates,
    noncharacters, bidirectional overrides and letters that only a model reads become U+FFFD, and so
    does what exceeds six combining marks or characters without width in a row (towers over the
    lines above). Line feeds and tabs are retained; more than ten empty lines are counted.
    """
    shown = _HIDDEN.sub(_sign, text.replace("\r\n", "\n"))
    if shown.count("\n") > 10:
        shown = _EMPTY_LINES.sub(_count_lines, shown)
    if shown.isascii():
        return shown
    shown = _TAGS.sub(lambda match: match[0] if match[1] else "\ufffd", shown)
    shown = _JOINED.sub("\\g<0>\u200b", shown)
    return _MAYBE_MARKS.sub(_few_marks, shown)


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def _count_lines(match: re.Match[str]) -> str:
    return f"\n\n\u22ef {match[0].count(chr(10)) - 1:,} empty lines \u22ef\n\n"


def _few_marks(match: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in match[0]:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
        elif marks == _MOST_MARKS + 1:
            kept.append("\ufffd")
    return "".join(kept)


_MEMBER = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*:')


def noun(segment: Segment | SegmentAttribution) -> str:
    """Return a segment's kind: `word`, `document`, `field` for a member of JSON, or `part` if it
    has no name."""
    if segment.unit == "word" and _MEMBER.match(segment.text):
        return "field"
    return "part" if segment.unit in ("span", "auto") else segment.unit.replace("_", " ")


def is_whole(segment: Segment | SegmentAttribution) -> bool:
    """Whether it is more than a few words or a sentence, each of which could seem measured."""
    return segment.unit in WHOLES and len(segment.text.split()) > 1


_SENTENCE_END = re.compile(r"[^\s\d][.!?\u2026][\"')\]\u2019\u201d]*\s|[\n\u3002\uff01\uff1f](?=.)")
"""Not behind the number of a list's item."""


def value_of(segment: SegmentAttribution) -> str:
    """Return the attribution of a part; one of several sentences or lines, each of which could seem
    measured, has it `as a whole`."""
    together = segment.unit not in ("word", "sentence") and _SENTENCE_END.search(
        segment.text.strip()
    )
    return f"{signed(segment.attribution)}{' as a whole' if together else ''}"


def kind_and_title(segment: SegmentAttribution) -> str:
    """Return a segment's kind, and a retrieved document's name: `document returns.md`."""
    return noun(segment) if segment.title is None else f"{noun(segment)} {short(segment.title, 40)}"


def signed(value: float) -> str:
    """Return a number on the scale of attributions: `+0.62`, `−0.08`, `0.00`."""
    text = f"{value:+.2f}".replace("-", "\u2212")
    return "0.00" if text[1:] == "0.00" else text


def unsigned(value: float) -> str:
    """Return a number with two decimals: `0.62`, `−0.08`."""
    return f"{value:.2f}".replace("-", "\u2212")


def short(text: str, longest: int = 90) -> str:
    """Return `text` on one line, truncated to `longest` characters. Combining marks at its
    beginning get a circle to stand on, lest they join what stands before."""
    line = " ".join(visible(text).split())
    if unicodedata.category(line[:1] or "x") in ("Mn", "Me"):
        line = f"\u25cc{line}"
    return line if len(line) <= longest else line[: longest - 1] + "…"


def number(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def probability(value: float | None) -> str:
    """Return a p-value: `.012`, `< .001`; empty for None."""
    if value is None:
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


_LONGEST = 20_000
"""Characters of a message that are compared; the time grows with their square."""

_MANY = 1000
"""Number of words from which frequent ones are not matched: each costs time with every other."""

_AROUND = 80


class Change(NamedTuple):
    """A piece of text: in both requests, only in the original, or only in the variant."""

    kind: Literal["same", "removed", "added"]
    text: str


def difference(original: Sequence[Message], variant: Sequence[Message]) -> list[Change]:
    """Return the differing pieces of the messages, the unchanged text between them shortened."""
    found: list[Change] = []
    for k in range(max(len(original), len(variant))):
        one, other = (side[k].content if k < len(side) else "" for side in (original, variant))
        if one != other:
            found += _shortened(list(_pieces(one[:_LONGEST], other[:_LONGEST])))
    return found


def whole_difference(one: str, other: str) -> list[Change]:
    """Return all pieces of two texts, unchanged ones too. Very long texts are not compared."""
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
