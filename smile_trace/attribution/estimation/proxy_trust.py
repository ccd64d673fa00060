"""When a proxy is dropped: a test of its trust that may be repeated after every explanation."""

from collections.abc import Iterable

MIN_MEAN_TRUST = 0.6
"""The mean trust below which a proxy is dropped."""

ERROR = 0.01
"""Probability that a proxy whose mean trust is at least MIN_MEAN_TRUST is ever dropped."""

_MAX_STAKE = 0.75
"""The largest bet, as a share of what would lose everything on one explanation."""

_EXPECTED = 0.5
"""The trust that the first bet expects, as a share of the minimum."""


def mistrusted(
    trusts: Iterable[float], minimum: float = MIN_MEAN_TRUST, error: float = ERROR
) -> bool:
    """Whether a proxy's mean trust is below `minimum`, tested after every explanation.

    Betting (Waudby-Smith & Ramdas 2024, eq. 30, with the predictable plug-in bets of sec. 4.2):
    the wealth Π (1 + λ_s (minimum − t_s)), λ_s ≥ 0 from what came before s, is a nonnegative
    supermartingale where the mean is at least `minimum`. So (Ville) it ever reaches 1/error with
    probability at most `error`, however often one looks.

    Args:
        trusts: in [0, 1], in the order of the explanations.
        minimum: the mean that is wanted.
        error: the probability of dropping a proxy that reaches it.
    """
    wealth, total, squares = 1.0, 0.0, 0.0
    max_bet = _MAX_STAKE / (1 - minimum)
    for seen, value in enumerate(trusts, 1):
        mean = (_EXPECTED * minimum + total) / seen
        variance = (0.05 + squares) / seen
        bet = min(max((minimum - mean) / (variance + (minimum - mean) ** 2), 0.0), max_bet)
        wealth *= 1 + bet * (minimum - value)
        if wealth >= 1 / error:
            return True
        total += value
        squares += (value - total / seen) ** 2
    return False
