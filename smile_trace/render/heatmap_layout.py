"""The heatmap model: an Explanation laid out as messages, pieces and folds.

HTML, SVG and terminal draw the same `Heatmap`, so that they cannot disagree. All its text is
`visible`: free of control characters.
"""

import math
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal

from smile_trace._text.json_fields import fields, written_path
from smile_trace.records import Explanation, ProxyUse, SegmentAttribution, Verdict
from smile_trace.records.tool_results import result_name
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED, finest_drivers
from smile_trace.render.phrases import labels, message_title
from smile_trace.render.text import is_whole, kind_and_title, short, signed, unsigned, visible

Kind = Literal[
    "supports", "opposes", "excluded", "open", "protected", "plain", "explained", "moved", "edge"
]
"""`supports`, `opposes`, `excluded`, `open`: by a segment's verdict. `protected`: never removed.
`plain`: text between segments, and of the answer. `explained`: the explained part of an answer.
`moved`: the value of an answer's field that changes without a driver. `edge`: a marker, not text of
the prompt, of where a more finely explained passage begins (with its value) or ends."""

OPENS, CLOSES = "\u25b8", "\u25c2"

STATUS_WORDS = {
    "reliable": "reliable",
    "partial": "partial",
    "no_effect": "no effect",
    "inconclusive": "inconclusive",
}

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

MIN_FOLD = 700
"""Characters of the shortest run without effect that is folded."""
MIN_MESSAGE_FOLD = 240
"""Characters of the shortest message without effect that is folded as a whole."""
FOLD_CONTEXT = 160
"""Characters on each side of a fold that are always shown."""
LONGEST_ROLE = 60


@dataclass(frozen=True)
class Piece:
    """A run of text with one look. `passage` is the outermost passage around it: it gives the
    colour behind what was not told apart in it. Its pieces that matter have their own colour, and
    are outlined, since their attributions are other quantities."""

    text: str
    kind: Kind
    segment: SegmentAttribution | None = None
    passage: SegmentAttribution | None = None
    told: str = ""
    """The hint for a piece of the answer."""
    cut: bool = False
    """Whether the text is a part of a longer run."""
    continued: bool = False
    """Whether its value stands elsewhere: the run began above, or a part inside has it, too."""

    @property
    def ground(self) -> Kind:
        """The kind for the colour behind the text: the passage's, unless its own is certain."""
        return self.kind if self._is_itself or self.passage is None else _kind(self.passage)

    @cached_property
    def ground_strength(self) -> float:
        """The strength of the colour behind the text, in [0, 1]; 0: none."""
        if self._is_itself or self.passage is None:
            return self.strength
        return _strength(self.passage)

    @property
    def _is_itself(self) -> bool:
        return self.kind == "excluded" or self.outlined or self.text.isspace()

    @property
    def outlined(self) -> bool:
        """Whether it is a significant piece of a passage."""
        return self.passage is not None and self.strength > 0

    @cached_property
    def strength(self) -> float:
        """The strength of its colour, in [0, 1]; 0 unless it supports or works against the
        answer."""
        return 0.0 if self.segment is None or self.kind == "edge" else _strength(self.segment)

    @property
    def value(self) -> str:
        """The attribution if significant; `fails` if requests without it do; else empty."""
        if self.segment is None or not self.strength or self.continued:
            return ""
        if not self.segment.significant:
            return "fails"
        return signed(self.segment.attribution)

    @property
    def hint(self) -> str:
        """The tooltip: value, interval and verdict."""
        if self.segment is None:
            return self.told
        finer = self.passage is not None or self.kind == "edge"
        told = describe(self.segment)
        named = finer or self.segment.title is not None
        return f"{kind_and_title(self.segment)}: {told}" if named else told

    @property
    def sign(self) -> Kind:
        """The kind of its segment, also for an edge."""
        return _kind(self.segment)


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
            segment = piece.passage if piece.ground_strength and piece.passage else piece.segment
            if segment is None or piece.kind == "edge" or not piece.text.strip():
                continue
            if id(segment) in self.shown:
                continues = True
            else:
                counts.setdefault(_kind(segment), set()).add(id(segment))
        said = [
            f"{len(found):,} {one if len(found) == 1 else several}"
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


_PART = "Underlined: the part of the answer that is explained."


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
    kinds: frozenset[Kind]

    @property
    def verdict(self) -> str:
        """The status in words, and the reason."""
        words = self.status_words[:1].upper() + self.status_words[1:]
        return f"{words}: {self.reason}" if self.reason else words

    def key(self, *, brief: bool = False) -> str:
        """Return the legend: the meaning of grey, hatching, underlines and markers."""
        if brief:
            return self._brief_key
        of_answer = {piece.kind for piece in self.answer}
        whole = (
            f"{OPENS} {CLOSES}: a part that was measured as a whole, which gives it its value and "
            "colour."
        )
        finer = (
            "Then the parts inside it were removed, with everything else retained: those that "
            "matter are outlined, and their values do not add up to that of the whole, and can "
            "exceed it."
        )
        said = {
            f"Grey: without effect, it {NO_DIFFERENCE}.": "excluded" in self.kinds,
            f"Hatched: open, {NOT_MEASURED}.": "open" in self.kinds,
            f"Hatched on the scale: noise alone, up to {self.noise_floor:.2f}.": self.noise_floor
            >= 0.005,
            "Dotted underline: protected, never removed.": "protected" in self.kinds,
            _PART: "explained" in of_answer,
            "Underlined in the answer: what changes without a coloured part.": "moved" in of_answer,
            whole: "edge" in self.kinds,
            finer: any(
                piece.passage and piece.segment for block in self.blocks for piece in block.pieces
            ),
        }
        return " ".join(text for text, holds in said.items() if holds)

    @property
    def _brief_key(self) -> str:
        """The legend in few words."""
        of_answer = {piece.kind for piece in self.answer}
        said = {
            "Grey: without effect.": "excluded" in self.kinds,
            "Hatched: open.": "open" in self.kinds,
            "Dotted: never removed.": "protected" in self.kinds,
            _PART: "explained" in of_answer,
            "Underlined: what changes without a coloured part.": "moved" in of_answer,
        }
        edges = any(piece.kind == "edge" for block in self.blocks for piece in block.pieces)
        whole = any(b.whole and b.whole.sign in ("supports", "opposes") for b in self.blocks)
        places = {"beside a role": whole, f"at {OPENS} {CLOSES}": edges}
        if where := " or ".join(place for place, holds in places.items() if holds):
            said[f"{where[0].upper()}{where[1:]}: the value of the whole."] = True
        return " ".join(text for text, holds in said.items() if holds)


def heatmap(explanation: Explanation) -> Heatmap:
    """Lay out an explanation. If segments overlap, the shortest is drawn."""
    fidelity = explanation.fidelity
    messages: list[tuple[str, tuple[Piece, ...]]] = []
    kinds: set[Kind] = set()
    passages = [*explanation.coarser, *filter(_is_enclosed, explanation.segments)]
    smallest = [segment for segment in explanation.segments if not _is_enclosed(segment)]
    outermost = [passage for passage in passages if passage.parent is None]
    repeated = {id(passage) for passage in passages if _is_repeated(passage, explanation)}
    for index, message in enumerate(explanation.messages):
        edges = _with_labels(_edges(passages, index, repeated), labels(message))
        mine, around = _placed(smallest, index), _placed(outermost, index)
        pieces = tuple(_pieces(message.content, mine, edges, around))
        kinds.update(piece.kind for piece in pieces)
        role = message_title(message, explanation.messages)
        messages.append((short(role, LONGEST_ROLE), pieces))
    blocks = [Block(role, tuple(_fold(pieces))) for role, pieces in messages]
    return Heatmap(
        blocks=tuple(_fold_messages(blocks)),
        answer=_answer(explanation),
        summary=visible(explanation.summary),
        status=fidelity.status,
        status_words=STATUS_WORDS[fidelity.status],
        reason=visible(fidelity.reason),
        noise_floor=min(max(fidelity.noise_floor, 0.0), 1.0),
        facts=tuple(visible(fact) for fact in _facts(explanation)),
        kinds=frozenset(kinds),
    )


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
    names = {
        s.key: str(result_name(s, explanation.messages) or f"“{short(s.name, 40)}”")
        for s in (*explanation.coarser, *explanation.segments)
    }
    without: dict[str, list[str]] = {}
    for change in explanation.fields:
        without.setdefault(change.path, []).append(names.get(change.key, change.key))
    at = 0
    for path, (start, end) in fields(answer).items() if without else ():
        if named := without.get(written_path(path)):
            told = f"changes without {' or '.join(named)}"
            yield Piece(visible(answer[at:start]), "plain")
            yield Piece(visible(answer[start:end]), "moved", told=visible(told))
            at = end
    if answer[at:]:
        yield Piece(visible(answer[at:]), "plain")


def strength(attribution: float) -> float:
    """Return the strength of an attribution's colour, in [0, 1], on the absolute scale."""
    size = min(abs(attribution), 1.0) if math.isfinite(attribution) else 0.0
    return float(round(size**SCALE_POWER, 3))


def describe(segment: SegmentAttribution) -> str:
    """Return a segment's score in one line."""
    if segment.protected:
        return _VERDICTS[None]
    value, low, high = map(signed, (segment.attribution, segment.ci_low, segment.ci_high))
    p_value = "" if segment.p_value is None else f", p = {segment.p_value:.3g}"
    alone = (
        "" if segment.leave_one_out is None else f", removed alone: {signed(segment.leave_one_out)}"
    )
    fails = segment.fails_without and not segment.significant
    said = "without it the request fails" if fails else _VERDICTS[segment.verdict]
    return f"{value} [{low}, {high}]{p_value}{alone}: {said}"


def _kind(segment: SegmentAttribution | None) -> Kind:
    return "plain" if segment is None else _KINDS[segment.verdict]


def _strength(segment: SegmentAttribution) -> float:
    """Return the strength of its colour, in [0, 1]; 1 if requests fail without it."""
    if segment.verdict not in ("supports", "against"):
        return 0.0
    return strength(segment.attribution) if segment.significant else 1.0


_Placed = tuple[int, int, SegmentAttribution]

_Edges = Mapping[int, Sequence[Piece]]
"""The markers before the character at an offset."""


def _is_repeated(passage: SegmentAttribution, explanation: Explanation) -> bool:
    """Whether the only part that drives the answer inside a passage has the passage's value."""
    inside = finest_drivers(passage, explanation.segments, explanation.coarser)
    return [signed(part.attribution) for part in inside] == [signed(passage.attribution)]


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
                if _strength(segment) and segment.significant and not again:  # grey has no number
                    named = f"{named} {signed(segment.attribution)}"
                opening = f"{OPENS}{named}\u00a0".replace(" ", "\u00a0")
                begins.setdefault(start, []).append(
                    Piece(opening, "edge", segment, continued=again)
                )
                ends.setdefault(end, []).insert(0, Piece(CLOSES, "edge", segment, continued=again))
    return {at: [*ends.get(at, ()), *begins.get(at, ())] for at in {*ends, *begins}}


def _is_enclosed(segment: SegmentAttribution) -> bool:
    """Whether it is marked like a passage although it has no pieces: a certain part of which each
    line would seem to matter by itself. A piece of a passage has a frame around it instead."""
    certain = segment.significant and _strength(segment) > 0
    return segment.parent is None and certain and is_whole(segment)


def _placed(segments: Sequence[SegmentAttribution], message: int) -> list[_Placed]:
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
    content: str, places: Sequence[_Placed], edges: _Edges, passages: Sequence[_Placed]
) -> Iterator[Piece]:
    owner: list[int | None] = [None] * len(content)
    by_length = sorted(range(len(places)), key=lambda i: places[i][0] - places[i][1])
    for i in by_length:
        start, end = max(places[i][0], 0), min(places[i][1], len(content))
        owner[start:end] = [i] * max(end - start, 0)
    for begin, end in pairwise(sorted({0, len(content), *edges})):
        yield from edges.get(begin, ())
        around = next((passage for a, b, passage in passages if a <= begin and end <= b), None)
        at = begin
        for index, run in groupby(owner[begin:end]):
            size = sum(1 for _ in run)
            segment = None if index is None else places[index][2]
            yield Piece(visible(content[at : at + size]), _kind(segment), segment, around)
            at += size
    yield from edges.get(len(content), ())


def _fold(pieces: Sequence[Piece]) -> Iterator[Piece | Fold]:
    for foldable, group in groupby(pieces, key=_is_foldable):
        run = list(group)
        if not foldable or sum(len(piece.text) for piece in run) < MIN_FOLD:
            yield from run
            continue
        head, rest = _split(run, FOLD_CONTEXT)
        middle, tail = _split(rest, sum(len(piece.text) for piece in rest) - FOLD_CONTEXT)
        while tail and tail[0].text.isspace():
            middle.append(tail.pop(0))
        yield from head
        yield Fold(tuple(middle))
        yield from tail


def _is_foldable(piece: Piece) -> bool:
    return not piece.strength and not piece.ground_strength and piece.kind != "edge"


def _fold_messages(blocks: Sequence[Block]) -> Iterator[Block]:
    """Fold long messages without effect as a whole, if another message has one."""
    holding = [any(map(_shows_effect, block.pieces)) for block in blocks]
    for block, holds in zip(blocks, holding, strict=True):
        size = sum(len(piece.text) for piece in block.pieces)
        if any(holding) and not holds and size >= MIN_MESSAGE_FOLD:
            yield replace(block, parts=(Fold(block.pieces),))
        else:
            yield block


def _shows_effect(piece: Piece) -> bool:
    return piece.strength > 0 or piece.ground_strength > 0


def _split(pieces: Sequence[Piece], size: int) -> tuple[list[Piece], list[Piece]]:
    """Split pieces after `size` characters; a long piece is split at a space."""
    head: list[Piece] = []
    for i, piece in enumerate(pieces):
        if len(piece.text) <= size:
            head.append(piece)
            size -= len(piece.text)
            continue
        if len(piece.text) < FOLD_CONTEXT or size <= 0:
            return head, list(pieces[i:])
        cut = _cut(piece.text, size)
        head.append(replace(piece, text=piece.text[:cut]))
        return head, [replace(piece, text=piece.text[cut:]), *pieces[i + 1 :]]
    return head, []


def _cut(text: str, near: int) -> int:
    """Find where to split near `near`: after white space, else not before a combining mark."""
    space = max(text.rfind(" ", 0, near), text.rfind("\n", 0, near))
    if space > near - 40:
        return space + 1
    while near > 1 and (unicodedata.combining(text[near]) or text[near] in "\u200d\ufe0f"):
        near -= 1
    return near


def _facts(explanation: Explanation) -> Iterator[str]:
    fidelity, cost = explanation.fidelity, explanation.cost
    if fidelity.r2_heldout is not None:
        interval = (
            ""
            if fidelity.r2_low is None or fidelity.r2_high is None
            else f" ({unsigned(fidelity.r2_low)} to {unsigned(fidelity.r2_high)})"
        )
        yield f"held-out R² {unsigned(fidelity.r2_heldout)}{interval}"
    yield f"noise floor {fidelity.noise_floor:.2f}"
    yield _calls(explanation)
    if cost.proxy_calls:
        yield f"{cost.proxy_calls:,} proxy calls"
    if explanation.proxy is not None:
        yield _proxy(explanation.proxy)
    if cost.tokens:
        yield f"{cost.tokens:,} tokens"
    if cost.usd is not None:
        yield f"${cost.usd:.4f}" if cost.usd else "$0"
    yield short(explanation.settings.model)
    yield f"{explanation.signal} signal"
    if explanation.first is not None:
        yield "ranked with the help of how near a word is to the answer"


def _calls(explanation: Explanation) -> str:
    """Say what was asked, so that it adds up: `40 calls, 3 of them with the whole prompt`, `40
    requests: 12 asked, 28 answered from the store`."""
    asked, stored = explanation.cost.target_calls, explanation.cost.cached_calls
    rows = [row for row in explanation.perturbations if row.asked == "target"]
    whole = {row.text_hash for row in rows if row.kind == "baseline"}
    sent = {(row.text_hash, row.replicate) for row in rows}
    told, every = f"{asked:,} calls", asked + stored
    if stored:
        told = f"{every:,} requests: {asked:,} asked, {stored:,} answered from the store"
    if not whole or len(sent) != every:
        return told
    return f"{told}, {sum(text in whole for text, _ in sent):,} of them with the whole prompt"


def _proxy(use: ProxyUse) -> str:
    if use.dropped is not None:
        return f"proxy {use.name} not used: {use.dropped}"
    how = "scored this answer" if use.signal == "probability" else "gave answers of its own"
    agrees = "" if use.agreement is None else f", agreement {use.agreement:.2f} (0.50 is chance)"
    return f"proxy {use.name} {how}, trust {use.trust:.2f} of 1{agrees}"


def fidelity_reason(explanation: Explanation) -> str:
    """Return the sentence beside the fidelity number: how far to trust it, and why."""
    fidelity = explanation.fidelity
    return f"{STATUS_WORDS[fidelity.status]}: {fidelity.reason}"
