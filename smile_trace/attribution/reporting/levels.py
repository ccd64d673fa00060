"""One list of segments from several levels, coarse to fine.

Each segment has the attribution of its own level: the same estimand, with everything outside the
segments of that level retained. Attributions of different levels do not add up, and those of one
level do not either (docs/method.md). Portions do: that of a coarser segment is divided among its
pieces, in proportion to their positive attributions.
"""

from collections.abc import Sequence

from smile_trace.records import SegmentAttribution


def join(
    levels: Sequence[Sequence[SegmentAttribution]],
) -> tuple[tuple[SegmentAttribution, ...], tuple[SegmentAttribution, ...]]:
    """The finest segments of each part of the prompt, and the coarser ones.

    Args:
        levels: per level its segments, coarse to fine; those of a finer level lie inside some
            of the level before.

    Returns:
        Both in the order of the prompt (the coarser ones level by level), with `parent` and,
        where there is more than one level, `portion`.
    """
    if len(levels) == 1:
        return _ordered(levels[0]), ()
    finest = [_with_portions(levels[0], None, 0.0)]
    coarser: list[SegmentAttribution] = []
    for level in levels[1:]:
        children: dict[int, list[SegmentAttribution]] = {}
        for piece in level:
            children.setdefault(_parent(piece, finest[-1]), []).append(piece)
        parents = finest.pop()
        finest.append([s for k, s in enumerate(parents) if k not in children])
        finest.append([])
        for k, pieces in sorted(children.items()):
            finest[-1] += _with_portions(pieces, len(coarser), parents[k].portion or 0.0)
            coarser.append(parents[k])
    return _ordered([s for level in finest for s in level]), tuple(coarser)


def _parent(segment: SegmentAttribution, coarser: Sequence[SegmentAttribution]) -> int:
    """The index of the coarser segment that holds a piece."""
    message, start, end = segment.places[0]
    return next(
        k
        for k, parent in enumerate(coarser)
        if any(m == message and a <= start and end <= b for m, a, b in parent.places)
    )


def _with_portions(
    pieces: Sequence[SegmentAttribution], parent: int | None, portion: float
) -> list[SegmentAttribution]:
    """The pieces of a segment, with the portion of each.

    Without a parent the portion is the attribution. Where no piece has a positive attribution,
    all portions are the same.
    """
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
