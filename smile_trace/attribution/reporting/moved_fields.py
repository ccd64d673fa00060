"""The fields of a JSON answer that change without a segment, or only without two of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from smile_trace._stats.false_discoveries import discovered
from smile_trace._text.json_fields import Path, fields, written_path
from smile_trace.attribution.answer_change.change import as_value
from smile_trace.attribution.answer_change.response_scores import Row
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.findings import LevelFindings, random_rows, removal_masks
from smile_trace.attribution.estimation.fit import Fit
from smile_trace.attribution.reporting.matched_items import matched_items
from smile_trace.records import FieldChange, Perturbation, Response

MOST_FIELDS = 8
"""Fields of an answer that are tested, most changed first; each takes as long as the answer."""

MINIMAL_SHARE = 0.2
"""How much more often a field has to change without a segment to be named."""

MOSTLY = 0.8
"""The share of a varying model's answers without a segment in which a field has to change; where
another segment is enough, too, it changes in about the half that lack both."""

LEAST_ROWS = 2
"""Rows without both of two segments, and without each, that tell that either is enough."""

MANY_ROWS = 5
"""Rows without a segment that tell that a field changes in these alone."""

_Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class _Tested:
    """How much more often a field changes without a segment, and the p-value."""

    segment: int
    path: Path
    share: float
    p_value: float


def moved_fields(
    answer: str,
    rows: Sequence[Row],
    findings: LevelFindings,
    seed: list[int],
    *,
    beside: Sequence[Row] = (),
    deterministic: bool,
) -> tuple[FieldChange, ...]:
    """The fields that certainly change without a segment of one partition.

    A field's change (0 or 1: another value, or none) is estimated and tested as the answer change
    is, at a false discovery rate of 10 % over all fields and significant segments. With every mask
    asked, it is the sum of the definition. An answer with fewer than two fields has none.

    Such an average may be that of the rows that lack another segment, too. Therefore a field is
    said to change without a segment only if it did in the row that lacks nothing else or, where
    that was not asked, in all rows without it; and without two, if it did where both were removed,
    and in no other row that holds what it changes without. Where no answer without the two has any
    field, all change.

    Of a model that repeats itself the row that lacks nothing else tells all fields of a segment,
    of those with a small effect, too, which would be excluded: one field of many is less of an
    answer than what matters.

    Args:
        beside: the level's rows that no estimate uses.
        deterministic: whether the model repeats itself.
    """
    drivers = [k for k, yes in enumerate(findings.significant) if yes and findings.effects[k] > 0]
    logged = _values(answer)
    if len(logged) < 2 or not (drivers or deterministic):
        return ()
    known = _answered(rows)
    asked, count = [row for row, _ in known], len(known)
    known += _answered(beside)
    said = [_said(response, logged) for _, response in known]
    moved = _most_moved(logged, said[:count]) if drivers else {}
    tested = [
        one
        for path, changed in moved.items()
        for one in _test(path, asked, changed, findings, drivers, seed)
    ]
    sure = discovered([one.p_value for one in tested], 1 - inference.LEVEL)
    certain: dict[Path, list[_Tested]] = {}
    for one, yes in zip(tested, sure, strict=True):
        if yes and one.share >= MINIMAL_SHARE:
            certain.setdefault(one.path, []).append(one)
    removed = removal_masks([row for row, _ in known], np.ones(len(findings.segments), dtype=bool))
    keys = [segment.key for segment in findings.segments]
    seen = {
        path: _Seen(
            removed=removed > 0,
            changed=np.array([one.get(path) != value for one in said], dtype=bool),
            told=np.array([bool(one) for one in said], dtype=bool),
            often=1.0 if deterministic else MOSTLY,
        )
        for path, value in logged.items()
    }
    of_drivers = [one for path, of in certain.items() for one in seen[path].causes(of, keys)]
    pairs = dict.fromkeys((one.key, one.also) for one in of_drivers if one.also is not None)
    of_pairs = [
        FieldChange(key=key, also=also, path=written_path(path), share=share)
        for key, also in pairs
        for path, of in seen.items()
        if (share := of.gone_without(keys.index(key), keys.index(also))) is not None
    ]
    small = inference.at_most(findings.low, findings.high) < findings.limit
    of_rows = [
        FieldChange(key=keys[k], path=written_path(path), share=share)
        for path, of in seen.items()
        if deterministic and of.changed.any()
        for k, significant in enumerate(findings.significant)
        if (k in drivers or (small[k] and not significant))
        and (share := of.without_alone(k)) is not None
    ]
    found = (*of_pairs, *of_rows, *of_drivers)
    return tuple({(one.key, one.also, one.path): one for one in found}.values())


@dataclass(frozen=True)
class _Seen:
    """In which rows a field changed, the segments that each lacks (rows, segments), which answers
    have any field of the logged one, and the share of rows that makes a rule."""

    removed: _Rows
    changed: _Rows
    told: _Rows
    often: float

    def causes(self, tested: Sequence[_Tested], keys: Sequence[str]) -> Iterator[FieldChange]:
        """The segments without which the field changes, then the pairs."""
        alone = [one for one in tested if self._changes_alone(one.segment)]
        for one in alone:
            path = written_path(one.path)
            yield FieldChange(key=keys[one.segment], path=path, share=one.share)
        held: _Rows = ~np.any(self.removed[:, [one.segment for one in alone]], axis=1)
        for one, other in combinations([one for one in tested if one not in alone], 2):
            share = self._without_both(one.segment, other.segment, held)
            if share is not None:
                path = written_path(one.path)
                first, also = keys[one.segment], keys[other.segment]
                yield FieldChange(key=first, also=also, path=path, share=share)

    def _changes_alone(self, k: int) -> bool:
        without = self.removed[:, k]
        alone = without & (self.removed.sum(axis=1) == 1)
        decisive = alone if self.often == 1 and alone.any() else without
        return self._share(decisive) >= self.often

    def without_alone(self, k: int) -> float | None:
        """How much more often the field changes without a segment, if it did in the row that lacks
        nothing else, or in all rows without it and no other row, of those whose answers have any
        field; else None."""
        without, count = self.removed[:, k], self.removed.sum(axis=1)
        alone = self._share(without & (count == 1)) == 1 and self._share(count == 0) == 0
        among = without[self.told]
        only = np.array_equal(self.changed[self.told], among) and among.sum() >= MANY_ROWS
        return self._share(without) - self._share(~without) if alone or only else None

    def gone_without(self, k: int, other: int) -> float | None:
        """How much more often the field changes without both, if no answer without them has any
        field; None if it changes without one of them."""
        both = self.removed[:, k] & self.removed[:, other]
        if self.told[both].mean() > 1 - self.often or any(map(self._changes_alone, (k, other))):
            return None
        return self._share(both) - self._share(~both)

    def _without_both(self, k: int, other: int, held: _Rows) -> float | None:
        """How much more often the field changes without both; None if either is not enough."""
        first, second = self.removed[:, k] & held, self.removed[:, other] & held
        both = first & second
        if min(both.sum(), (first & ~both).sum(), (second & ~both).sum()) < LEAST_ROWS:
            return None
        lost, kept = self._share(both), self._share(held & ~both)
        return lost - kept if lost >= self.often and kept <= 1 - self.often else None

    def _share(self, rows: _Rows) -> float:
        return float(self.changed[rows].mean()) if rows.any() else 0.0


def _answered(rows: Sequence[Row]) -> list[tuple[Perturbation, Response]]:
    return [(row, response) for row, response in rows if response is not None and response.ok]


def changed_fields(answer: str, rows: Sequence[Row]) -> dict[Path, list[float]]:
    """For each field of a logged JSON answer that some responses change (another value, or none)
    and others do not, most changed first: 1 per response that changes it, else 0 (also for rows
    without an answer). An answer with fewer than two fields has none."""
    logged = _values(answer)
    if len(logged) < 2:
        return {}
    return _most_moved(
        logged, [_said(r, logged) if r is not None and r.ok else logged for _, r in rows]
    )


def _most_moved(
    logged: Mapping[Path, str], said: Sequence[Mapping[Path, str]]
) -> dict[Path, list[float]]:
    changed = {
        path: [float(one.get(path) != value) for one in said] for path, value in logged.items()
    }
    moved = [path for path in logged if len(set(changed[path])) > 1]
    most = sorted(moved, key=lambda path: -sum(changed[path]))[:MOST_FIELDS]
    return {path: changed[path] for path in most}


def _values(answer: str) -> dict[Path, str]:
    places = fields(answer).items()
    return {path: as_value(answer[a:b]) for path, (a, b) in places}


def _said(response: Response, logged: Mapping[Path, str]) -> dict[Path, str]:
    return matched_items(logged, _values(response.text or ""))


def _test(
    path: Path,
    rows: Sequence[Perturbation],
    changed: Sequence[float],
    found: LevelFindings,
    drivers: Sequence[int],
    seed: list[int],
) -> Iterator[_Tested]:
    free = np.array([not segment.protected for segment in found.segments])
    place = {int(k): n for n, k in enumerate(np.flatnonzero(free))}
    if found.exact:
        share = inference.enumerated(removal_masks(rows, free), np.array(changed))
        p_values = np.where(share > 0, 0.0, 1.0)
    else:
        drawn = sum(row.keep_probability is not None for row in rows)
        if drawn < inference.FOLDS:
            return
        known = random_rows(list(zip(rows, changed, strict=True)), free, np.ones(drawn))
        known = replace(known, fields=known.y[:, None])
        estimate = Fit(known, [*seed, 5]).estimate
        assert estimate.p_value is not None
        share, p_values = estimate.effect, np.where(estimate.low > 0, estimate.p_value, 1.0)
    for k in drivers:
        n = place[k]
        yield _Tested(k, path, float(share[n]), float(p_values[n]))
