"""The model of every picture of a comparison: panels, rows and intervals. All text is `visible`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from smile_trace.records.comparison import (
    ChangeKind,
    Comparison,
    Influence,
    SegmentChange,
    VersionChange,
    VersionReport,
)
from smile_trace.render.heatmap_layout import strength
from smile_trace.render.text import short, signed, visible

Kind = Literal["supports", "opposes", "no_effect", "inconclusive", "unmeasured", "between"]

VERDICT_WORDS = {
    "essential": "essential",
    "matters": "matters",
    "no_effect": "no effect",
    "inconclusive": "inconclusive",
}
MEASURE_WORDS = {
    "answer_characters": "characters per answer",
    "latency_seconds": "seconds per answer",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "usd": "US dollars per call",
    "refusal_rate": "share of refusals",
    "feedback": "user feedback",
}

LONGEST_NAME, LONGEST_LABEL = 120, 40


@dataclass(frozen=True)
class Piece:
    """A run of a template's text; `change` says how its segment differs from the other version."""

    text: str
    kind: Kind
    change: ChangeKind = "same"
    value: str = ""
    strength: float = 0.0
    hint: str = ""


@dataclass(frozen=True)
class Panel:
    """One version's coloured template."""

    version: VersionReport
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval on a scale: all in per cent of the scale's width."""

    low: float
    high: float
    at: float
    zero: float


def name_of(comparison: Comparison) -> str:
    """The prompt's name on one line, truncated."""
    return short(comparison.prompt, LONGEST_NAME)


def label_of(version: VersionReport) -> str:
    """A version's label on one line, truncated."""
    return short(version.label, LONGEST_LABEL)


def panels(comparison: Comparison) -> tuple[Panel, ...]:
    """Every version's template, with what differs from the previous (or next) version marked."""
    marks: list[dict[int, ChangeKind]] = [{} for _ in comparison.versions]
    for change in comparison.changes:
        for item in change.segments:
            if item.kind in ("removed", "moved", "edited") and item.before is not None:
                marks[change.before].setdefault(item.before, item.kind)
            if item.kind in ("added", "moved", "edited") and item.after is not None:
                marks[change.after][item.after] = item.kind
    return tuple(
        Panel(version, tuple(_pieces(version, mark)))
        for version, mark in zip(comparison.versions, marks, strict=True)
    )


def _pieces(version: VersionReport, marks: dict[int, ChangeKind]) -> Iterator[Piece]:
    at = 0
    for place, influence in enumerate(version.segments):
        segment = influence.segment
        if segment.start > at:
            yield Piece(visible(version.template[at : segment.start]), "between")
        kind = kind_of(influence)
        coloured = kind in ("supports", "opposes")
        yield Piece(
            text=visible(segment.text),
            kind=kind,
            change=marks.get(place, "same"),
            value=signed(influence.influence) if coloured else "",
            strength=strength(influence.influence) if coloured else 0.0,
            hint=describe(influence),
        )
        at = segment.end
    if at < len(version.template):
        yield Piece(visible(version.template[at:]), "between")


def kind_of(influence: Influence) -> Kind:
    """The look of a segment."""
    if influence.standard_error is None:
        return "unmeasured"
    if influence.verdict == "no_effect":
        return "no_effect"
    if not influence.significant or not strength(influence.influence):
        return "inconclusive"
    return "supports" if influence.influence > 0 else "opposes"


def describe(influence: Influence) -> str:
    """A segment's influence in one line."""
    if influence.standard_error is None:
        return "not measured: it was never removed from an explained call"
    interval = f"[{signed(influence.ci_low)}, {signed(influence.ci_high)}]"
    return f"{signed(influence.influence)} {interval}: {VERDICT_WORDS[influence.verdict]}"


def scale(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a scale that holds these values and zero, with a margin."""
    low, high = min([0.0, *values]), max([0.0, *values])
    margin = max(high - low, 0.05) * 0.06
    return low - margin, high + margin


def place(low: float, high: float, at: float, ends: tuple[float, float]) -> Interval:
    """An interval on a scale with these ends."""
    width = ends[1] - ends[0]

    def percent(value: float) -> float:
        return round(100 * min(max((value - ends[0]) / width, 0.0), 1.0), 2)

    return Interval(percent(low), percent(high), percent(at), percent(0.0))


def ranked(version: VersionReport) -> list[Influence]:
    """The segments by influence, descending; those without a measurement come last."""
    return sorted(version.segments, key=lambda i: (i.standard_error is None, -i.influence))


def changed_most(change: VersionChange) -> list[SegmentChange]:
    """The segments of both versions by the size of their change, significant ones first."""
    known = [item for item in change.segments if item.change is not None]
    return sorted(known, key=lambda item: (not item.significant, -abs(item.change or 0.0)))


def text_of(comparison: Comparison, change: VersionChange, item: SegmentChange) -> str:
    """A segment's text, in the new version if it is there."""
    after, before = comparison.versions[change.after], comparison.versions[change.before]
    if item.after is not None:
        return visible(after.segments[item.after].segment.text)
    assert item.before is not None
    return visible(before.segments[item.before].segment.text)


def edit_text(comparison: Comparison, change: VersionChange, places: Sequence[int]) -> str:
    """An edit as the lines of a diff: − old, + new."""
    lines = []
    items = [change.segments[k] for k in places]
    for sign, version, side in (("−", change.before, "before"), ("+", change.after, "after")):
        segments = comparison.versions[version].segments
        found = [getattr(item, side) for item in items]
        for _, run in groupby(k for k in found if k is not None):
            lines += [f"{sign} {visible(segments[k].segment.text)}" for k in run]
    return "\n".join(lines)
