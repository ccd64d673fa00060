"""Protected text: never removed."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from smile_trace.attribution.segmentation.boundaries import Range, strip
from smile_trace.attribution.segmentation.units import exactly
from smile_trace.records import Message

Protection = Sequence[str | re.Pattern[str]]
"""Roles, exact texts (as whole words) and patterns."""

ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
"""Strings that name a role, whether or not a message has it."""


def protected_ranges(messages: Sequence[Message], protect: Protection) -> list[list[Range]]:
    """Per message the protected ranges, in order and without overlap."""
    roles = ROLES | {message.role for message in messages}
    protected_roles = {item for item in protect if isinstance(item, str) and item in roles}
    patterns = [
        exactly(item) if isinstance(item, str) else item
        for item in protect
        if item not in protected_roles and item != ""
    ]
    ranges: list[list[Range]] = []
    for message in messages:
        if message.role in protected_roles:
            ranges.append([(0, len(message.content))])
            continue
        hits = sorted(
            match.span()
            for pattern in patterns
            for match in pattern.finditer(message.content)
            if match.end() > match.start()
        )
        merged: list[Range] = []
        for a, b in hits:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        ranges.append(merged)
    return ranges


def unmatched_protections(
    messages: Sequence[Message], protect: Protection
) -> list[str | re.Pattern[str]]:
    """Those of `protect` that match nothing in these messages."""
    return [item for item in protect if not any(protected_ranges(messages, [item]))]


def overlapping(protected: Sequence[Range], start: int, end: int) -> Sequence[Range]:
    """Those of the protected ranges of a message that share a character with `[start, end)`."""
    first = bisect_right(protected, start, key=lambda r: r[1])
    last = bisect_right(protected, end - 1, key=lambda r: r[0])
    return protected[first:last]


def split(
    text: str, start: int, end: int, protected: Sequence[Range]
) -> Iterator[tuple[int, int, bool]]:
    """The pieces of `[start, end)` between and in the protected ranges, and whether each is
    protected. Punctuation directly after a protected text belongs to it."""
    at = start
    for a, b in [*protected, (end, end)]:
        b = _with_punctuation(text, min(b, end), end)
        if (free := strip(text, at, max(at, a))) is not None:
            yield *free, False
        if (inside := strip(text, max(at, a), b)) is not None:
            yield *inside, True
        at = max(at, b)


def _with_punctuation(text: str, position: int, end: int) -> int:
    while position < end and not (text[position].isalnum() or text[position].isspace()):
        position += 1
    return position
