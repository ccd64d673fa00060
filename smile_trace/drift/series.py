"""What the replays of a prompt came to, period by period."""

import math
from itertools import groupby
from operator import attrgetter

from smile_trace.drift.alarm import evidence, threshold
from smile_trace.errors import SmileTraceError
from smile_trace.probes.inference import Count
from smile_trace.records import Record
from smile_trace.store import Store
from smile_trace.store.drift import PeriodCount

_MOST = 700.0
"""Of the logarithm of the evidence, so that it stays a finite number."""


class DriftPeriod(Record):
    """How many answers of a period were other ones than their reference, of how many, and the
    evidence so far that their rate is another one than before: from `DriftProbe.alarm_from` on it
    is an alarm."""

    period: str
    changed: int
    asked: int
    evidence: float


class DriftProbe(Record):
    """The periods of one probe; `reference` is the first one, of which no evidence is known."""

    probe: str
    reference_changed: int
    reference_asked: int
    alarm_from: float
    periods: tuple[DriftPeriod, ...]

    @property
    def alarm(self) -> DriftPeriod | None:
        """The first period with an alarm."""
        return next((one for one in self.periods if one.evidence >= self.alarm_from), None)


class DriftSeries(Record):
    """All replays of a prompt since its reference period. `alarm` is the first one that was
    raised, `told` whether whoever is to hear of it has."""

    prompt: str
    reference: str
    cases: int
    confirmed: int
    false_alarm_rate: float
    probes: tuple[DriftProbe, ...]
    alarm_probe: str | None = None
    alarm_period: str | None = None
    told: bool = False

    @property
    def alarm(self) -> tuple[DriftProbe, DriftPeriod] | None:
        """The probe that raises an alarm first, with the period."""
        found = [(one, one.alarm) for one in self.probes]
        raised = [(one, period) for one, period in found if period is not None]
        return min(raised, key=lambda pair: pair[1].period, default=None)


def drift_of(store: Store, name: str, false_alarm_rate: float) -> DriftSeries:
    """The series of a prompt, or of a function without one. Asks no model.

    Args:
        store: where the worker keeps the answers.
        name: of the prompt or function.
        false_alarm_rate: over all its probes and periods; each probe has an equal share.

    Raises:
        SmileTraceError: it is not replayed.
    """
    counts, cases = store.drift.counts(name), store.drift.cases(name)
    if not counts:
        raise SmileTraceError(
            f"no prompt or function named {name!r} is replayed yet: name it in prompts of [drift]; "
            "its first replay needs an explained call"
        )
    of_probe = {key: list(some) for key, some in groupby(counts, attrgetter("probe"))}
    share = false_alarm_rate / len(of_probe)
    raised = store.drift.alarm(name)
    return DriftSeries(
        prompt=name,
        reference=min(one.period for one in counts),
        cases=len(cases),
        confirmed=sum(case.confirmed for case in cases),
        false_alarm_rate=false_alarm_rate,
        probes=tuple(_probe(some, share) for some in of_probe.values()),
        alarm_probe=raised and raised.probe,
        alarm_period=raised and raised.period,
        told=raised is not None and raised.told,
    )


def _probe(counts: list[PeriodCount], error: float) -> DriftProbe:
    first, *later = counts
    found = evidence(_count(first), [_count(one) for one in later])
    return DriftProbe(
        probe=first.probe,
        reference_changed=first.changed,
        reference_asked=first.asked,
        alarm_from=math.exp(threshold(error)),
        periods=tuple(
            DriftPeriod(
                period=one.period,
                changed=one.changed,
                asked=one.asked,
                evidence=math.exp(min(said, _MOST)),
            )
            for one, said in zip(later, found, strict=True)
        ),
    )


def _count(one: PeriodCount) -> Count:
    return Count(one.changed, one.asked)
