"""The masks of many calls' explanations as rows over the parts of one template."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES
from smile_trace.comparison.pooled_effects import REMOVED, Array, PooledRows
from smile_trace.comparison.templates import segment_template, segments_of_levels
from smile_trace.comparison.verdicts import MIN_CALLS
from smile_trace.records import Signal
from smile_trace.records.comparison import TemplateSegment
from smile_trace.store.queries.prompts import ExplanationRow, MaskRow, PromptReader

Range = tuple[int, int]

Levels = tuple[tuple[str, ...], ...]
"""The keys of an explanation's units, level by level."""

DRAWS = 48
"""Rows that are drawn from a level of which every mask was asked."""


class PooledRowReader:
    """Reads rows of one signal, that of most explanations it reads first, over the parts of one
    version's template."""

    def __init__(self, prompts: PromptReader, prompt: str, version: str, template: str) -> None:
        self._prompts = prompts
        self._template = prompt, version, template
        self._stem = f"{prompt}:{version}:"
        self._known: dict[int, Levels] = {}
        self.signal: Signal | None = None

    def cut(self, explanations: Sequence[ExplanationRow]) -> tuple[TemplateSegment, ...]:
        """The parts of the template that most explanations removed, in the place of each the lines
        in it that enough of them removed by itself."""
        lines = [
            (one.start, one.end)
            for one in segment_template(*self._template, "sentence")
            if one.variable is None
        ]
        counted: Counter[Range] = Counter()
        named: dict[Range, Counter[TemplateSegment]] = {}
        found = self._levels([item.explanation_id for item in explanations])
        for keys, times in Counter(found.values()).items():
            levels = segments_of_levels(*self._template, keys)
            own = [list(filter(None, level)) for level in levels]
            first = {_range(s) for s in next(filter(None, own), [])}
            for place, segment in {_range(s): s for level in own for s in level}.items():
                if place in first or not any(_inside(place, line) for line in lines):
                    counted[place] += times
                    named.setdefault(place, Counter())[segment] += times
        chosen = sorted(_finest(counted))
        return tuple(named[place].most_common(1)[0][0] for place in chosen)

    def read(
        self, explanations: Sequence[ExplanationRow], segments: Sequence[TemplateSegment]
    ) -> PooledRows | None:
        """The random masks of the explanations that removed any of these segments by itself; None
        if none did. Of a level whose every mask was asked, masks are drawn."""
        known = {item.explanation_id: item for item in explanations}
        levels = self._levels(list(known))
        maps = {
            keys: [_map(units, segments) for units in segments_of_levels(*self._template, keys)]
            for keys in set(levels.values())
        }
        x, y, q, call, weight, varies = [], [], [], [], [], []
        designs: dict[int, list[str]] = {}
        single: list[tuple[int, int, float]] = []
        asked = 0
        rows = self._prompts.masks(list(known))
        rows.sort(key=lambda row: (row.explanation_id, row.level))
        for (number, level), of_level in groupby(rows, lambda r: (r.explanation_id, r.level)):
            of_levels = maps[levels[number]]
            if level >= len(of_levels) or not of_levels[level][1].any():
                continue
            shares, alone = of_levels[level]
            every = list(of_level)
            single += _removed_alone(every, shares, alone)
            masks = [row for row in every if row.kind != "leave_one_out"]
            asked += len(masks)
            if not masks:
                continue
            drawn_here = masks[0].keep_probability is None
            for row in _drawn(masks):
                removed = np.frombuffer(row.mask.encode(), dtype=np.uint8) == ord("0")
                free = np.ones(len(removed), dtype=bool)
                free[row.fixed] = False
                x.append(removed @ shares)
                varies.append(((free @ shares) > 0.999) & alone)
                y.append(row.answer_change)
                q.append(1 - (row.keep_probability or 0.0))
                call.append(number)
                designs.setdefault(number, []).append(row.text_hash if drawn_here else row.mask)
                weight.append(1 / known[number].probability)
        if not y:
            return None
        shared = {number: _design_number(masks) for number, masks in designs.items()}
        return PooledRows(
            x=np.array(x),
            y=np.array(y),
            q=np.round(q, 6),
            call=np.array(call),
            weight=np.array(weight),
            varies=np.array(varies),
            design=np.array([shared[number] for number in call]),
            asked=asked,
            alone=single,
            held=self._held(levels, maps),
        )

    def _held(
        self,
        levels: Mapping[int, Levels],
        maps: Mapping[Levels, Sequence[tuple[Array, NDArray[np.bool_]]]],
    ) -> dict[int, list[float]]:
        """By segment, how much it may matter in each explanation that names it as certain, or a
        larger unit without which it was never removed. An explanation in twenty may name a segment
        by chance, so that one does not count that it alone names."""
        own, held = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
        for number, certain in self._prompts.certain(list(levels)).items():
            found = _certain_in(certain, levels[number], maps[levels[number]])
            for k, (most, by_itself) in found.items():
                (own if by_itself else held)[k].append(most)
        for k, of_calls in own.items():
            held[k] += of_calls if len(of_calls) > 1 else []
        return {k: of_calls for k, of_calls in held.items() if of_calls}

    def _levels(self, ids: Sequence[int]) -> dict[int, Levels]:
        """The keys of each explanation's units per level, of other text than the template an empty
        one; no level if its signal is another. Each is read once."""
        found = self._prompts.partitions([number for number in ids if number not in self._known])
        if found and self.signal is None:
            self.signal = Counter(item.signal for item in found.values()).most_common(1)[0][0]
        for number, item in found.items():
            self._known[number] = tuple(
                tuple(key if key.startswith(self._stem) else "" for key in keys)
                for keys in (item.keys if item.signal == self.signal else ())
            )
        return {number: self._known[number] for number in ids if number in self._known}


def _range(segment: TemplateSegment) -> Range:
    return segment.start, segment.end


def _inside(place: Range, other: Range) -> bool:
    """Whether a place is a part of another one, not all of it."""
    return other != place and other[0] <= place[0] and place[1] <= other[1]


def _apart(place: Range, others: Sequence[Range]) -> bool:
    return all(place[1] <= start or end <= place[0] for start, end in others)


def _finest(counted: Mapping[Range, int]) -> list[Range]:
    """The places that most calls removed, each or what is in it."""
    chosen: list[Range] = []
    for place in sorted(counted, key=lambda one: (-counted[one], one[0] - one[1])):
        if _apart(place, chosen):
            chosen += _parts(place, counted)
    return chosen


def _parts(place: Range, counted: Mapping[Range, int]) -> list[Range]:
    """The places in one that at least MIN_CALLS, and half of the calls that removed it, removed by
    themselves; the place itself if these are less than half of it."""
    least = max(MIN_CALLS, counted[place] / 2)
    enough = [other for other in counted if _inside(other, place) and counted[other] >= least]
    inside: list[Range] = []
    for other in sorted(enough, key=lambda one: one[0] - one[1]):
        if _apart(other, inside):
            inside.append(other)
    if 2 * sum(end - start for start, end in inside) < place[1] - place[0]:
        return [place]
    return [part for other in inside for part in _parts(other, counted)]


def _map(
    units: Sequence[TemplateSegment | None], segments: Sequence[TemplateSegment]
) -> tuple[Array, NDArray[np.bool_]]:
    """Each unit's share of each segment, shape (units, segments), and which of these the units
    remove without another one. A variable's value may have been segmented into words, each of which
    is a share of it. No segment if of the others none was removed: the template was then segmented
    otherwise."""
    shares = np.zeros((len(units), len(segments)))
    alone = np.zeros(len(segments), dtype=bool)
    for u, unit in enumerate(units):
        for k, segment in enumerate(segments):
            if unit is None:
                continue
            same = _range(unit) == _range(segment)
            shares[u, k] = same or _inside(_range(segment), _range(unit))
            alone[k] |= same
    text = np.array([segment.variable is None for segment in segments], dtype=bool)
    if text.any() and not shares[:, text].any():
        alone[:] = False
    return shares / np.maximum(shares.sum(axis=0), 1), alone


def _certain_in(
    certain: Mapping[str, float],
    levels: Levels,
    maps: Sequence[tuple[Array, NDArray[np.bool_]]],
) -> dict[int, tuple[float, bool]]:
    """The segments that a certain unit is, or that it removes with others and no level by
    themselves: how much that may matter, and whether the unit is the segment. `maps` are the
    levels', as from `_map`."""
    found: dict[int, tuple[float, bool]] = {}
    for keys, (shares, _) in zip(levels, maps, strict=True):
        for key, of_unit in zip(keys, shares, strict=True):
            removed = np.flatnonzero(of_unit).tolist() if key in certain else []
            for k in removed:
                alone = any(of_level[k] for _, of_level in maps)
                if not alone or removed == [k]:
                    found[k] = max((certain[key], alone), found.get(k, (0.0, False)))
    return found


def _removed_alone(
    rows: Sequence[MaskRow], shares: Array, alone: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """The answer change of each row that removed one unit, which is a segment, and nothing else."""
    for row in rows:
        if row.keep_probability is None and row.mask.count("0") == 1:
            held = np.flatnonzero(shares[row.mask.index("0")] > REMOVED)
            if len(held) == 1 and alone[held[0]]:
                yield row.explanation_id, int(held[0]), row.answer_change


def _drawn(rows: Sequence[MaskRow]) -> Iterator[MaskRow]:
    """Random masks as they are, or independent draws from all masks of a level, as random masks
    are drawn: one that cannot be sent is drawn again, and a unit that then had to stay is fixed."""
    yield from (row for row in rows if row.keep_probability is not None)
    every = {row.mask: row for row in rows if row.keep_probability is None}
    if not every:
        return
    first = next(iter(every.values()))
    retained = "1" * len(first.mask)
    every[retained] = first._replace(mask=retained, answer_change=0.0)
    free = [k for k in range(len(retained)) if any(mask[k] == "0" for mask in every)]
    generator = np.random.default_rng(int(first.text_hash or "0", 16))
    for number in range(DRAWS):
        keep = 1 - REMOVAL_PROBABILITIES[number % len(REMOVAL_PROBABILITIES)]
        mask = ""
        while mask not in every:
            kept = set(np.flatnonzero(generator.random(len(free)) < keep).tolist())
            gone = {unit for k, unit in enumerate(free) if k not in kept}
            mask = "".join("0" if k in gone else "1" for k in range(len(retained)))
        fixed = [k for k in range(len(retained)) if _flipped(mask, k) not in every]
        yield every[mask]._replace(keep_probability=keep, fixed=fixed)


def _flipped(mask: str, unit: int) -> str:
    return f"{mask[:unit]}{'1' if mask[unit] == '0' else '0'}{mask[unit + 1 :]}"


_TELLING = 8
"""Masks that tell a draw from another: studies of one draw may end at different lengths."""


def _design_number(masks: Sequence[str]) -> int:
    digest = hashlib.sha256("\n".join(masks[:_TELLING]).encode()).digest()
    return int.from_bytes(digest[:7])
