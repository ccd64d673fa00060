"""An alarm that may be looked at after every period, for ever, and is false with a stated chance.

An outcome is one answer: another one than the reference answer of its case, or not. Nothing has
changed where each case keeps its own rate of other answers. The evidence after n periods is

    E_n = sum_j w_j P(outcomes before j) P(outcomes from j on) / max_p L_p(all outcomes),

where w_j = 1 / (j (j + 1)) weighs the period of the change, P is the probability of outcomes under
one unknown rate (with Jeffreys' prior, Krichevsky and Trofimov 1981, before a change; a flat one
after it), and L_p that of independent outcomes at the rate p. It is the sequential form of
universal inference (Wasserman, Ramdas and Balakrishnan 2020, PNAS 117, section 8; 1912.11436):
where nothing changes, E_n lies below a nonnegative supermartingale that begins at 1, so that it
ever reaches 1 / error with a chance of at most the error (Ville 1939), however often one looks.

Cases need not have one rate: with p their mean, each term of E_n is a mixture of products of
1 + lambda (X - p) with one lambda for all cases of a period, whose expectation for unequal rates is
at most that for equal ones (the inequality of arithmetic and geometric means). It does need that
every period has every case equally often, and that answers are drawn independently.

The weights make a long unchanged time cost the logarithm of its length, while it sharpens what is
known of the rate before (such mixtures: Shin, Ramdas and Rinaldo 2022, E-detectors, 2203.03532).
Pure.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import betaln, xlogy  # type: ignore[import-untyped]

from smile_trace.probes.inference import Count

Array = np.ndarray[Any, np.dtype[np.float64]]


def evidence(reference: Count, periods: Sequence[Count]) -> list[float]:
    """The natural logarithm of the evidence for a change after each period.

    Args:
        reference: the outcomes before anything is compared.
        periods: those of each period since.
    """
    changed = np.cumsum([reference.changed, *(one.changed for one in periods)])
    asked = np.cumsum([reference.asked, *(one.asked for one in periods)])
    begins = np.arange(1, len(changed))
    before = _rate_of_jeffreys(changed, asked)
    until_begin = before[:-1] - np.log(begins * (begins + 1))
    factorials = _log_factorials(int(asked[-1]) + 1)
    found = []
    for n in begins:
        more, of = changed[n] - changed[:n], asked[n] - asked[:n]
        after = factorials[more] + factorials[of - more] - factorials[of + 1]  # a flat prior
        begun = np.logaddexp.reduce(until_begin[:n] + after)
        still_to_come = before[n] - math.log(n + 1)
        found.append(float(np.logaddexp(begun, still_to_come)) - _likeliest(changed[n], asked[n]))
    return found


def threshold(error: float) -> float:
    """The evidence from which there is an alarm, which is false with a chance of at most `error`
    over all periods together; in (0, 1)."""
    return -math.log(error)


def first_alarm(reference: Count, periods: Sequence[Count], error: float) -> int | None:
    """The number of the first period (from 0) with an alarm; None without one."""
    found, enough = evidence(reference, periods), threshold(error)
    return next((k for k, one in enumerate(found) if one >= enough), None)


def _rate_of_jeffreys(changed: Array, asked: Array) -> Array:
    """The log-probability of outcomes whose rate is drawn from Beta(1/2, 1/2)."""
    found: Array = betaln(changed + 0.5, asked - changed + 0.5) - betaln(0.5, 0.5)
    return found


def _log_factorials(most: int) -> Array:
    """The logarithms of 0! … most!"""
    found: Array = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
    return found


def _likeliest(changed: float, asked: float) -> float:
    """The log-likelihood of outcomes at the rate that fits them best."""
    if not asked:
        return 0.0
    rate = changed / asked
    return float(xlogy(changed, rate) + xlogy(asked - changed, 1 - rate))
