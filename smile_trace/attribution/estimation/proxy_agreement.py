"""How far a proxy agrees with its target, and when it is dropped."""

from collections.abc import Iterable

import numpy as np

from smile_trace.attribution.estimation.inference import Array
from smile_trace.attribution.estimation.response_scores import NEGLIGIBLE

MIN_AGREEMENT = 0.7
"""The mean agreement below which a proxy is dropped; an uninformative one has .5."""

ERROR = 0.01
"""Probability that a proxy whose mean agreement is at least MIN_AGREEMENT is ever dropped."""

_MAX_STAKE = 0.75
"""The largest bet, as a share of what would lose everything on one observation."""


def concordance(target: Array, proxy: Array) -> float | None:
    """How often, of two perturbations, the larger answer change is the same one for both models.

    Harrell's C, in [0, 1]: 1 = the same order, .5 = as often as not; where the proxy's changes
    are equal a pair counts half. Pairs whose target's changes differ by a hundredth or less are
    left aside. For an answer that is a label, the target's answer change is 0 where the label is
    the same, so this is the area under the curve of "the label changed".

    Args:
        target: the target's changes, shape (rows,).
        proxy: the proxy's at the same masks.

    Returns:
        None where no pair of the target's changes differs.
    """
    apart = target[:, None] - target[None]
    ordered = apart > NEGLIGIBLE
    if not ordered.any():
        return None
    ahead = (proxy[:, None] - proxy[None])[ordered]
    return float(((ahead > 1e-9) + 0.5 * (np.abs(ahead) <= 1e-9)).mean())


def disagrees(
    agreements: Iterable[float], minimum: float = MIN_AGREEMENT, error: float = ERROR
) -> bool:
    """Whether a proxy's mean agreement is below `minimum`, tested after every explanation.

    Betting (Waudby-Smith & Ramdas 2024, eq. 30, with the predictable plug-in bets of sec. 4.2):
    the wealth Π (1 + λ_t (minimum − a_t)), λ_t ≥ 0 from what came before t, is a nonnegative
    supermartingale where the mean is at least `minimum`. So (Ville) it ever reaches 1/error with
    probability at most `error`, however often one looks.

    Args:
        agreements: in [0, 1], in the order of the explanations.
        minimum: the mean that is wanted.
        error: the probability of dropping a proxy that reaches it.
    """
    wealth, total, squares = 1.0, 0.0, 0.0
    max_bet = _MAX_STAKE / (1 - minimum)
    for seen, value in enumerate(agreements, 1):
        mean = (minimum + total) / seen  # begins at the minimum: no bet
        variance = (0.05 + squares) / seen
        bet = min(max((minimum - mean) / (variance + (minimum - mean) ** 2), 0.0), max_bet)
        wealth *= 1 + bet * (minimum - value)
        if wealth >= 1 / error:
            return True
        total += value
        squares += (value - total / seen) ** 2
    return False
