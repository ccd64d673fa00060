"""Drift: whether a model still answers a fixed set of requests as it did, period by period.

The alarm may be looked at after every period, for ever, and is false with a stated chance. An
outcome is one answer: other than its case's reference answer, or not. Nothing has changed if each
case keeps its own rate of other answers. The evidence after n periods is

    E_n = sum_j w_j P(outcomes before j) P(outcomes from j on) / max_p L_p(all outcomes),

where w_j = 1 / (j (j + 1)) weighs the period of the change, P is the probability of outcomes under
one unknown rate (with Jeffreys' prior, Krichevsky and Trofimov 1981, before a change; a flat prior
after it), and L_p that of independent outcomes at the rate p. It is the sequential form of
universal inference (Wasserman, Ramdas and Balakrishnan 2020, PNAS 117, section 8; 1912.11436): if
nothing changes, E_n lies below a nonnegative supermartingale that begins at 1, so that the chance
that it ever reaches 1 / error is at most the error (Ville 1939), however often one looks.

Cases may differ in their rates: with p their mean, each term of E_n is a mixture of products of
1 + lambda (X - p) with one lambda for all cases of a period, whose expectation for unequal rates is
at most that for equal ones (the inequality of arithmetic and geometric means). But every period
must have every case equally often, and answers must be drawn independently.

With these weights a long unchanged time costs the logarithm of its length, while it sharpens the
estimate of the rate before (such mixtures: Shin, Ramdas and Rinaldo 2022, E-detectors, 2203.03532).
"""

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.errors import SmileTraceError
from smile_trace.probes.inference import Count
from smile_trace.records import Record
from smile_trace.store import Store
from smile_trace.store.drift import PeriodCount

Array = np.ndarray[Any, np.dtype[np.float64]]

_MOST = 700.0
"""The largest log-evidence that is shown: it stays a finite number."""


Outcomes = Count | PeriodCount
"""How many answers differ from their reference."""


def evidence(reference: Outcomes, periods: Sequence[Outcomes]) -> list[float]:
    """Return the natural logarithm of the evidence for a change after each period: from -log(error)
    on it is an alarm. `reference` are the outcomes before anything is compared."""
    changed = np.cumsum([reference.changed, *(one.changed for one in periods)])
    asked = np.cumsum([reference.asked, *(one.asked for one in periods)])
    begins = np.arange(1, len(changed))
    before: Array = scipy.special.betaln(
        changed + 0.5, asked - changed + 0.5
    ) - scipy.special.betaln(0.5, 0.5)  # Jeffreys'
    until_begin = before[:-1] - np.log(begins * (begins + 1))
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, asked[-1] + 2)))])
    found = []
    for n in begins:
        more, of = changed[n] - changed[:n], asked[n] - asked[:n]
        after = factorials[more] + factorials[of - more] - factorials[of + 1]  # a flat prior
        begun = np.logaddexp.reduce(until_begin[:n] + after)
        still_to_come = before[n] - math.log(n + 1)
        rate = changed[n] / max(asked[n], 1)
        likeliest = scipy.special.xlogy(changed[n], rate) + scipy.special.xlogy(
            asked[n] - changed[n], 1 - rate
        )
        found.append(float(np.logaddexp(begun, still_to_come) - likeliest))
    return found


class DriftPeriod(Record):
    """The answers of a period that differ from their reference, and the evidence so far that their
    rate has changed: an alarm from `DriftProbe.alarm_from` on."""

    period: str
    changed: int
    asked: int
    evidence: float


class DriftProbe(Record):
    """The periods of one probe; `reference` is the first period, without evidence."""

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
    """All replays of a prompt since its reference period. `alarm_probe` and `alarm_period` are of
    the first alarm that was raised, `told` says whether it was reported."""

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
        raised = [(probe, period) for probe in self.probes if (period := probe.alarm) is not None]
        return min(raised, key=lambda pair: pair[1].period, default=None)


def drift_of(store: Store, name: str, false_alarm_rate: float) -> DriftSeries:
    """Return the series of a prompt, or of a function without one. Asks no model.
    `false_alarm_rate`: over all probes and periods; each probe has an equal share. Raises
    SmileTraceError if it is not replayed."""
    counts, cases = store.drift.counts(name), store.drift.cases(name)
    if not counts:
        raise SmileTraceError(
            f"no prompt or function named {name!r} is replayed yet: name it in prompts of [drift]; "
            "its first replay needs an explained call"
        )
    of_probe = [list(some) for _, some in groupby(counts, attrgetter("probe"))]
    raised = store.drift.alarm(name)
    return DriftSeries(
        prompt=name,
        reference=min(one.period for one in counts),
        cases=len(cases),
        confirmed=sum(case.confirmed for case in cases),
        false_alarm_rate=false_alarm_rate,
        probes=tuple(_probe(some, false_alarm_rate / len(of_probe)) for some in of_probe),
        alarm_probe=raised and raised.probe,
        alarm_period=raised and raised.period,
        told=raised is not None and raised.told,
    )


def _probe(counts: Sequence[PeriodCount], error: float) -> DriftProbe:
    reference, *later = counts
    return DriftProbe(
        probe=reference.probe,
        reference_changed=reference.changed,
        reference_asked=reference.asked,
        alarm_from=1 / error,
        periods=tuple(
            DriftPeriod(
                period=one.period,
                changed=one.changed,
                asked=one.asked,
                evidence=math.exp(min(known, _MOST)),
            )
            for one, known in zip(later, evidence(reference, later), strict=True)
        ),
    )
