"""How often the sentence says rightly how two segments work together, on planted worlds.

    python -m benchmarks.statistics.interactions --studies 30

The rows are those of `rates`. Right: *either is enough* of two drivers that can replace each
other (also where two of three are enough), *only both together* of two drivers either of which
loses the answer alone. Everything else that is said is wrong.
"""

import argparse
from collections import Counter

import numpy as np

from benchmarks.statistics.rates import BUDGET, NOISES, SIZES
from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.interactions import pairs
from smile_trace.attribution.one_thread import one_thread

RIGHT = {"either of two": "either", "two of three": "either", "any of three": "both"}


def said(world: World, noise: float, seed: list[int]) -> list[bool]:
    """Per pair of which something is said, whether it is so."""
    rows = world.draw(BUDGET - 1, np.random.default_rng(seed), noise=noise)
    found = pairs(rows, inference.estimate(rows, seed).effect, seed)
    drivers = set(world.drivers)
    return [
        {pair.first, pair.second} <= drivers and pair.kind == RIGHT.get(world.name)
        for pair in found
        if pair.kind is not None
    ]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=30, help="of each world")
    studies = parser.parse_args().studies
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    names: dict[str, None] = {}
    with one_thread():
        for study in range(studies):
            generator = np.random.default_rng([9, study])
            n, noise = int(generator.choice(SIZES)), float(generator.choice(NOISES))
            worlds = [*planted(n, generator), nothing(n), mass(n)]
            for number, world in enumerate(worlds):
                noisy = noise if world.drivers else max(noise, NOISES[1])
                found = said(world, noisy, [9, study, number])
                names[world.name] = None
                right[world.name] += any(found)
                wrong[world.name] += not all(found)
    print(f"| world, {studies} studies each | something right is said | something wrong |")
    print("|---|---|---|")
    for name in names:
        print(f"| {name} | {right[name] if name in RIGHT else '–'} | {wrong[name]} |", flush=True)


if __name__ == "__main__":
    main()
