"""Prompt versions side by side: what each segment does, what changed, and by how much."""

from typing import Literal

from pydantic import Field

from smile_trace._text.rare_cases import rare_case
from smile_trace.records.base import JSON, Record, Shown
from smile_trace.records.explanation import Signal
from smile_trace.records.perturbation import Unit
from smile_trace.records.profile import ProbeChange, ProbeRate
from smile_trace.records.report import Report
from smile_trace.records.upgrades import older_comparison, versioned
from smile_trace.records.verdicts import SMALLEST_EFFECT, Verdict, most_of

COMPARISON_SCHEMA_VERSION = 5

Source = Literal["explained", "replayed"]
"""`explained`: by the calls' explanations. `replayed`: by replaying an edit of just this part."""

ChangeKind = Literal["same", "edited", "moved", "added", "removed"]


class TemplateSegment(Record):
    """A piece `[start, end)` of a template; `variable` is set for a variable's slot."""

    key: str
    text: str
    start: int
    end: int
    unit: Unit
    variable: str | None = None


class Influence(Record):
    """The influence of a segment of the template on the answers, over all calls of a version.

    `influence`, in units of answer change in [-1, 1], lies inside `[ci_low, ci_high]`; it is
    positive if removing the segment takes answers away. `standard_error` is None if the rows do not
    give it. `spread` is the standard deviation between calls. Of `calls_tried` calls without this
    segment (alone, or with what cost little), `calls_lost` always lost the smallest effect or more;
    `may_need` is the 95 % upper bound on their share, and `calls_need` are those of them in which
    it was removed alone. `calls_needed` calls would settle an open segment. `tokens_saved` and
    `usd_saved` are what removing an excluded segment saves per thousand calls; None if unknown.
    `calls` with masks of their own removed it by itself; None if that was not counted. In
    `calls_held` calls it certainly mattered, or a larger part did without which it was not removed.
    `elsewhere` is the most that it may matter in these, or by what else the interval does not know.
    """

    segment: TemplateSegment
    influence: float
    ci_low: float
    ci_high: float
    standard_error: float | None = None
    p_value: float | None = None
    significant: bool = False
    verdict: Verdict = "open"
    spread: float = 0.0
    calls_tried: float = 0.0
    calls_lost: float = 0.0
    calls_need: int = 0
    may_need: float = 1.0
    calls_needed: int | None = None
    tokens_saved: float | None = None
    usd_saved: float | None = None
    calls: int | None = None
    source: Source = "explained"
    calls_held: int = 0
    elsewhere: float = 0.0

    @property
    def untested(self) -> bool:
        """Whether it acts in certain cases only, by its words, and no call needed it."""
        rare = self.verdict == "excluded" and rare_case(self.segment.text) is not None
        return rare and not self.calls_need

    @property
    def at_most(self) -> float:
        """The largest absolute influence in the interval, or `elsewhere`, in [0, 1]."""
        return max(most_of(self.ci_low, self.ci_high), self.elsewhere)


class Measure(Record):
    """A figure of a version's traffic: the mean over its calls, with a 90 % interval. `name` is
    `latency_seconds`, `answer_characters`, `input_tokens`, `output_tokens`, `usd`, `refusal_rate`
    or `feedback`."""

    name: str
    mean: float
    ci_low: float
    ci_high: float
    deviation: float
    count: int


class VersionReport(Record):
    """One version of a prompt under one model (a column of the comparison). `explained` of the
    `sampled_of` explained calls are used, with `rows` perturbations. `keep_probabilities` are those
    of the pooled masks: (0.7,) in pooled mode. `dropped` says what was not used, and why. `beside`
    are the roles of the messages that the template is not in."""

    label: str
    version: str
    model: str | None = None
    template: str
    calls: int = 0
    sampled_of: int = 0
    explained: int = 0
    rows: int = 0
    keep_probabilities: tuple[float, ...] = ()
    signal: Signal | None = None
    segments: tuple[Influence, ...] = ()
    measures: tuple[Measure, ...] = ()
    probes: tuple[ProbeRate, ...] = ()
    dropped: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    links: dict[str, str] = {}

    @property
    def measured(self) -> bool:
        """Whether the influence of a segment is known, however well."""
        return any(item.standard_error is not None for item in self.segments)

    def count(self, verdict: Verdict) -> int:
        """Return how many segments have that verdict."""
        return sum(item.verdict == verdict for item in self.segments)


class SegmentChange(Record):
    """A segment before and after, as indices in `VersionReport.segments`. `change` is the influence
    after minus before, None if one of them is unknown or missing. `p_value` is corrected over all
    tests of the comparison."""

    kind: ChangeKind
    before: int | None = None
    after: int | None = None
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    significant: bool = False


class MeasureChange(Record):
    """A figure's change, after minus before; `p_value` is corrected over the comparison."""

    name: str
    before: float
    after: float
    change: float
    ci_low: float
    ci_high: float
    p_value: float
    significant: bool = False


ANOTHER_ANSWER = 0.05
"""An answer that changed by more than this is another one; by less, it changed a little."""


class Moved(Record):
    """How far the answers to the same `inputs` lie apart. `distance` is the mean energy distance
    over inputs, in units of answer change. `changed` of them got another answer; the texts of
    `changed_little` further ones differ as well, by at most `little`. `reworded` of the changed
    ones keep every number, name and negation: they may say the same in other words."""

    inputs: int = 0
    changed: int = 0
    changed_little: int = 0
    little: float = 0.0
    reworded: int = 0
    distance: float
    ci_low: float
    ci_high: float


class AnswerComparison(Moved):
    """The difference between two versions' answers on the same inputs, beyond that among each
    version's own answers (`noise`). `p_value` is None if both versions answer deterministically:
    every difference is then the prompt's, `significant` whether one got another answer."""

    noise: float
    p_value: float | None = None
    significant: bool = False
    source: Literal["replayed", "logged"] = "replayed"

    @property
    def repeats(self) -> bool:
        """Whether the models repeat themselves, so that every difference is the prompt's."""
        return self.p_value is None


class FieldComparison(AnswerComparison):
    """The same of one field of JSON answers, by its JSON path; a list's items are one field:
    `$.items[].name`. `inputs` are all that were compared; the field changed on `changed` of
    them."""

    path: str


class Example(Record):
    """One input with both answers; `distance` is in [0, 1]. `variables` holds what differs between
    the inputs: values of the template's variables, and the question beside it, by its role."""

    variables: dict[str, str]
    before: str
    after: str
    distance: float
    trace_id: str | None = None


class Hunk(Record):
    """Characters `[start, end)` of the old template became `[new_start, new_end)` of the new."""

    start: int
    end: int
    new_start: int
    new_end: int


class Edit(Record):
    """One edit, as a person reads a diff: a phrase, a sentence or a variable. Both texts are empty
    if only white space changed. A moved sentence has a hunk in each of its places. All hunks of a
    change together turn the old template into the new one."""

    kind: ChangeKind
    before: str
    after: str
    hunks: tuple[Hunk, ...] = ()


class EditEffect(Moved):
    """The effect of one edit, or of a group of edits that was not taken apart, on the answers.

    Edits are applied one after the other, and each effect is measured with the edits before it in
    place. `edits` are indices in `VersionChange.edits`, `share` is that of the sum of all steps.
    `named`: a single edit that changed the answers. `alone` is its distance from the old version
    without any other edit, None if not tried.
    """

    edits: tuple[int, ...]
    share: float = 0.0
    named: bool = False
    alone: float | None = None


class VersionChange(Record):
    """The changes between two versions (indices in `Comparison.versions`). `edits` are what a
    person reads in the diff, `effects` what they did, `fields` the fields of JSON answers that
    changed, the most changed first. The three `why_…` fields say why something
    was not compared. `budget_needed` is the number of calls that would tell which edit changed the
    answers, or whether any did; None if no more are needed."""

    before: int
    after: int
    segments: tuple[SegmentChange, ...] = ()
    answers: AnswerComparison | None = None
    fields: tuple[FieldComparison, ...] = ()
    why_no_answers: str = ""
    why_no_influences: str = ""
    why_no_edits: str = ""
    edits: tuple[Edit, ...] = ()
    effects: tuple[EditEffect, ...] = ()
    budget_needed: int | None = None
    measures: tuple[MeasureChange, ...] = ()
    probes: tuple[ProbeChange, ...] = ()
    examples: tuple[Example, ...] = ()
    summary: str = ""

    @property
    def repeats(self) -> bool:
        """Whether it is known that the models repeat themselves."""
        return self.answers is not None and self.answers.repeats


class ComparisonSettings(Record):
    """The settings of a comparison."""

    smallest_effect: float = Field(SMALLEST_EFFECT, gt=0, lt=1)
    """The smallest effect that matters, in units of answer change: the limit of the verdicts."""
    level: float = 0.9
    """Nominal coverage of the intervals."""
    alpha: float = 0.05
    """False discovery rate of the corrected tests."""
    inputs: int = 0
    """How many inputs were to be replayed through both versions."""
    most_calls: int = 5000
    """The most calls used per version; a random sample if there are more."""
    seed: int = 0


class Comparison(Shown):
    """Versions of a prompt side by side; with fewer than two versions, what `mattered` in its
    calls. `prompt` is the name of a prompt or function; empty if it is about all of them."""

    schema_version: int = COMPARISON_SCHEMA_VERSION
    prompt: str
    versions: tuple[VersionReport, ...]
    changes: tuple[VersionChange, ...] = ()
    mattered: Report | None = None
    summary: str = ""
    settings: ComparisonSettings = ComparisonSettings()
    compared_at: str | None = None
    metadata: dict[str, JSON] = {}

    _check_version = versioned(
        COMPARISON_SCHEMA_VERSION, "comparison", oldest=3, upgrade=older_comparison
    )
