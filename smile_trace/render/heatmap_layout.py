"""The heatmap model: an Explanation laid out as messages, pieces and folds.

HTML, SVG and terminal draw the same `Heatmap`, so that they cannot disagree. All its text is
`visible`: free of control characters.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import TypeVar

from smile_trace._text.json_fields import fields, written_path
from smile_trace.records import Correction, Explanation, Segment, SegmentAttribution
from smile_trace.records.verdicts import (
    NO_DIFFERENCE,
    NOT_MEASURED,
    STANDS_IN,
    around,
    drives,
    finest_drivers,
    telling_drivers,
)
from smile_trace.render.facts import STATUS_WORDS, facts
from smile_trace.render.folding import fold, fold_messages
from smile_trace.render.phrases import (
    enough_beside,
    labels,
    message_title,
    part_names,
    target_sentence,
    target_verdict,
    without_it,
)
from smile_trace.render.pieces import (
    CLOSES,
    CULPRIT,
    OPENS,
    THE_ANSWER,
    Block,
    Kind,
    Piece,
    kind_of,
    shown_strength,
)
from smile_trace.render.text import is_whole, kind_and_title, short, signed, value_of, visible

LONGEST_ROLE = 60

_LEGEND: Mapping[Kind, tuple[str, str]] = {
    "excluded": (f"Grey: without effect, it {NO_DIFFERENCE}.", "Grey: without effect."),
    "open": (f"Hatched: open, {NOT_MEASURED}.", "Hatched: open."),
    "paired": (f"Double underline: {STANDS_IN}.",) * 2,
    "protected": ("Dotted underline: protected, never removed.", "Dotted: never removed."),
    "explained": ("Underlined: the part of the answer that is explained.",) * 2,
    "moved": (
        "Underlined in the answer: what changes without a coloured part.",
        "Underlined: what changes without a coloured part.",
    ),
}
"""What a look means, in a sentence and in few words."""


@dataclass(frozen=True)
class Heatmap:
    """Everything that a picture of an explanation shows. `noise_floor` is in [0, 1] on the scale of
    the attributions. `facts` are short phrases: fidelity, noise floor, cost, model."""

    blocks: tuple[Block, ...]
    answer: tuple[Piece, ...]
    summary: str
    status: str
    status_words: str
    reason: str
    noise_floor: float
    facts: tuple[str, ...]
    target: str = ""
    """Whether the answer meets its target, in a sentence; empty without one."""
    answer_role: str = "answer"
    """The heading of the answer."""
    corrections: tuple[str, ...] = ()
    """What the signs of the culprits mean."""
    subject: str = THE_ANSWER
    """What the parts support."""

    @property
    def verdict(self) -> str:
        """The status in words, and the reason."""
        words = self.status_words[:1].upper() + self.status_words[1:]
        return f"{words}: {self.reason}" if self.reason else words

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, those of the answer last."""
        return (*(piece for block in self.blocks for piece in block.pieces), *self.answer)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The looks of all pieces."""
        return frozenset(piece.kind for piece in self.pieces)

    def key(self, *, brief: bool = False) -> str:
        """Return the legend: the meaning of grey, hatching, underlines and markers."""
        said = [texts[brief] for kind, texts in _LEGEND.items() if kind in self.kinds]
        return " ".join([*self.corrections, *said, *(self._where_values if brief else self._notes)])

    @property
    def _notes(self) -> Iterator[str]:
        """What is said of values, below a whole picture."""
        if self.noise_floor >= 0.005:
            yield f"Hatched on the scale: noise alone, up to {self.noise_floor:.2f}."
        if "edge" in self.kinds:
            yield f"{OPENS} {CLOSES}: a part that was measured as a whole, and its value."
        if any(piece.passage and piece.segment for piece in self.pieces):
            yield (
                "Then smaller parts were removed, several at a time, inside it and elsewhere in "
                "the prompt: those that matter are outlined, and their values do not add up to "
                "that of the whole, and can exceed it."
            )
        parts = (piece.segment for piece in self.pieces if piece.segment)
        if any(drives(part) and part.leave_one_out is not None for part in parts):
            yield (
                "On average: over prompts that lacked other parts, too. A part that costs nothing "
                "if removed alone can matter once another is gone, and one that costs much alone "
                "can have little left to take."
            )

    @property
    def _where_values(self) -> Iterator[str]:
        """Where a brief picture has the values of wholes."""
        whole = any(b.whole and b.whole.sign in ("supports", "opposes") for b in self.blocks)
        places = {"beside a role": whole, f"at {OPENS} {CLOSES}": "edge" in self.kinds}
        if where := " or ".join(place for place, holds in places.items() if holds):
            yield f"{where[0].upper()}{where[1:]}: the value of the whole."


def heatmap(explanation: Explanation) -> Heatmap:
    """Lay out an explanation. If segments overlap, the shortest is drawn."""
    fidelity = explanation.fidelity
    messages: list[tuple[str, tuple[Piece, ...]]] = []
    passages = [*explanation.coarser, *filter(_is_enclosed, explanation.segments)]
    smallest = [segment for segment in explanation.segments if not _is_enclosed(segment)]
    known = {id(passage) for passage in passages if _is_known_inside(passage, explanation)}
    repeated = {id(passage) for passage in passages if _is_repeated(passage, explanation)}
    enough = enough_beside(explanation)
    signs = _signs(explanation)
    subject = "the error" if explanation.met is False else THE_ANSWER
    for index, message in enumerate(explanation.messages):
        edges = _with_labels(_edges(passages, index, repeated), labels(message))
        mine, wholes = _placed(smallest, index), _placed(passages, index)
        blamed = _placed([part for one in signs.values() for part in one.parts], index)
        edges = _with_signs(edges, signs, index)
        drawn = _pieces(message.content, mine, edges, wholes, known, blamed)
        pieces = tuple(
            replace(p, told=said, kind="paired" if p.kind == "open" else p.kind, subject=subject)
            if p.segment and (said := enough.get(p.segment.key))
            else replace(p, subject=subject)
            for p in drawn
        )
        role = message_title(message, explanation.messages)
        messages.append((short(role, LONGEST_ROLE), pieces))
    blocks = [Block(role, tuple(fold(pieces))) for role, pieces in messages]
    return Heatmap(
        blocks=tuple(fold_messages(blocks)),
        answer=_answer(explanation),
        summary=visible(explanation.summary),
        status=fidelity.status,
        status_words=STATUS_WORDS[fidelity.status],
        reason=visible(fidelity.reason),
        noise_floor=min(max(fidelity.noise_floor, 0.0), 1.0),
        facts=tuple(visible(fact) for fact in facts(explanation)),
        target=target_sentence(explanation),
        answer_role=" ".join(filter(None, ("answer", target_verdict(explanation)))),
        corrections=tuple(f"{sign}: {without_it(found)}." for sign, found in signs.items()),
        subject=subject,
    )


def _signs(explanation: Explanation) -> dict[str, Correction]:
    """The removals with which the answer would be right, by their signs."""
    found = explanation.corrections
    return {f"{CULPRIT}{k if len(found) > 1 else ''}": one for k, one in enumerate(found, 1)}


def _with_signs(edges: "_Edges", signs: Mapping[str, Correction], message: int) -> "_Edges":
    """The markers of a message, with a sign where a culprit begins, and an end where it ends."""
    found = {at: list(markers) for at, markers in edges.items()}
    for sign, correction in signs.items():
        for start, end, part in _placed(correction.parts, message):
            shown, told = f"{sign}\u00a0", without_it(correction)
            found.setdefault(end, [])
            found.setdefault(start, []).append(Piece(shown, "culprit", told=told, culprit=part))
    return found


def _answer(explanation: Explanation) -> tuple[Piece, ...]:
    answer, part = explanation.answer, explanation.answer_part
    if part is None:
        return tuple(_with_moved(explanation))
    before, inside, after = answer[: part[0]], answer[slice(*part)], answer[part[1] :]
    before, after = before.lstrip(), after.rstrip()
    texts: list[tuple[str, Kind]] = [(before, "plain"), (inside, "explained"), (after, "plain")]
    told = "the part that is explained"
    return tuple(
        Piece(visible(text), kind, told=told if kind == "explained" else "")
        for text, kind in texts
        if text
    )


def _with_moved(explanation: Explanation) -> Iterator[Piece]:
    answer = explanation.answer.strip()
    names = part_names(explanation)
    without: dict[str, list[str]] = {}
    for change in explanation.fields:
        keys = [key for key in (change.key, change.also) if key is not None]
        of = " and ".join(names.get(key, key) for key in keys)
        without.setdefault(change.path, []).append(of if change.also is None else f"both {of}")
    at = 0
    for path, (start, end) in fields(answer).items() if without else ():
        if named := without.get(written_path(path)):
            told = f"changes without {' or '.join(named)}"
            yield Piece(visible(answer[at:start]), "plain")
            yield Piece(visible(answer[start:end]), "moved", told=visible(told))
            at = end
    if answer[at:]:
        yield Piece(visible(answer[at:]), "plain")


_Part = TypeVar("_Part", Segment, SegmentAttribution)
_Placed = tuple[int, int, SegmentAttribution]

_Edges = Mapping[int, Sequence[Piece]]
"""The markers before the character at an offset."""


def _is_repeated(passage: SegmentAttribution, explanation: Explanation) -> bool:
    """Whether the only part that drives the answer inside a passage has the passage's value, or the
    passage is the only one that does inside of a larger one, and has its value."""
    value, coarser = signed(passage.attribution), explanation.coarser
    inside = finest_drivers(passage, explanation.segments, coarser)
    if [signed(part.attribution) for part in inside] == [value]:
        return True
    larger = None if passage.parent is None else coarser[passage.parent]
    if larger is None or signed(larger.attribution) != value or _is_repeated(larger, explanation):
        return False
    beside = (s for s in (*coarser, *explanation.segments) if s.parent == passage.parent)
    return [s for s in beside if drives(s)] == [passage]


def _is_known_inside(passage: SegmentAttribution, explanation: Explanation) -> bool:
    """Whether a part inside a passage has no effect, or certain ones do what the passage does."""
    coarser, segments = explanation.coarser, explanation.segments
    inside = {
        part.verdict
        for part in (*coarser, *segments)
        if any(whole is passage for whole in around(part, coarser))
    }
    if drives(passage) and "excluded" not in inside:
        return telling_drivers(passage, segments, coarser)[0] is not passage
    return bool(inside & ({"excluded", passage.verdict} - {"open"}))


def _edges(
    passages: Sequence[SegmentAttribution], message: int, repeated: Collection[int]
) -> _Edges:
    """Return the markers of a message's passages, nested as the passages are; without their values
    where these are `repeated` inside."""
    ends: dict[int, list[Piece]] = {}
    begins: dict[int, list[Piece]] = {}
    for segment in passages:
        for place, start, end in segment.places:
            if place == message:
                named = kind_and_title(segment)
                again = id(segment) in repeated
                if _is_certain(segment) and not again:  # grey has no number
                    named = f"{named} {value_of(segment)}"
                opening = f"{OPENS}{named}\u00a0".replace(" ", "\u00a0")
                begins.setdefault(start, []).append(
                    Piece(opening, "edge", segment, continued=again)
                )
                ends.setdefault(end, []).insert(0, Piece(CLOSES, "edge", segment, continued=again))
    return {at: [*ends.get(at, ()), *begins.get(at, ())] for at in {*ends, *begins}}


def _is_enclosed(segment: SegmentAttribution) -> bool:
    """Whether it is marked like a passage although it has no pieces: a certain part of which each
    line would seem to matter by itself. A piece of a passage has a frame around it instead."""
    return segment.parent is None and _is_certain(segment) and is_whole(segment)


def _is_certain(segment: SegmentAttribution) -> bool:
    return segment.significant and shown_strength(segment) > 0


def _placed(segments: Sequence[_Part], message: int) -> list[tuple[int, int, _Part]]:
    return [
        (start, end, segment)
        for segment in segments
        for place, start, end in segment.places
        if place == message
    ]


def _with_labels(edges: _Edges, labels: Mapping[int, Sequence[str]]) -> _Edges:
    return {
        at: [*edges.get(at, ()), *(Piece(visible(label), "plain") for label in labels.get(at, ()))]
        for at in {*edges, *labels}
    }


def _pieces(
    content: str,
    places: Sequence[_Placed],
    edges: _Edges,
    passages: Sequence[_Placed],
    known: Collection[int],
    blamed: Sequence[tuple[int, int, Segment]],
) -> Iterator[Piece]:
    owner: list[int | None] = [None] * len(content)
    by_length = sorted(range(len(places)), key=lambda i: places[i][0] - places[i][1])
    for i in by_length:
        start, end = max(places[i][0], 0), min(places[i][1], len(content))
        owner[start:end] = [i] * max(end - start, 0)
    valued = set[int]()
    inward = sorted(passages, key=lambda placed: placed[0] - placed[1])
    for begin, end in pairwise(sorted({0, len(content), *edges})):
        yield from edges.get(begin, ())
        wholes = [passage for a, b, passage in inward if a <= begin and end <= b]
        certain = [passage for passage in wholes if _is_certain(passage)][-1:]
        behind = next((passage for passage in certain if id(passage) not in known), None)
        culprit = next((part for a, b, part in blamed if a <= begin and end <= b), None)
        at = begin
        for index, run in groupby(owner[begin:end]):
            size = sum(1 for _ in run)
            segment = None if index is None else places[index][2]
            yield Piece(
                visible(content[at : at + size]),
                kind_of(segment),
                segment,
                passage=wholes[0] if wholes else None,
                behind=None if segment is not None and _is_certain(segment) else behind,
                continued=index in valued,
                culprit=culprit,
            )
            valued |= {index} if index is not None else set()
            at += size
    yield from edges.get(len(content), ())
