"""The segments of an explanation as records: of all levels in one list, and of each document.

Each segment has the attribution of its own level: the same estimand, with everything outside that
level retained. Attributions do not add up (docs/method.md). Portions do: a coarser segment's is
divided among its pieces, in proportion to their positive attributions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from smile_trace.records import (
    Document,
    DocumentAttribution,
    Measured,
    Observation,
    Perturbation,
    Place,
    Response,
    Segment,
    SegmentAttribution,
    Verdict,
)
from smile_trace.records.verdicts import around, joint


def join(
    levels: Sequence[Sequence[SegmentAttribution]],
) -> tuple[tuple[SegmentAttribution, ...], tuple[SegmentAttribution, ...]]:
    """The finest segments of each part of the prompt, and the coarser ones, in the order of the
    prompt (the coarser ones level by level), with `parent` and, if there are several levels,
    `portion`. The `levels` are coarse to fine; a finer level's segments lie inside those before,
    and take the place of protected ones, which only waited for their turn."""
    if len(levels) == 1:
        return _ordered(levels[0]), ()
    finest = _with_portions(levels[0], None, 0.0)
    coarser: list[SegmentAttribution] = []
    for level in levels[1:]:
        children: dict[int, list[SegmentAttribution]] = {}
        for piece in level:
            parent, *others = (_parent(place, finest) for place in piece.places)
            children.setdefault(parent, []).append(piece)
            for other in others:  # a passage may lie in several protected ones
                children.setdefault(other, [])
        parents = finest
        finest = [s for k, s in enumerate(parents) if k not in children]
        for k, pieces in sorted(children.items()):
            if parents[k].protected:
                finest += _with_portions(pieces, None, 0.0)
                continue
            if [piece.key for piece in pieces] == [parents[k].key]:
                finest.append(_measured_twice(parents[k], *pieces))
                continue
            finest += _with_portions(pieces, len(coarser), parents[k].portion or 0.0)
            coarser.append(parents[k])
    return _ordered(finest), tuple(coarser)


def open_inside(
    parts: Sequence[SegmentAttribution], coarser: Sequence[SegmentAttribution], limit: float
) -> tuple[SegmentAttribution, ...]:
    """The parts, with intervals that hold what an open passage around them may account for, if no
    piece of it is certain: its pieces were removed while what stands in for it was there."""
    certain = {
        id(whole) for s in (*parts, *coarser) if s.significant for whole in around(s, coarser)
    }

    def most(part: SegmentAttribution) -> float:
        wholes = (w for w in around(part, coarser) if not w.significant and id(w) not in certain)
        return max((whole.at_most for whole in wholes), default=0.0)

    return tuple(
        s.model_copy(update={"ci_high": max(s.ci_high, high)})
        if not (s.significant or s.protected) and (high := most(s)) >= limit
        else s
        for s in parts
    )


def _parent(place: Place, coarser: Sequence[SegmentAttribution]) -> int:
    message, start, end = place
    return next(
        k
        for k, parent in enumerate(coarser)
        if any(m == message and a <= start and end <= b for m, a, b in parent.places)
    )


def _measured_twice(first: SegmentAttribution, again: SegmentAttribution) -> SegmentAttribution:
    """A part that has no finer ones, measured again beside the pieces of others: as it was found
    certain, or else as it was measured last."""
    if first.significant:
        return first
    return again.model_copy(update={"parent": first.parent, "portion": first.portion})


def _with_portions(
    pieces: Sequence[SegmentAttribution], parent: int | None, portion: float
) -> list[SegmentAttribution]:
    """The pieces with their portions: attributions without a parent, equal if none is positive."""
    if parent is None:
        return [s.model_copy(update={"portion": s.attribution}) for s in pieces]
    free = [s for s in pieces if not s.protected]
    weights = [max(s.attribution, 0.0) for s in free]
    if not any(weights):
        weights = [1.0] * len(free)
    shares = iter(weight / sum(weights) for weight in weights)
    return [
        s.model_copy(
            update={"parent": parent, "portion": 0.0 if s.protected else portion * next(shares)}
        )
        for s in pieces
    ]


def _ordered(segments: Sequence[SegmentAttribution]) -> tuple[SegmentAttribution, ...]:
    return tuple(sorted(segments, key=lambda s: s.places))


def observations(
    rows: Iterable[tuple[Perturbation, Response | None]],
    changes: Sequence[float | None],
    weights: Sequence[float | None],
    *,
    scored: bool = False,
    of_part: bool = False,
) -> list[Observation]:
    """One record per answered row.

    Args:
        rows: perturbations with their responses, None where there is none yet.
        changes: the rows' answer changes, in [0, 1], None where the call failed.
        weights: their locality weights, in (0, 1], None for masks that were not drawn.
        scored: whether the given answer was scored: then its log-probabilities are kept.
        of_part: whether a part of the answer is explained: then its tokens are kept, too.
    """
    return [
        Observation(
            **row.model_dump(exclude={"messages"}),
            locality=weight,
            text_hash=row.text_hash,
            response=response.text,
            shift=change,
            failure=response.failure,
            logprobs=response.logprobs if scored else None,
            likeliest_by=response.likeliest_by if scored else None,
            tokens=response.tokens if scored and of_part else None,
        )
        for (row, response), change, weight in zip(rows, changes, weights, strict=True)
        if response is not None
    ]


_NUMBERS = {"attribution", "ci_low", "ci_high", "p_value", "leave_one_out"}
NEARLY_ALL = 0.8
"""Share of a segment's characters from which it stands for the document in it."""


@dataclass(frozen=True)
class Found:
    """The measurement of a place: by its own segment, its pieces, or the smallest around it."""

    measured: Measured
    segments: tuple[SegmentAttribution, ...] = ()

    @property
    def alone(self) -> SegmentAttribution | None:
        """The segment that stands for the place."""
        return self.segments[0] if self.measured == "alone" else None

    @property
    def significant(self) -> bool:
        """Whether a segment certainly matters."""
        return any(segment.significant for segment in self.segments)

    @property
    def verdict(self) -> Verdict | None:
        """The joint verdict on all segments; None without segments."""
        return joint([segment.verdict for segment in self.segments]) if self.segments else None


def document_attributions(
    documents: Sequence[Document], segments: Sequence[SegmentAttribution]
) -> Iterator[DocumentAttribution]:
    """The documents that stand in the messages, with their measurements by `segments`, which may
    be those of several partitions."""
    known = [document for document in documents if document.place is not None]
    places = [document.place for document in known if document.place is not None]
    for document, place in zip(known, places, strict=True):
        found = measured_at(place, [other for other in places if other != place], segments)
        own = found.alone
        yield DocumentAttribution(
            **document.model_dump(exclude={"text"}),
            measured=found.measured,
            **({} if own is None else own.model_dump(include=_NUMBERS)),
            significant=found.significant,
            verdict=found.verdict,
        )


def measured_at(
    place: Place, others: Sequence[Place], segments: Sequence[SegmentAttribution]
) -> Found:
    """The measurement of a place in the messages; a segment that touches one of the `others` does
    not stand for this place."""
    free = [s for s in segments if not s.protected]
    around = [s for s in free if any(holds(p, place) for p in s.places)]
    pieces = [s for s in free if s not in around and any(overlap(p, place) for p in s.places)]
    alone = [s for s in around if _stands_for(s, place, others)]
    if alone:
        return Found("alone", (min(alone, key=_size),))
    if pieces:
        return Found("in_pieces", tuple(pieces))
    if around:
        return Found("with_others", (min(around, key=_size),))
    return Found("never")


def _stands_for(segment: SegmentAttribution, place: Place, others: Sequence[Place]) -> bool:
    """Whether a segment around a document holds nothing else that counts."""
    if any(overlap(p, other) for p in segment.places for other in others):
        return False
    return segment.unit == "document" or place[2] - place[1] >= NEARLY_ALL * _size(segment)


def _size(segment: SegmentAttribution) -> int:
    return sum(end - start for _, start, end in segment.places)


def is_within(part: Segment | SegmentAttribution, whole: Segment | SegmentAttribution) -> bool:
    """Whether all of a part lies in another."""
    return all(any(holds(outer, inner) for outer in whole.places) for inner in part.places)


def holds(outer: Place, inner: Place) -> bool:
    """Whether a place is within another."""
    return outer[0] == inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2]


def overlap(a: Place, b: Place) -> bool:
    """Whether two places share a character."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
