"""The server's answers: bounded, without perturbations, prompts as data."""

from collections.abc import Sequence

from smile_trace._guards.presentable import presentable
from smile_trace.records import Explanation, Record, SegmentAttribution
from smile_trace.records.comparison import Comparison, VersionReport
from smile_trace.records.tool_results import named_by_tool
from smile_trace.render.comparison.layout import part_text
from smile_trace.store.queries.status import Status

MOST_SEGMENTS, MOST_VERSIONS = 20, 10
LONGEST, LONGEST_ANSWER = 300, 2000
"""Longest text and longest answer, in characters."""


class Cause(Record):
    """A part of the prompt, and how much of the answer is lost without it (its interval)."""

    text: str
    role: str
    attribution: float
    ci_low: float
    ci_high: float


class Why(Record):
    """Why an answer is what it is. `status` says how far to trust it: `reliable`, `partial`,
    `no_effect`, `inconclusive`. `supports` and `against` hold only what is significant; `summary`
    says what of the rest is excluded, and what is open."""

    call: str | None = None
    model: str
    answer: str
    status: str
    reason: str
    summary: str
    supports: tuple[Cause, ...]
    against: tuple[Cause, ...]
    target_calls: int
    explained_at: str | None = None

    @classmethod
    def of(cls, explanation: Explanation, call: str | None = None) -> "Why":
        """Sum up an Explanation, its longest causes and texts cut short."""
        against = [s for s in explanation.ranked if s.significant and s.attribution < 0]
        return cls(
            call=call,
            model=_text(explanation.settings.model),
            answer=_text(explanation.answer, LONGEST_ANSWER),
            status=explanation.status,
            reason=_text(explanation.fidelity.reason),
            summary=_text(explanation.summary, LONGEST_ANSWER),
            supports=_causes(explanation.drivers, explanation),
            against=_causes(against[::-1], explanation),
            target_calls=explanation.cost.target_calls,
            explained_at=explanation.explained_at,
        )


class Influence(Record):
    """A segment of a template: its verdict, and its influence on the answers (its interval)."""

    text: str
    verdict: str
    influence: float
    ci_low: float
    ci_high: float


class Version(Record):
    """A version of a prompt under a model."""

    version: str
    model: str | None
    explained: int
    influences: tuple[Influence, ...]

    @classmethod
    def of(cls, report: VersionReport) -> "Version":
        """Sum up a version, its strongest influences first."""
        strongest = sorted(report.segments, key=lambda item: -abs(item.influence))
        return cls(
            version=_text(report.version),
            model=None if report.model is None else _text(report.model),
            explained=report.explained,
            influences=tuple(
                Influence(
                    text=_text(part_text(item.segment)),
                    verdict=item.verdict,
                    influence=item.influence,
                    ci_low=item.ci_low,
                    ci_high=item.ci_high,
                )
                for item in strongest[:MOST_SEGMENTS]
            ),
        )


class Compared(Record):
    """The versions of a prompt side by side, from the calls that are explained already."""

    prompt: str
    summary: str
    versions: tuple[Version, ...]
    changes: tuple[str, ...]

    @classmethod
    def of(cls, comparison: Comparison) -> "Compared":
        """Sum up a Comparison."""
        return cls(
            prompt=_text(comparison.prompt),
            summary=_text(comparison.summary, LONGEST_ANSWER),
            versions=tuple(map(Version.of, comparison.versions[:MOST_VERSIONS])),
            changes=tuple(
                _text(change.summary, LONGEST_ANSWER)
                for change in comparison.changes[:MOST_VERSIONS]
            ),
        )


class Counts(Record):
    """How things stand: calls by state, and whether the worker runs."""

    captured: int
    explained: int
    reliable: int
    partial: int
    no_effect: int
    inconclusive: int
    pending: int
    skipped: int
    failed: int
    worker: str

    @classmethod
    def of(cls, status: Status) -> "Counts":
        """Take the counts of the store's status."""
        names = set(cls.model_fields) - {"worker"}
        return cls(**{name: getattr(status, name) for name in names}, worker=_text(status.worker))


def _causes(segments: Sequence[SegmentAttribution], explanation: Explanation) -> tuple[Cause, ...]:
    return tuple(
        Cause(
            text=_text(str(named_by_tool(segment, explanation.messages) or segment.name)),
            role=_text(segment.role),
            attribution=segment.attribution,
            ci_low=segment.ci_low,
            ci_high=segment.ci_high,
        )
        for segment in segments[:MOST_SEGMENTS]
    )


def _text(text: str, longest: int = LONGEST) -> str:
    return presentable(text, longest=longest)
