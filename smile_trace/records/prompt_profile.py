"""The profiles of a prompt's calls together."""

from statistics import median

from smile_trace.records.base import Record, Shown
from smile_trace.records.message import Message
from smile_trace.records.profile import VariantAnswer


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
