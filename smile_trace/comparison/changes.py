"""The changes from one version to the next. If the replay has settled what an edit did, the tables
of parts agree with it, whatever the explanations of single calls found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace._stats.false_discoveries import adjusted
from smile_trace.comparison.edits import Aligned
from smile_trace.comparison.verdicts import ALPHA, LEVEL, MIN_CALLS, may_need
from smile_trace.records import Unit
from smile_trace.records.comparison import (
    Edit,
    EditEffect,
    Influence,
    Measure,
    MeasureChange,
    SegmentChange,
    VersionChange,
    VersionReport,
)
from smile_trace.records.profile import ProbeChange
from smile_trace.records.verdicts import Verdict, verdict_on
from smile_trace.render.comparison.layout import moved_most

T = TypeVar("T", SegmentChange, MeasureChange, ProbeChange)


def segment_changes(
    before: VersionReport, after: VersionReport, aligned: Sequence[Aligned]
) -> tuple[tuple[SegmentChange, ...], str]:
    """The aligned segments with their changes of influence, and why there are none. The versions'
    calls are independent samples, so Welch's test applies."""
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
        if not version.explained:
            none = f"no explanation of {version.label} removed parts of its template at random"
            return none if version.sampled_of else f"{version.label} has no explained calls"
        if version.explained < MIN_CALLS:
            calls = f"{version.explained} explained call{'' if version.explained == 1 else 's'}"
            return f"{version.label} has {calls}, and {MIN_CALLS} are needed"
    if before.signal != after.signal:
        return f"{before.label} was explained by {before.signal}, {after.label} by {after.signal}"
    if before.keep_probabilities != after.keep_probabilities:
        return "one version was explained in pooled mode, the other one call at a time"
    units, others = (
        {s.segment.unit for s in version.segments if s.segment.variable is None}
        for version in (before, after)
    )
    if units and others and not units & others:
        return f"{before.label} was split into {_named(units)}, {after.label} into {_named(others)}"
    return ""


def _named(units: set[Unit]) -> str:
    return " and ".join(f"{unit}s" for unit in sorted(units))


def _changed(
    change: SegmentChange, one: Influence, other: Influence, calls: int, more_calls: int
) -> SegmentChange:
    alike = one.segment.unit == other.segment.unit  # else other parts were removed around it
    if one.standard_error is None or other.standard_error is None or not alike:
        return change
    tested = _welch(
        other.influence - one.influence,
        (one.standard_error**2, other.standard_error**2),
        (calls, more_calls),
    )
    return change.model_copy(
        update={
            "change": tested.difference,
            "ci_low": tested.difference - tested.half,
            "ci_high": tested.difference + tested.half,
            "p_value": tested.p_value,
        }
    )


def measure_changes(
    before: Sequence[Measure], after: Sequence[Measure]
) -> tuple[MeasureChange, ...]:
    """Welch's t test of every figure of the traffic that both versions have at least twice."""
    known = {measure.name: measure for measure in after}
    return tuple(
        _measure_change(one, known[one.name])
        for one in before
        if one.name in known and min(one.count, known[one.name].count) > 1
    )


def _measure_change(before: Measure, after: Measure) -> MeasureChange:
    tested = _welch(
        after.mean - before.mean,
        (before.deviation**2 / before.count, after.deviation**2 / after.count),
        (before.count, after.count),
    )
    return MeasureChange(
        name=before.name,
        before=before.mean,
        after=after.mean,
        change=tested.difference,
        ci_low=tested.difference - tested.half,
        ci_high=tested.difference + tested.half,
        p_value=tested.p_value,
    )


@dataclass(frozen=True)
class _Tested:
    """A difference of two means, with half the width of its interval."""

    difference: float
    half: float
    p_value: float


def _welch(difference: float, variances: tuple[float, float], counts: tuple[int, int]) -> _Tested:
    """Welch's t test (1947) from two independent means' squared standard errors. Without any error
    (a deterministic model that never varied) the difference is certain."""
    error = float(np.sqrt(sum(variances)))
    if error == 0:
        return _Tested(difference, 0.0, float(difference == 0))
    parts = [v**2 / (count - 1) for v, count in zip(variances, counts, strict=True)]
    freedom = sum(variances) ** 2 / sum(parts)
    return _Tested(
        difference,
        half=float(scipy.stats.t.ppf((1 + LEVEL) / 2, freedom) * error),
        p_value=float(2 * scipy.stats.t.sf(abs(difference) / error, freedom)),
    )


def correct(changes: Sequence[VersionChange]) -> tuple[VersionChange, ...]:
    """Correct the p-values of all influences, figures and probes together (Benjamini–Hochberg),
    doubled because half of the error rate is the answers' own (`answer_comparison`)."""
    tests: list[SegmentChange | MeasureChange | ProbeChange] = []
    for change in changes:
        tests += [*change.segments, *change.measures, *change.probes]
    known = np.array([t.p_value for t in tests if t.p_value is not None], dtype=np.float64)
    corrected = iter(np.minimum(2 * adjusted(known), 1.0).tolist())

    def marked(item: T) -> T:
        if item.p_value is None:
            return item
        p_value = next(corrected)
        return item.model_copy(update={"p_value": p_value, "significant": p_value <= ALPHA})

    return tuple(
        change.model_copy(
            update={
                "segments": tuple(marked(item) for item in change.segments),
                "measures": tuple(marked(item) for item in change.measures),
                "probes": tuple(marked(item) for item in change.probes),
            }
        )
        for change in changes
    )


_ERRORS = 3.29
"""Standard errors from one end of a 90 % interval to the other."""


def as_replayed(
    version: VersionReport, change: VersionChange, limit: float, *, new: bool
) -> VersionReport:
    """One side of a change (`new`: after it), with what the replay has settled of its parts.

    The replay's estimate replaces that of a part which an edit added or removed unchanged. No other
    part is excluded in an edit that changed the answers, or may have (`limit`: the smallest effect
    that matters).
    """
    changed = change.answers is not None and change.answers.significant
    segments = list(version.segments)
    for effect, edit in ((one, change.edits[k]) for one in change.effects for k in one.edits):
        verdict, text = _verdict(change, effect, limit), _words(edit.after if new else edit.before)
        touched = _touched(segments, edit, new=new) if text else []
        as_it_is = [_words(segments[k].segment.text) for k in touched] == [text]
        whole = as_it_is and edit.kind in ("added", "removed") and len(effect.edits) == 1
        if whole and verdict != "open":
            on_all = _on_all_inputs(effect, change)
            segments[touched[0]] = _replayed(segments[touched[0]], on_all, verdict)
        elif changed and verdict != "excluded":
            most = _on_all_inputs(effect, change).ci_high
            for k in touched:
                segments[k] = _at_most(segments[k], max(most, limit * (verdict != "open")), limit)
    return version.model_copy(update={"segments": tuple(segments)})


def _verdict(change: VersionChange, effect: EditEffect, limit: float) -> Verdict:
    sure = effect.named or (change.repeats and effect.changed > 0)
    can_exclude = effect.inputs >= MIN_CALLS
    return verdict_on(1.0 if sure else None, effect.ci_high, limit, can_exclude=can_exclude)


def _on_all_inputs(effect: EditEffect, change: VersionChange) -> EditEffect:
    """The effect over all inputs that were compared. Where it was searched on those that moved
    most, the others may have nothing of it, or all of the change."""
    whole = change.answers
    if whole is None or not effect.distance or not moved_most(change):
        return effect
    low = effect.ci_low * effect.inputs / whole.inputs
    centre = max(effect.share * whole.distance, low)
    most = {"ci_low": low, "ci_high": max(whole.ci_high, centre)}
    return effect.model_copy(update={"distance": centre, **most})


def _words(text: str) -> str:
    return " ".join(text.split())


def _touched(segments: Sequence[Influence], edit: Edit, *, new: bool) -> list[int]:
    ends = [(h.new_start, h.new_end) if new else (h.start, h.end) for h in edit.hunks]
    places = [(k, item.segment) for k, item in enumerate(segments)]
    return [k for k, one in places if any(max(a, one.start) < min(b, one.end) for a, b in ends)]


def _replayed(item: Influence, effect: EditEffect, verdict: Verdict) -> Influence:
    return Influence(
        segment=item.segment,
        influence=effect.distance,
        standard_error=(effect.ci_high - effect.ci_low) / _ERRORS,
        significant=verdict == "supports",
        verdict=verdict,
        calls_tried=effect.inputs,
        calls_lost=effect.changed,
        calls_need=effect.changed,
        may_need=may_need(effect.inputs, effect.changed),
        tokens_saved=item.tokens_saved if verdict == "excluded" else None,
        usd_saved=item.usd_saved if verdict == "excluded" else None,
        ci_low=effect.ci_low,
        ci_high=effect.ci_high,
        source="replayed",
    )


def _at_most(item: Influence, most: float, limit: float) -> Influence:
    """A part that may matter by so much, whatever its own interval says."""
    item = item.model_copy(update={"elsewhere": max(item.elsewhere, most)})
    if item.verdict != "excluded" or most < limit:
        return item
    return item.model_copy(update={"verdict": "open", "tokens_saved": None, "usd_saved": None})
