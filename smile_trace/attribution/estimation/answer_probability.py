"""The probability of the logged answer, and how much of it is lost.

Tokens are scored one after another, each behind those that the answer really has before it. Most
of a long answer follows from its own beginning and stays as likely as it was, whatever is removed
from the prompt. On the scale of logarithms such tokens add nothing, and each of the others counts
by what it loses; a mean of probabilities would let the mass of them hide the few that tell.
"""

import math
from collections.abc import Sequence

COUNTED_TOKENS = 32
"""Tokens that an answer counts as, at most: a longer one is lost where as much is lost of it as
would take an answer of so many tokens."""

_IMPOSSIBLE = -50.0
"""Log-probability below which a token is as good as impossible."""


def log_probability(logprobs: Sequence[float]) -> float:
    """Of the whole answer, in nats: the sum over its tokens."""
    return math.fsum(min(max(value, _IMPOSSIBLE), 0.0) for value in logprobs)


def share_lost(logprob: float, unperturbed: float, tokens: int) -> float:
    """1 − (p / p₀)^(1/τ), with τ the number of tokens, at most COUNTED_TOKENS.

    Up to that many tokens p^(1/τ) is the geometric mean of the tokens' conditional probabilities,
    the inverse of the perplexity; of one token it is its probability. 0 = as likely as before,
    1 = impossible; below 0 where the answer has become likelier.

    Args:
        logprob: log p of the whole answer.
        unperturbed: log p₀, of the whole answer after the unperturbed prompt.
        tokens: how many tokens the answer has.
    """
    exponent = (logprob - unperturbed) / min(max(tokens, 1), COUNTED_TOKENS)
    return -math.expm1(min(exponent, 1.0))


def mean_probability(logprobs: Sequence[float]) -> float:
    """The mean conditional probability of the answer's tokens, in [0, 1] (1 without tokens)."""
    if not logprobs:
        return 1.0
    return math.fsum(math.exp(min(value, 0.0)) for value in logprobs) / len(logprobs)
