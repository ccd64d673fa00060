"""Planted worlds: known functions from masks to an answer change in [0, 1].

`x` has shape (rows, segments), 1 = removed. Every world says which segments drive it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.design.masks import KEEP_PROBABILITIES
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES, Rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A planted truth over `segments` segments, of which `drivers` matter."""

    name: str
    segments: int
    drivers: tuple[int, ...]
    change: Callable[[Array], Array]

    def truth(self) -> Array:
        """The estimand by enumeration of all masks but the empty one (docs/method.md)."""
        n = self.segments
        if not self.drivers:
            return np.zeros(n)
        x = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
        y = self.change(x)
        effects = np.zeros(n)
        for i in range(n):
            kept = np.flatnonzero((x[:, i] == 0) & (x.sum(axis=1) < n - 1))
            others = x[kept].sum(axis=1)
            for q in REMOVAL_PROBABILITIES:
                weight = q**others * (1 - q) ** (n - 1 - others)
                change = y[kept + (1 << i)] - y[kept]
                effects[i] += weight @ change / weight.sum() / len(REMOVAL_PROBABILITIES)
        return effects

    def draw(
        self, rows: int, generator: np.random.Generator, *, noise: float = 0.0, uneven: bool = False
    ) -> Rows:
        """Random masks with their changes, as a study asks them.

        Args:
            rows: how many masks.
            generator: where the masks and the noise come from.
            noise: standard deviation of the answer change's noise.
            uneven: noise that grows with what is removed.
        """
        q = 1 - np.resize(KEEP_PROBABILITIES, rows)
        x = (generator.random((rows, self.segments)) < q[:, None]).astype(float)
        while (empty := x.all(axis=1)).any():
            again = generator.random((int(empty.sum()), self.segments))
            x[empty] = again < q[empty, None]
        spread = noise * (2 * x.mean(axis=1) if uneven else 1.0)
        y = self.change(x) + spread * generator.standard_normal(rows)
        alone = (x.sum(axis=1) == self.segments - 1)[:, None] & (x == 0)
        none = np.zeros((1, self.segments))
        return Rows(x, y, q, ~alone, np.ones(rows), none, self.change(none))


def planted(n: int, generator: np.random.Generator) -> list[World]:
    """The planted truths of one size, their drivers drawn anew."""
    a, b, c = (int(k) for k in generator.permutation(n)[:3])
    tail = np.sort(generator.exponential(size=n))[::-1][np.argsort(generator.permutation(n))]
    tail = tail / tail.sum()
    heavy = tuple(int(k) for k in np.flatnonzero(tail > 0.15))
    return [
        World("one driver", n, (a,), lambda x: 0.05 + 0.85 * x[:, a]),
        World("any of three", n, (a, b, c), lambda x: 0.9 * x[:, [a, b, c]].max(axis=1)),
        World("either of two", n, (a, b), lambda x: 0.9 * x[:, [a, b]].min(axis=1)),
        World("graded", n, (a, b, c), lambda x: 0.5 * x[:, a] + 0.3 * x[:, b] + 0.15 * x[:, c]),
        World("long tail", n, heavy, lambda x: x @ tail),
        World("two of three", n, (a, b, c), lambda x: 0.9 * (x[:, [a, b, c]].sum(axis=1) >= 2)),
        World("suppressor", n, (a,), lambda x: 0.2 + 0.6 * x[:, a] - 0.2 * x[:, b]),
        World("weak driver", n, (a,), lambda x: 0.3 + 0.2 * x[:, a]),
    ]


def mass(n: int) -> World:
    """Only how much is removed matters: nobody drives it (the truth is called zero)."""
    return World("mass", n, (), lambda x: 1 / (1 + np.exp(-20 * (x.mean(axis=1) - 0.35))))


def nothing(n: int) -> World:
    """The answer change is noise around one half."""
    return World("nothing", n, (), lambda x: np.full(len(x), 0.5))
