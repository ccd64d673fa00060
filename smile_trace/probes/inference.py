"""Inference from few answers: intervals of rates, and tests against the controls. Pure.

Every answer is one draw: changed or not. A probe's *rate* is the share of its variants that change
the answer; it is reported only if it exceeds that of both controls, repeats of the same request and
its paraphrases.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, combinations, product, repeat
from typing import Any, NamedTuple

import numpy as np
import scipy  # type: ignore[import-untyped]

Array = np.ndarray[Any, np.dtype[np.float64]]

ALPHA = 0.1
"""Family-wise error rate of one prompt, if no probe differs from its controls."""

LEVEL = 0.9

_RATES = np.concatenate([[0.002, 0.005], np.linspace(0.01, 0.99, 50), [0.995]])
"""Common rates over which the unconditional test takes its maximum."""


class Count(NamedTuple):
    """The number of changed answers, and of all given ones."""

    changed: int
    asked: int

    @property
    def rate(self) -> float:
        """The share that changed; 0 if nothing was asked."""
        return self.changed / self.asked if self.asked else 0.0


NOTHING = Count(0, 0)


class Stage(NamedTuple):
    """Sampling stops after `asked` answers if at most `stop` or at least `enough` changed."""

    asked: int
    stop: int
    enough: int


Between = Callable[[str, str], Count]
"""`between(probe, other)`: the answers to `other`'s variants that count by `probe`'s measure."""


def rate_interval(count: Count, stages: Sequence[Stage]) -> tuple[float, float]:
    """Return the mid-p interval of a rate, given that sampling stops if few answers change, or
    nearly all.

    Outcomes are ordered by the rate that they show; a tail counts half of the outcome's own
    probability (Lancaster 1961), so that coverage is right on average, while Clopper and Pearson's
    would be too high in nearly every case. Without an answer: (0, 1). An end beside the `stages` (a
    budget that ended) is taken as planned; a stage that would have stopped it did not apply (a
    control is asked on for the sake of others).
    """
    changed, asked = count
    if not asked:
        return 0.0, 1.0
    tail = (1 - LEVEL) / 2
    stages = [stage for stage in stages if stage.asked < asked and stage.stop < changed]

    def below(rate: float) -> float:
        return _below(rate, changed, asked, stages)

    low = (
        0.0
        if not changed
        else float(scipy.optimize.brentq(lambda rate: 1 - below(rate) - tail, 0, 1))
    )
    high = (
        1.0
        if changed == asked
        else float(scipy.optimize.brentq(lambda rate: below(rate) - tail, 0, 1))
    )
    return low, high


def _below(rate: float, changed: int, asked: int, stages: Sequence[Stage]) -> float:
    """Return the probability of an outcome with a smaller rate, plus half that of this one."""
    alive, at, less = np.ones(1), 0, 0.0
    for stage in stages:
        alive = np.convolve(alive, _binomial(stage.asked - at, rate))
        less += alive[: stage.stop + 1].sum()
        alive[: stage.stop + 1] = alive[stage.enough :] = 0.0
        at = stage.asked
    alive = np.convolve(alive, _binomial(asked - at, rate))
    return float(less + alive[:changed].sum() + alive[changed] / 2)


def _binomial(trials: int, rates: float | Array) -> Array:
    """Return the probabilities of 0 … `trials` changes; a row per rate if there are several."""
    ks = np.arange(trials + 1)
    rate = np.asarray(rates)[..., None]
    ways = -np.log1p(trials) - scipy.special.betaln(ks + 1, trials - ks + 1)
    chances = scipy.special.xlogy(ks, rate) + scipy.special.xlog1py(trials - ks, -rate)
    found: Array = np.exp(ways + chances)
    return found


def _fisher(n: int, m: int) -> Array:
    """Fisher's one-sided p-values of all outcomes of `n` and `m` answers; shape (n + 1, m + 1)."""
    ks, xs = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
    tail: Array = scipy.stats.hypergeom.sf(ks - 1, n + m, ks + xs, n)
    return tail


@lru_cache(maxsize=65_536)
def excess(one: Count, other: Count) -> float:
    """Return the p-value of "the first rate is no larger than the other" by Boschloo's exact test;
    1 if either has no answer.

    Fisher's p-value is the statistic; its distribution is that of two binomials with a common rate,
    at the least favourable rate (Boschloo 1970). With eleven answers against eight, none of these
    changed, three changed ones are enough for ALPHA; Fisher's own test would want four.
    """
    (k, n), (x, m) = one, other
    if not n or not m or not k:
        return 1.0
    fisher = _fisher(n, m)
    extreme = fisher <= fisher[k, x] * (1 + 1e-9)
    ours, theirs = _binomial(n, _RATES), _binomial(m, _RATES)
    return float(min(((ours @ extreme) * theirs).sum(axis=1).max(), 1.0))


def adjusted(
    probes: Collection[str],
    between: Between,
    controls: Collection[str],
    *,
    also: str | None = None,
) -> dict[str, float]:
    """Return each probe's p-value of "no more than its control", adjusted for all of the prompt.

    Closed testing (Marcus, Peritz and Gabriel 1976): a probe is reported if every set of probes
    that holds it is rejected. In a set whose members do not differ from the control, they do not
    differ from one another either: each is tested against the control and all the others of the set
    together, and the set's p-value is the smallest one times their number. So the unchanged answers
    of other probes count as controls, which is what makes few calls enough. `also` is a probe that
    is a control of all the others, too.
    """
    moved = [name for name in probes if between(name, name).changed]
    others = Counter(
        _Idle(name == also, tuple(between(one, name) for one in moved))
        for name in probes
        if name not in moved
    )
    always = [*controls, *([] if also is None else [also])]
    worst = {name: 0.0 if name in moved else 1.0 for name in probes}
    for size in range(1, len(moved) + 1):
        for members in combinations(moved, size):
            for numbers in product(*(range(many + 1) for many in others.values())):
                idle = list(chain.from_iterable(map(repeat, others, numbers)))
                smallest = 1.0
                for one in members:
                    rest = [between(one, name) for name in {*always, *members} - {one}]
                    # What is a control already does not count twice.
                    rest += [o.seen_by[moved.index(one)] for o in idle if not o.is_control]
                    smallest = min(smallest, excess(between(one, one), _total(rest)))
                p_value = min(1.0, (size + len(idle)) * smallest)
                worst |= {one: max(worst[one], p_value) for one in members}
    return worst


class _Idle(NamedTuple):
    """An unchanged probe as the changed ones' measures see it; which of equal ones are in a set
    does not matter."""

    is_control: bool
    seen_by: tuple[Count, ...]


def _total(counts: Iterable[Count]) -> Count:
    counts = list(counts)
    return Count(sum(c.changed for c in counts), sum(c.asked for c in counts))


def against_both_controls(
    probes: Collection[str], between: Between, *, repeats: str, paraphrase: str
) -> Mapping[str, float]:
    """Return the p-value of each probe: the larger of those against the repeats and the
    paraphrases. A paraphrase changes the answer at least as often as a repeat, so its answers stand
    beside the repeats for all other probes. The paraphrases themselves are tested against the
    repeats only."""
    tested = [name for name in probes if name != repeats]
    others = [name for name in tested if name != paraphrase]
    also = paraphrase if paraphrase in tested else None
    noise = adjusted(tested, between, [repeats], also=also)
    wording = adjusted(others, between, [paraphrase])
    return {name: max(noise[name], wording.get(name, 0.0)) for name in tested}
