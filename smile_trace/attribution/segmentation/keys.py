"""The keys of segments.

A key names a segment by its place in the template, so that it is the same in every call of it:
`NAME:VERSION:UNIT:OFFSET` for the template's own text (offset in characters of the template),
`NAME:VERSION:var:VARIABLE` for a variable's value, with `:UNIT:ORDINAL` for its pieces, and
`MESSAGE:UNIT:ORDINAL` outside templates. A retrieved document with an id is `document:ID`. Text
outside the picked units has `rest` as its unit. A further ordinal follows where a coarser partition
has the key for another segment.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, count

from smile_trace.records import PromptUse, Segment


def key_stem(uses: Iterable[PromptUse], message: int, start: int, unit: str) -> tuple[str, bool]:
    """The stem of a key, and whether an ordinal has to follow it."""
    for use in uses:
        if use.message != message or not use.start <= start < use.end:
            continue
        stem = f"{use.name}:{use.version}"
        for span in use.variable_spans:
            if span.start <= start < span.end:
                stem = f"{stem}:var:{span.name}"
                return (stem, False) if unit == "variable" else (f"{stem}:{unit}", True)
        return f"{stem}:{unit}:{_template_offset(use, start)}", False
    return f"{message}:{unit}", True


def _template_offset(use: PromptUse, position: int) -> int:
    spans = sorted(use.variable_spans, key=lambda span: span.start)
    before = spans[: bisect_right([span.end for span in spans], position)]
    grown = sum((span.end - span.start) - len(f"{{{span.name}}}") for span in before)
    return position - use.start - grown


def with_own_keys(segments: Sequence[Segment], coarser: Iterable[Segment]) -> tuple[Segment, ...]:
    """The segments of one partition, none with the key of another segment, here or in `coarser`
    partitions; the same text may keep its key from one to the next."""
    known = {segment.key: segment.places for segment in coarser}
    found = []
    for segment in segments:
        names = chain([segment.key], (f"{segment.key}:{n}" for n in count(1)))
        key = next(k for k in names if known.setdefault(k, segment.places) == segment.places)
        found.append(segment.model_copy(update={"key": key}))
    return tuple(found)
