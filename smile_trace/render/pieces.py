"""What a picture of an explanation consists of: pieces with one look each, folds, blocks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from smile_trace.records import Segment, SegmentAttribution, Verdict
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED
from smile_trace.render.text import kind_and_title, signed, value_of

Kind = (
    Literal["supports", "opposes", "excluded", "open", "paired", "protected"]
    | Literal["plain", "explained", "moved", "edge", "culprit"]
)
"""`supports`, `opposes`, `excluded`, `open`: by a segment's verdict; `paired`: an open one that
another stands in for. `protected`: never removed.
`plain`: text between segments, and of the answer. `explained`: the explained part of an answer.
`moved`: the value of an answer's field that changes without a driver. `edge`: a marker, not text of
the prompt, of where a more finely explained passage begins (with its value) or ends; `culprit`:
one of where a part begins without which the answer would be right."""

THE_ANSWER = "the answer"
"""What is explained, in labels and hints, unless it is the error of a wrong answer."""

OPENS, CLOSES, CULPRIT = "\u25b8", "\u25c2", "\u2717"

_KINDS: Mapping[Verdict | None, Kind] = {
    "supports": "supports",
    "against": "opposes",
    "excluded": "excluded",
    "open": "open",
    None: "protected",
}
_VERDICTS: Mapping[Verdict | None, str] = {
    "supports": "supports the answer",
    "against": "works against the answer",
    "excluded": NO_DIFFERENCE,
    "open": NOT_MEASURED,
    None: "protected: never removed",
}

SCALE_POWER = 0.7
"""Strength of colour = |attribution| ** SCALE_POWER: absolute, and small effects still show."""


@dataclass(frozen=True)
class Piece:
    """A run of text with one look. `passage` is the outermost passage around it: its pieces that
    matter are outlined, since their attributions are other quantities. `behind` is a passage that
    matters as a whole, nothing inside of which is known: it gives the colour behind the text."""

    text: str
    kind: Kind
    segment: SegmentAttribution | None = None
    passage: SegmentAttribution | None = None
    behind: SegmentAttribution | None = None
    told: str = ""
    """The hint for a piece of the answer; of a segment, what is said in place of its verdict."""
    cut: bool = False
    """Whether the text is a part of a longer run."""
    continued: bool = False
    """Whether its value stands elsewhere: the run began above, or a part inside has it, too."""
    culprit: Segment | None = None
    """The part around it without which the answer would be right."""
    subject: str = THE_ANSWER
    """What its segment supports."""

    @property
    def ground(self) -> Kind:
        """The kind for the colour behind the text."""
        return self.kind if self._is_itself or self.behind is None else kind_of(self.behind)

    @cached_property
    def ground_strength(self) -> float:
        """The strength of the colour behind the text, in [0, 1]; 0: none."""
        if self._is_itself or self.behind is None:
            return self.strength
        return shown_strength(self.behind)

    @property
    def _is_itself(self) -> bool:
        return self.text.isspace()

    @property
    def outlined(self) -> bool:
        """Whether it is a significant piece of a passage."""
        return self.passage is not None and self.strength > 0

    @cached_property
    def strength(self) -> float:
        """The strength of its colour, in [0, 1]; 0 unless it supports or works against the
        answer."""
        return 0.0 if self.segment is None or self.kind == "edge" else shown_strength(self.segment)

    @property
    def value(self) -> str:
        """The attribution if significant; `fails` if requests without it do; else empty."""
        if self.segment is None or not self.strength or self.continued:
            return ""
        if not self.segment.significant:
            return "fails"
        return value_of(self.segment)

    @property
    def hint(self) -> str:
        """The tooltip: value, interval and verdict."""
        if self.segment is None:
            return self.told
        finer = self.passage is not None or self.kind == "edge"
        told = describe(self.segment, self.told, self.subject)
        named = finer or self.segment.title is not None
        return f"{kind_and_title(self.segment)}: {told}" if named else told

    @property
    def sign(self) -> Kind:
        """The kind of its segment, also for an edge."""
        return kind_of(self.segment)


@dataclass(frozen=True)
class Fold:
    """A run of text that a picture may collapse. `shown`: the parts (by identity) of which another
    piece is drawn, so that they are not counted as missing."""

    pieces: tuple[Piece, ...]
    shown: frozenset[int] = frozenset()

    @property
    def label(self) -> str:
        """The number of collapsed parts by what is known of them: `12 parts without effect, 3 parts
        open`; the size of text that was never removed."""
        counts: dict[str, set[int]] = {}
        continues = False
        for piece in self.pieces:
            segment = piece.behind or piece.segment
            if segment is None or piece.kind == "edge" or not piece.text.strip():
                continue
            if id(segment) in self.shown:
                continues = True
            else:
                counts.setdefault(piece.ground, set()).add(id(segment))
        subject = self.pieces[0].subject
        said = [
            f"{len(found):,} {one if len(found) == 1 else several}".replace(THE_ANSWER, subject)
            for kind, (one, several) in _FOLDED.items()
            if (found := counts.get(kind))
        ]
        if not said:
            size = sum(len(piece.text) for piece in self.pieces)
            return "more of this part" if continues else f"{size:,} characters, never removed"
        return ", ".join([*(["more of this part"] if continues else []), *said])


_FOLDED: Mapping[Kind, tuple[str, str]] = {
    "supports": ("part that supports the answer", "parts that support the answer"),
    "opposes": ("part that works against the answer", "parts that work against the answer"),
    "excluded": ("part without effect", "parts without effect"),
    "open": ("part open", "parts open"),
    "paired": ("part that another stands in for", "parts that others stand in for"),
    "protected": ("part never removed", "parts never removed"),
}
"""One part, and several: the words for each verdict differ."""


@dataclass(frozen=True)
class Block:
    """One message. `whole`: the marker of the passage that is all of it, in a brief picture."""

    role: str
    parts: tuple[Piece | Fold, ...]
    whole: Piece | None = None

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, including collapsed ones."""
        runs = (part.pieces if isinstance(part, Fold) else (part,) for part in self.parts)
        return tuple(piece for run in runs for piece in run)

    @property
    def collapsed(self) -> bool:
        """Whether nothing of it is shown."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Fold)


def strength(attribution: float) -> float:
    """Return the strength of an attribution's colour, in [0, 1], on the absolute scale."""
    size = min(abs(attribution), 1.0) if math.isfinite(attribution) else 0.0
    return float(round(size**SCALE_POWER, 3))


def describe(segment: SegmentAttribution, told: str = "", subject: str = THE_ANSWER) -> str:
    """Return a segment's score in one line, with what is told in place of its verdict; `subject` is
    what it supports."""
    if segment.protected:
        return _VERDICTS[None]
    value, low, high = map(signed, (segment.attribution, segment.ci_low, segment.ci_high))
    p_value = "" if segment.p_value is None else f", p = {segment.p_value:.3g}"
    alone = (
        "" if segment.leave_one_out is None else f", removed alone: {signed(segment.leave_one_out)}"
    )
    fails = segment.fails_without and not segment.significant
    verdict = _VERDICTS[segment.verdict].replace(THE_ANSWER, subject)
    said = "without it the request fails" if fails else told or verdict
    return f"{value} [{low}, {high}]{p_value}{alone}: {said}"


def kind_of(segment: SegmentAttribution | None) -> Kind:
    """Return the look of a segment by its verdict; `plain` of none."""
    return "plain" if segment is None else _KINDS[segment.verdict]


def shown_strength(segment: SegmentAttribution) -> float:
    """Return the strength of its colour, in [0, 1]; 1 if requests fail without it."""
    if segment.verdict not in ("supports", "against"):
        return 0.0
    return strength(segment.attribution) if segment.significant else 1.0
