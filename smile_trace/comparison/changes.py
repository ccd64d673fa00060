"""What changed from one version to another, and which of it is more than noise."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.alignment import Aligned
from smile_trace.comparison.verdicts import ALPHA, FEWEST_CALLS, LEVEL, corrected
from smile_trace.records import Unit
from smile_trace.records.comparison import (
    AnswerChange,
    EditEffect,
    Influence,
    MeasureChange,
    SegmentChange,
    VersionChange,
    VersionReport,
)

Test = AnswerChange | SegmentChange | EditEffect | MeasureChange


def segment_changes(
    before: VersionReport, after: VersionReport, aligned: Sequence[Aligned]
) -> tuple[tuple[SegmentChange, ...], str]:
    """The aligned segments with their changes of influence, and why there are none.

    The versions' calls are independent samples, so the errors add up in squares and the degrees
    of freedom are Welch and Satterthwaite's (1947).
    """
    why = _incomparable(before, after)
    changes = []
    for item in aligned:
        one = None if item.before is None else before.segments[item.before]
        other = None if item.after is None else after.segments[item.after]
        change = SegmentChange(kind=item.kind, before=item.before, after=item.after)
        if not why and one is not None and other is not None:
            change = _changed(change, one, other, before.explained, after.explained)
        changes.append(change)
    return tuple(changes), why


def _incomparable(before: VersionReport, after: VersionReport) -> str:
    for version in (before, after):
        if version.explained == 0:
            return f"{version.label} has no explained calls"
        if version.explained < FEWEST_CALLS:
            return (
                f"{version.label} has {version.explained} explained calls, and "
                f"{FEWEST_CALLS} are needed"
            )
    if before.signal != after.signal:
        return f"{before.label} was explained by {before.signal}, {after.label} by {after.signal}"
    if before.keep_probabilities != after.keep_probabilities:
        return "one version was explained in pooled mode, the other one call at a time"
    units, others = (
        {s.segment.unit for s in version.segments if s.segment.variable is None}
        for version in (before, after)
    )
    if units and others and units != others:  # the same part stands in other contexts
        return f"{before.label} was cut into {_named(units)}, {after.label} into {_named(others)}"
    return ""


def _named(units: set[Unit]) -> str:
    return " and ".join(f"{unit}s" for unit in sorted(units))


def _changed(
    change: SegmentChange, one: Influence, other: Influence, calls: int, more_calls: int
) -> SegmentChange:
    if one.standard_error is None or other.standard_error is None:
        return change
    variances = one.standard_error**2, other.standard_error**2
    error = float(np.sqrt(sum(variances)))
    difference = other.influence - one.influence
    if error == 0:
        p_value, half = float(difference == 0), 0.0
    else:
        freedom = sum(variances) ** 2 / (
            variances[0] ** 2 / (calls - 1) + variances[1] ** 2 / (more_calls - 1)
        )
        p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
        half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * error)
    return change.model_copy(
        update={
            "change": difference,
            "ci_low": difference - half,
            "ci_high": difference + half,
            "p_value": p_value,
        }
    )


def correct(changes: Sequence[VersionChange]) -> tuple[VersionChange, ...]:
    """Every p-value of the comparison corrected together (Benjamini–Hochberg), and marked."""
    tests = [item.p_value for change in changes for item in _tests(change)]
    known = np.array([p for p in tests if p is not None], dtype=np.float64)
    adjusted = iter(corrected(known).tolist())

    def marked(item: Test) -> Test:
        if item.p_value is None:
            return item
        p_value = next(adjusted)
        return item.model_copy(update={"p_value": p_value, "significant": p_value <= ALPHA})

    done = []
    for change in changes:
        update: dict[str, object] = {}
        if change.answers is not None:
            update["answers"] = marked(change.answers)
        for name in ("segments", "edits", "measures"):
            update[name] = tuple(marked(item) for item in getattr(change, name))
        done.append(change.model_copy(update=update))
    return tuple(done)


def _tests(change: VersionChange) -> Iterator[Test]:
    """Everything with a p-value, in the order in which `correct` marks it."""
    if change.answers is not None:
        yield change.answers
    yield from change.segments
    yield from change.edits
    yield from change.measures
