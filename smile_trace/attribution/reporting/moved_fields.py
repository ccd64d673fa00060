"""The fields of a JSON answer that change without certain segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smile_trace._stats.false_discoveries import discovered
from smile_trace._text.json_fields import Path, fields, written_path
from smile_trace.attribution.answer_change.response_scores import Row
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.findings import LevelFindings, random_rows, removal_masks
from smile_trace.records import FieldChange, Perturbation

MOST_FIELDS = 8
"""Fields of an answer that are tested, most changed first; each takes as long as the answer."""

MINIMAL_SHARE = 0.2
"""How much more often a field has to change without a segment to be named."""


@dataclass(frozen=True)
class _Tested:
    """How much more often a field changes without a segment, and the p-value."""

    key: str
    path: Path
    share: float
    p_value: float


def moved_fields(
    answer: str, rows: Sequence[Row], findings: LevelFindings, seed: list[int]
) -> tuple[FieldChange, ...]:
    """The fields that certainly change without a significant segment of one partition.

    A field's change (0 or 1: another value, or none) is estimated and tested as the answer change
    is, at a false discovery rate of 10 % over all fields and significant segments. With every mask
    asked, it is the sum of the definition. An answer with fewer than two fields has none.
    """
    drivers = [k for k, yes in enumerate(findings.significant) if yes and findings.effects[k] > 0]
    if not drivers:
        return ()
    known = [(row, response) for row, response in rows if response is not None and response.ok]
    asked = [row for row, _ in known]
    tested = [
        one
        for path, changed in changed_fields(answer, known).items()
        for one in _test(path, asked, changed, findings, drivers, seed)
    ]
    sure = discovered([one.p_value for one in tested], 1 - inference.LEVEL)
    return tuple(
        FieldChange(key=one.key, path=written_path(one.path), share=one.share)
        for one, yes in zip(tested, sure, strict=True)
        if yes and one.share >= MINIMAL_SHARE
    )


def changed_fields(answer: str, rows: Sequence[Row]) -> dict[Path, list[float]]:
    """For each field of a logged JSON answer that some responses change (another value, or none)
    and others do not, most changed first: 1 per response that changes it, else 0 (also for rows
    without an answer). An answer with fewer than two fields has none."""
    logged = _values(answer)
    if len(logged) < 2:
        return {}
    said = [_values(r.text or "") if r is not None and r.ok else logged for _, r in rows]
    changed = {
        path: [float(one.get(path) != value) for one in said] for path, value in logged.items()
    }
    moved = [path for path in logged if len(set(changed[path])) > 1]
    most = sorted(moved, key=lambda path: -sum(changed[path]))[:MOST_FIELDS]
    return {path: changed[path] for path in most}


def _values(answer: str) -> dict[Path, str]:
    places = fields(answer).items()
    return {path: " ".join(answer[a:b].casefold().split()) for path, (a, b) in places}


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
        estimate = inference.estimate(known, [*seed, 5])
        assert estimate.p_value is not None
        share, p_values = estimate.effect, np.where(estimate.low > 0, estimate.p_value, 1.0)
    for k in drivers:
        n = place[k]
        yield _Tested(found.segments[k].key, path, float(share[n]), float(p_values[n]))
