"""Profiles: what happens to an answer when its request changes a little, in one call and over the
calls of a prompt."""

from statistics import median
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from smile_trace.records.base import JSON, Record, Shown, view
from smile_trace.records.explanation import Cost
from smile_trace.records.judgement import Confirmation
from smile_trace.records.message import Message
from smile_trace.records.upgrades import check_version

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

PROFILE_SCHEMA_VERSION = 1

ProbeStatus = Literal["found", "none", "inconclusive"]
"""`found`: more answers changed than under both controls, beyond luck. `none`: a rate of one in two
can be excluded. `inconclusive`: too few calls for either, or the probe has nothing to vary."""


class ControlRate(Record):
    """What a probe's rate is compared with: `repeats` of the same request or its `paraphrases`,
    the one with the larger rate; or all `others`, where a probe looks for something that no other
    request brings about. `rate` is in [0, 1]."""

    name: Literal["repeats", "paraphrases", "others"]
    changed: int
    asked: int

    @property
    def rate(self) -> float:
        """The share of its answers that changed."""
        return self.changed / self.asked if self.asked else 0.0


class VariantAnswer(Record):
    """A variant of the request and its answer. `what` says how it differs from the request, and
    `change` how far its answer is from the reference, in [0, 1]; `counts` whether that counted.

    `id` (16 hex digits) is that of the probe, the request, its answer, the variant and the answer
    to it: what a person has judged of it holds wherever the same was asked and answered.
    `replicate` tells apart what was asked several times.
    """

    id: str
    what: str
    replicate: int = 0
    messages: tuple[Message, ...]
    answer: str
    change: float
    counts: bool


class ProbeResult(Record):
    """What one probe found.

    `value` is the share of its variants that changed the answer, in [0, 1], inside
    `[ci_low, ci_high]`; None where none was asked. `p_value` is that of "no more than under its
    controls", adjusted for all probes of the profile. `calls` are those that were answered;
    `failed` got no answer. `reason` says in a sentence why the status is what it is. `variants`
    are all that were answered, the most telling first: those that counted, the furthest away.
    `confirmation` is what people have made of the probe so far; None where it was not looked for.
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
    def worst(self) -> VariantAnswer | None:
        """The most telling variant; None where none was answered."""
        return self.variants[0] if self.variants else None


class Profile(Shown):
    """The probes' results of one prompt. `results["order"]` is that of the probe `order`.

    `answer` is what the others were compared with; `note` says so where it is not the logged one.
    `seed` decided the variants: the same seed, prompt and answers give the same profile.
    """

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

    @model_validator(mode="before")
    @classmethod
    def _check_version(cls, document: JSON) -> JSON:
        return check_version(document, PROFILE_SCHEMA_VERSION, "profile")

    @property
    def found(self) -> tuple[ProbeResult, ...]:
        """The results that were found, the largest first."""
        found = [result for result in self.results.values() if result.status == "found"]
        return tuple(sorted(found, key=lambda result: -(result.value or 0.0)))

    @property
    def status(self) -> ProbeStatus:
        """The status of all together: `found` where any probe is, `inconclusive` where none is and
        one that was asked is not settled."""
        asked = {result.status for result in self.results.values() if result.calls}
        if "found" in asked:
            return "found"
        return "none" if asked == {"none"} else "inconclusive"

    def to_frame(self) -> "pd.DataFrame":
        """A row per probe as a pandas DataFrame: value, interval, status, control, calls.

        Raises:
            ExtraMissing: pandas is not installed.
        """
        return view(self, "frame")


class TellingVariant(Record):
    """A variant of one call, with that call's own messages and answer."""

    call_id: str
    messages: tuple[Message, ...]
    answer: str
    variant: VariantAnswer


class Rate(Record):
    """A mean over calls, inside `[ci_low, ci_high]`: of rates, in [0, 1], or a difference of two
    such means, in [-1, 1]."""

    value: float
    ci_low: float
    ci_high: float


class ProbeRate(Record):
    """A probe's mean rate over `calls` of one version of a prompt, in `found` of which it is a
    finding."""

    name: str
    title: str
    calls: int
    found: int
    rate: Rate


class ProbeChange(Record):
    """A probe's rate in the version before and after, and the difference, after minus before, in
    [-1, 1]; `p_value` is adjusted over all that is compared together."""

    name: str
    title: str
    before: Rate
    after: Rate
    change: Rate
    p_value: float
    significant: bool = False


class VersionRates(Record):
    """One version of a prompt: its profiled calls, and the rates of its probes over them."""

    version: str
    calls: int
    probes: tuple[ProbeRate, ...]


class PromptProbe(Record):
    """What one probe found over the calls of a prompt.

    `rate` is the mean rate of the calls: the share of such changes that change the answer.
    `beyond` is how far it exceeds that of its controls; None for the repeats, which have none.

    `rates` has the share of answers that changed for each call that was asked, in [0, 1], in
    ascending order. In `found` of these calls it is a finding, under the false-discovery rate of
    the whole, in `none` no effect was seen; the share of the former is inside
    `[ci_low, ci_high]`. `telling` are the most telling variants, of
    different calls.
    """

    name: str
    title: str
    cannot_say: str
    rate: Rate
    beyond: Rate | None
    rates: tuple[float, ...]
    found: int
    none: int
    ci_low: float
    ci_high: float
    telling: tuple[TellingVariant, ...]

    @property
    def calls(self) -> int:
        """The calls that were asked."""
        return len(self.rates)

    @property
    def median(self) -> float:
        """The share of answers that changed in the middle one of these calls."""
        return median(self.rates)


class PromptProfile(Shown):
    """What the probes found over the profiled calls of a prompt, or of a function without one.

    `versions` are those of the prompt among them, `by_version` the rates of each where there are
    several, the one profiled first before the others, and `changes` those from the last but one of
    these to the last. Of all that is found in its calls, the share
    `false_discovery_rate` is expected to be none at most. Times are ISO 8601 in UTC.
    """

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
