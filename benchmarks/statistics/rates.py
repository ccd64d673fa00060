"""Error rates of the estimate, the test and the status on planted worlds.

    python -m benchmarks.statistics.rates --studies 100 --budget 40

prints one JSON object per kind of world.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace.attribution import fidelity, statistics

SIZES = (8, 10, 12)
NOISES = (0.0, 0.1, 0.25)

TOLERANCE = 0.001
"""Shift below which an interval of (almost) no width is not called wrong."""


@dataclass
class Rates:
    """What was seen over the studies of one kind of world."""

    studies: int = 0
    any_significant: int = 0
    reliable: int = 0
    first_right: int = 0
    with_drivers: int = 0
    false_share: list[float] = field(default_factory=list)
    found_share: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    covered_others: list[bool] = field(default_factory=list)
    squared_errors: list[float] = field(default_factory=list)

    def add(self, world: World, budget: int, seed: list[int], noise: float) -> None:
        """Runs one study of a world and takes note."""
        generator = np.random.default_rng(seed)
        rows = world.draw(budget - 1, generator, noise=noise)
        found = statistics.estimate(rows, seed)
        assert found.p_value is not None
        significant = statistics.benjamini_hochberg(found.p_value) & (np.abs(found.effect) > 0.01)
        quality = fidelity.held_out(rows, [*seed, 1])
        truth = world.truth()
        drives = np.abs(truth) > 0.01
        self.studies += 1
        self.any_significant += bool(significant.any())
        self.reliable += quality is not None and quality.reliable
        self.false_share.append(
            float((significant & ~drives).sum() / max(int(significant.sum()), 1))
        )
        within = (found.low - TOLERANCE <= truth) & (truth <= found.high + TOLERANCE)
        self.covered.extend(bool(inside) for inside in within[drives])
        self.covered_others.extend(bool(inside) for inside in within[~drives])
        self.squared_errors.append(float(((found.effect - truth) ** 2).mean()))
        if world.drivers:
            self.with_drivers += 1
            self.first_right += int(np.argmax(found.effect)) in world.drivers
            self.found_share.append(float(significant[drives].mean()))

    def summary(self) -> dict[str, float]:
        """The rates, and the mean squared error to the enumerated estimand."""
        kept = {
            "studies": self.studies,
            "any_significant": self.any_significant / self.studies,
            "reliable": self.reliable / self.studies,
            "false_discovery_rate": _mean(self.false_share),
            "power": _mean(self.found_share),
            "coverage_drivers": _mean(self.covered),
            "intervals": len(self.covered),
            "coverage_others": _mean(self.covered_others),
            "first_place": self.first_right / max(self.with_drivers, 1),
            "mse_x1000": 1000 * _mean(self.squared_errors),
        }
        return {name: round(value, 4) for name, value in kept.items()}


def measure(
    worlds: Callable[[np.random.Generator], Iterable[World]],
    studies: int,
    budget: int,
    seed: int,
    noises: tuple[float, ...] = NOISES,
) -> dict[str, Rates]:
    """Runs `studies` draws of each world and gives the rates by the world's name."""
    rates: dict[str, Rates] = {}
    for study in range(studies):
        generator = np.random.default_rng([seed, study])
        noise = float(generator.choice(noises))
        for number, world in enumerate(worlds(generator)):
            of_kind = rates.setdefault(world.name, Rates())
            of_kind.add(world, budget, [seed, study, number], noise)
    return rates


def any_planted(generator: np.random.Generator) -> Iterable[World]:
    """The planted truths, of a random size."""
    return planted(int(generator.choice(SIZES)), generator)


def any_null(generator: np.random.Generator) -> Iterable[World]:
    """Worlds in which no segment drives the answer."""
    size = int(generator.choice((*SIZES, 20, 30)))
    return (nothing(size), mass(size))


def _mean(values: list[float] | list[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for worlds, noises in ((any_planted, NOISES), (any_null, (0.1, 0.25))):
        found = measure(worlds, options.studies, options.budget, options.seed, noises)
        for name, rates in found.items():
            print(json.dumps({"world": name, **rates.summary()}), flush=True)


if __name__ == "__main__":
    main()
