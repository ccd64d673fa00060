"""Templates between two versions: one edit put in, or one taken back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smile_trace.comparison.alignment import Aligned
from smile_trace.records.comparison import TemplateSegment


@dataclass(frozen=True)
class Version:
    """A template and its segments, in order."""

    template: str
    segments: Sequence[TemplateSegment]

    def piece(self, place: int) -> tuple[str, str]:
        """The text between the segment before and this one, and the segment's own."""
        segment = self.segments[place]
        start = self.segments[place - 1].end if place else 0
        return self.template[start : segment.start], segment.text

    @property
    def tail(self) -> str:
        """What stands behind the last segment."""
        return self.template[self.segments[-1].end :] if self.segments else self.template


def edits_of(aligned: Sequence[Aligned]) -> list[tuple[int, ...]]:
    """The edits, as places in `aligned`; neighbours that were added, or removed, are one."""
    edits: list[list[int]] = []
    for place, item in enumerate(aligned):
        if item.kind == "same":
            continue
        last = edits[-1][-1] if edits else -2
        joins = item.kind in ("added", "removed") and aligned[last].kind == item.kind
        if joins and last == place - 1:
            edits[-1].append(place)
        else:
            edits.append([place])
    return [tuple(edit) for edit in edits]


def hybrid(
    before: Version,
    after: Version,
    aligned: Sequence[Aligned],
    changed: Iterable[int],
    *,
    base: str,
) -> str:
    """The template in which only the places `changed` of `aligned` are as in the version after.

    Args:
        base: `"before"` or `"after"`: whose white space and tail stand where nothing changed.
    """
    new = set(changed)
    text: list[str] = []
    behind = ""  # what follows the last piece in its own template
    for place, item in _laid_out(aligned):
        is_new = place in new or (item.kind == "same" and base == "after")
        source, index = (after, item.after) if is_new else (before, item.before)
        if index is None:
            continue
        gap, own = source.piece(index)
        if not text and index:
            gap = gap.lstrip()
        elif text and not index:
            gap = behind
        text.append(gap + own)
        behind = source.piece(index + 1)[0] if index + 1 < len(source.segments) else source.tail
    whole = after if base == "after" else before
    return "".join(text) + whole.tail


def _laid_out(aligned: Sequence[Aligned]) -> list[tuple[int, Aligned]]:
    """Every entry with its place; what moved stands in both of its places, once on each side."""
    laid: list[tuple[int, Aligned]] = []
    for place, item in enumerate(aligned):
        if item.kind == "moved":
            laid.append((place, Aligned("moved", None, item.after)))
        else:
            laid.append((place, item))
    for place, item in enumerate(aligned):
        if item.kind == "moved" and item.before is not None:
            earlier = [k for k, (_, other) in enumerate(laid) if _stands_before(other, item.before)]
            laid.insert(max(earlier, default=-1) + 1, (place, Aligned("moved", item.before, None)))
    return laid


def _stands_before(item: Aligned, place: int) -> bool:
    return item.before is not None and item.before < place
