"""What the sentence says of the fields of a JSON answer: which change without which parts."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from smile_trace._text.lists import in_words, listed, listed_few, ordinal
from smile_trace.records import FieldChange, SegmentAttribution
from smile_trace.records.verdicts import around, drives, effect

_CALLED = re.compile(r"\$\.tool_calls\[(\d+)\]\.(?:arguments\.)?(.+)")
"""Path to the name and arguments in an answer with tool calls (`records.formats.answers`)."""

_MOST, _FEW = 4, 3
"""Causes that are said one by one: of fields that have none yet, and of all."""

Names = Callable[[Sequence[SegmentAttribution]], Mapping[str, str]]
"""The names of segments, by key."""


@dataclass(frozen=True)
class _Cause:
    """A driver, or two of which either is enough, and the fields that change without it, the one
    that changes most often first."""

    parts: tuple[SegmentAttribution, ...]
    paths: tuple[str, ...]

    def is_around(self, other: "_Cause", coarser: Sequence[SegmentAttribution]) -> bool:
        return any(part in around(piece, coarser) for part in self.parts for piece in other.parts)


def field_clauses(
    fields: Sequence[FieldChange],
    segments: Sequence[SegmentAttribution],
    coarser: Sequence[SegmentAttribution],
    names: Names,
    tools: Sequence[str],
    count: int,
) -> Iterator[str]:
    """Say which of the `count` fields change without which drivers, for each field the finest for
    which that is known, with all that change without it; the fields that have no place are
    counted."""
    causes = list(_finest(_causes(fields, [*segments, *coarser]), coarser))
    said = _one_per_field(causes)
    named = names([part for cause in said for part in cause.parts]) if said else {}
    without: dict[str, list[str]] = {}
    for cause in said:
        who = " and ".join(named[part.key] for part in cause.parts)
        what = _fields_named(cause.paths, tools, count)
        if len(cause.parts) > 1:
            who, what = f"both {who}", f"{what} (either is enough)"
        without.setdefault(what, []).append(who)
    yield from (f"without {listed(who, 'or')} {what}" for what, who in without.items())
    paths = {path for one in said for path in one.paths}
    left = [one for one in causes if one not in said and len(one.parts) == 1]
    if more := sum(not paths.isdisjoint(one.paths) for one in left):
        which = {1: "one more part", 2: "either of two more parts"}
        each = which.get(more, f"any of {in_words(more)} more parts")
        yield f"removing {each} also changes {'this' if len(paths) == 1 else 'some of this'}"
    others = {change.path for change in fields} - paths
    if said and others:
        change = "field also changes" if len(others) == 1 else "fields also change"
        yield f"{in_words(len(others))} more {change} when a part is removed"


def _causes(
    fields: Sequence[FieldChange], segments: Sequence[SegmentAttribution]
) -> Iterator[_Cause]:
    drivers = {segment.key: segment for segment in segments if drives(segment)}
    paths: dict[tuple[str, ...], dict[str, None]] = {}
    for change in sorted(fields, key=lambda change: -change.share):
        keys = tuple(key for key in (change.key, change.also) if key is not None)
        paths.setdefault(keys, {})[change.path] = None
    for keys, of in paths.items():
        if all(key in drivers for key in keys):
            yield _Cause(tuple(drivers[key] for key in keys), tuple(of))


def _finest(causes: Iterator[_Cause], coarser: Sequence[SegmentAttribution]) -> Iterator[_Cause]:
    """The causes of a field for which none of their pieces is one."""
    known = list(causes)
    for cause in known:
        finer = {path for one in known if cause.is_around(one, coarser) for path in one.paths}
        if not finer.issuperset(cause.paths):
            yield cause


def _one_per_field(causes: Sequence[_Cause]) -> list[_Cause]:
    """For each field the strongest of the causes that change the fewest others beside it, these
    first, then, if these are few, the strongest of the rest."""
    ranked = sorted(causes, key=lambda cause: max(map(effect, cause.parts)), reverse=True)
    narrow = sorted(ranked, key=lambda cause: len(cause.paths))
    paths = {path for cause in causes for path in cause.paths}
    chosen = {id(next(one for one in narrow if path in one.paths)) for path in paths}
    first = [cause for cause in narrow if id(cause) in chosen]
    rest = [cause for cause in ranked if id(cause) not in chosen]
    return [*first[:_MOST], *rest[: max(_FEW - len(first), 0)]]


def _fields_named(paths: Sequence[str], tools: Sequence[str], count: int) -> str:
    called = [match for path in paths if (match := _CALLED.fullmatch(path))]
    if len(called) == len(paths):
        named = list(dict.fromkeys(_of_call(int(found[1]), found[2], tools) for found in called))
        return f"{listed_few(named)} {'changes' if len(named) == 1 else 'change'}"
    if len(paths) == count:
        return "all fields change"
    named = [f"`{path.removeprefix('$.')}`" for path in paths]
    one = len(named) == 1
    return f"the field {named[0]} changes" if one else f"the fields {listed_few(named)} change"


def _of_call(number: int, path: str, tools: Sequence[str]) -> str:
    """A field of one of the tool calls: "the argument `day` of get_order"."""
    if len(tools) < 2:
        return "the choice of tool" if path == "name" else f"the argument `{path}`"
    same = [index for index, tool in enumerate(tools) if tool == tools[number]]
    which = f"the {ordinal(same.index(number))} call to " if len(same) > 1 else ""
    if path == "name":
        return f"{which or 'the call to '}{tools[number]}"
    return f"the argument `{path}` of {which}{tools[number]}"
