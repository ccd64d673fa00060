"""Profiles: how an answer changes when its request changes a little, in one call and over the calls
of a prompt."""

from statistics import mean, median
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from smile_trace.records.base import Record, Shown, view
from smile_trace.records.explanation import Cost
from smile_trace.records.judgement import Confirmation
from smile_trace.records.message import Message
from smile_trace.records.upgrades import versioned

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

PROFILE_SCHEMA_VERSION = 2

ProbeStatus = Literal["found", "partly", "none", "inconclusive"]
"""`found`: more answers became another one than under both controls, beyond chance. `partly`: not
that, but more lost a part, SMALLEST_EFFECT or more. `none`: that every second one becomes another
is excluded, and no more lost a part. `inconclusive`: too few calls to tell, or nothing to vary."""


class ControlRate(Record):
    """The rate that a probe's rate is compared with: the larger one of `repeats` of the same
    request and of its `paraphrases`, or of all `others` if no other request brings about what the
    probe looks for."""

    name: Literal["repeats", "paraphrases", "others"]
    changed: int
    asked: int

    @property
    def rate(self) -> float:
        """The share of answers that changed, in [0, 1]."""
        return self.changed / self.asked if self.asked else 0.0


class VariantAnswer(Record):
    """A variant of the request and its answer.

    `what` says how it differs from the request, `change` how far its answer is from the reference,
    in [0, 1], `counts` whether it counts as changed. `id` (16 hex digits) hashes probe, request,
    variant and both answers: a judgement holds wherever the same was asked and answered.
    `replicate` tells apart repeats of the same variant.
    """

    id: str
    what: str
    replicate: int = 0
    messages: tuple[Message, ...]
    answer: str
    change: float
    counts: bool


class ProbeResult(Record):
    """The findings of one probe.

    `value` is the share of variants that changed the answer, in [0, 1], inside `[ci_low, ci_high]`;
    None if none was asked. `p_value` tests "no more than under its controls", adjusted for all
    probes of the profile. `calls` were answered, `failed` were not. `variants` are all answered
    ones: first those that counted, then by distance. `confirmation` is people's so far; None if it
    was not looked up.
    """

    name: str
    title: str
    status: ProbeStatus
    reason: str
    value: float | None = None
    ci_low: float = 0.0
    ci_high: float = 1.0
    p_value: float | None = None
    control: ControlRate | None = None
    variants: tuple[VariantAnswer, ...] = ()
    changed: int = 0
    calls: int = 0
    failed: int = 0
    cannot_say: str = ""
    confirmation: Confirmation | None = None

    @property
    def mean_change(self) -> float | None:
        """How much of the answer is lost on average, in [0, 1]; None if none was answered."""
        return mean(variant.change for variant in self.variants) if self.variants else None

    @property
    def worst(self) -> VariantAnswer | None:
        """The most telling variant; None if none was answered."""
        return self.variants[0] if self.variants else None


class Profile(Shown):
    """The probes' results for one prompt, by the probes' names. `answer` is what other answers were
    compared with; `note` says so if it is not the logged one. The same `seed`, prompt and answers
    give the same variants and profile."""

    schema_version: int = PROFILE_SCHEMA_VERSION
    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    answer: str
    note: str | None = None
    results: dict[str, ProbeResult]
    summary: str
    interval_level: float
    budget: int
    seed: int
    cost: Cost
    profiled_at: str

    _check_version = versioned(PROFILE_SCHEMA_VERSION, "profile", oldest=1)

    @property
    def found(self) -> tuple[ProbeResult, ...]:
        """The results with status `found`, the largest first."""
        found = [result for result in self.results.values() if result.status == "found"]
        return tuple(sorted(found, key=lambda result: -(result.value or 0.0)))

    @property
    def status(self) -> ProbeStatus:
        """The first of `found`, `partly`, `inconclusive` and `none` that an asked probe has."""
        asked = {result.status for result in self.results.values() if result.calls}
        order: tuple[ProbeStatus, ...] = ("found", "partly", "inconclusive", "none")
        return next((status for status in order if status in asked), "inconclusive")

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame with a row per probe: value, interval, status, control, calls.
        Raises ExtraMissing if pandas is not installed."""
        return view(self, "frame")


class TellingVariant(Record):
    """A variant of one call, with that call's own messages and answer."""

    call_id: str
    messages: tuple[Message, ...]
    answer: str
    variant: VariantAnswer


class Rate(Record):
    """A mean over calls, inside `[ci_low, ci_high]`: a mean rate, in [0, 1], or the difference of
    two, in [-1, 1]."""

    value: float
    ci_low: float
    ci_high: float


class ProbeRate(Record):
    """A probe's mean rate over `calls` of a prompt version, with a finding in `found` of them."""

    name: str
    title: str
    calls: int
    found: int
    rate: Rate


class ProbeChange(Record):
    """A probe's rate in the version before and after, and the difference, after minus before;
    `p_value` is adjusted over all that is compared together."""

    name: str
    title: str
    before: Rate
    after: Rate
    change: Rate
    p_value: float
    significant: bool = False


class VersionRates(Record):
    """One version of a prompt: its profiled calls, and its probes' rates over them."""

    version: str
    calls: int
    probes: tuple[ProbeRate, ...]


class PromptProbe(Record):
    """The findings of one probe over the calls of a prompt.

    `rate` is the mean share of changed answers, `beyond` its excess over the controls; None for the
    repeats, which have none. `rates` has each call's share, in [0, 1], ascending. The probe is a
    finding in `found` calls, a share inside `[ci_low, ci_high]`, under the overall false-discovery
    rate, changes a part of the answer in `partly`, and is without effect in `none`. `telling` are
    the most telling variants, of different calls.
    """

    name: str
    title: str
    cannot_say: str
    rate: Rate
    beyond: Rate | None
    rates: tuple[float, ...]
    found: int
    partly: int = 0
    none: int
    ci_low: float
    ci_high: float
    telling: tuple[TellingVariant, ...]

    @property
    def calls(self) -> int:
        """The number of calls that were asked."""
        return len(self.rates)

    @property
    def median(self) -> float:
        """The median of `rates`."""
        return median(self.rates)


class PromptProfile(Shown):
    """The probes' findings over the profiled calls of a prompt, or of a function without one.
    `by_version` has the rates of each version if there are several, the profiled one first;
    `changes` lead from the last but one to the last. At most the share `false_discovery_rate` of
    all findings in calls is expected to be false. Times are ISO 8601 in UTC."""

    name: str
    since: str
    calls: int
    versions: tuple[str, ...]
    by_version: tuple[VersionRates, ...] = ()
    changes: tuple[ProbeChange, ...] = ()
    probes: tuple[PromptProbe, ...]
    interval_level: float
    false_discovery_rate: float
    summary: str
