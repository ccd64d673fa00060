"""Which rows, and which exact test, find segments that replace each other in noise?

The first level of a long prompt as it is asked at 40 calls: 37 random rows of 16 segments, a fifth
of the answers unrelated. Nothing here is the real study, so that a design or a test that does not
exist yet is tried in a second.

    python -m benchmarks.statistics.redundant --studies 100

prints, per design and world, in which share of the studies a driver is named, by single segments or
else by pairs: Benjamini & Hochberg at .10, and at the .05 that an early look leaves, of which pairs
get no part, a fifth or a half (`PARTS_OF_PAIRS`).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smile_trace._stats.false_discoveries import discovered
from smile_trace.attribution.estimation.gaussian_process import leave_one_out_residuals
from smile_trace.attribution.estimation.inference import Rows, randomisation_test
from smile_trace.attribution.estimation.solver import Array

SEGMENTS, ROWS, NOISE = 16, 37, 0.2
PAIRS = list(combinations(range(SEGMENTS), 2))
DRAWS = 9999
RATES, PARTS_OF_PAIRS = (0.1, 0.05), (0.0, 0.2, 0.5)
"""False discovery rates of a study, and the part of it that pairs get."""


@dataclass(frozen=True)
class World:
    """`lost` says of masks (1 = removed) where the answer is lost, shape (rows,)."""

    name: str
    drivers: tuple[int, ...]
    lost: Callable[[Array], Array]


WORLDS = (
    World("one driver", (3,), lambda x: x[:, 3]),
    World("both of two", (3, 9), lambda x: x[:, [3, 9]].max(axis=1)),
    World("either of two", (3, 9), lambda x: x[:, [3, 9]].min(axis=1)),
    World("any of three", (3, 9, 13), lambda x: x[:, [3, 9, 13]].min(axis=1)),
    World("nothing", (), lambda x: np.zeros(len(x))),
)
DESIGNS = {
    ".5 and .8, as shipped": (0.5, 0.2),
    ".5, .8 and .2": (0.5, 0.2, 0.8),
    ".5": (0.5,),
}
"""Keep probabilities → the removal probabilities of the rows, in turn."""


def rows_of(world: World, removal: tuple[float, ...], generator: np.random.Generator) -> Rows:
    """The rows of one study; unrelated answers are not all equally far."""
    q = np.resize(removal, ROWS)
    x = (generator.random((ROWS, SEGMENTS)) < q[:, None]).astype(float)
    unrelated = generator.random(ROWS) < NOISE
    y = np.maximum(world.lost(x), unrelated) * (1 - 0.1 * generator.random(ROWS))
    no_rows = np.zeros((0, SEGMENTS))
    return Rows(x, y, q, np.full(x.shape, True), np.ones(ROWS), no_rows, np.zeros(0))


def pair_test(rows: Rows, generator: np.random.Generator) -> Array:
    """p-value per pair that both together change nothing, shape (len(PAIRS),).

    As `randomisation_test`: T = |Σ_k (x_ik x_jk − q_k²) r_k|, with r the leave-one-out residuals of
    the process on the *other* segments; both are drawn again. Exact for any model.
    """
    both = np.array([rows.x[:, i] * rows.x[:, j] for i, j in PAIRS]).T
    residuals = np.array(
        [leave_one_out_residuals(np.delete(rows.x, pair, axis=1), rows.y) for pair in PAIRS]
    ).T
    observed = np.abs(((both - rows.q[:, None] ** 2) * residuals).sum(axis=0))
    one, other = (generator.random((DRAWS, ROWS)) < rows.q for _ in range(2))
    again = np.abs(((one & other) - rows.q**2) @ residuals)
    p_values: Array = (1 + (again >= observed - 1e-12).sum(axis=0)) / (DRAWS + 1)
    return p_values


def named(rows: Rows, seed: int) -> list[list[tuple[int, ...]]]:
    """Per rate and part the segments, or where none is named the pairs, that are named."""
    generator = np.random.default_rng([seed, 1])
    single, paired = randomisation_test(rows, generator), pair_test(rows, generator)
    found: list[list[tuple[int, ...]]] = []
    for rate in RATES:
        for part in PARTS_OF_PAIRS:
            singles = np.flatnonzero(discovered(single, (1 - part) * rate))
            pairs = np.flatnonzero(discovered(paired, part * rate))
            found.append([(int(i),) for i in singles] or [PAIRS[k] for k in pairs])
    return found


def row(world: World, removal: tuple[float, ...], studies: int) -> str:
    """Per procedure in which share of the studies a driver is named (where there is none,
    anything); of the pairs of the last one how many hold a driver, and nothing else."""
    hits = np.zeros(len(RATES) * len(PARTS_OF_PAIRS))
    drivers, held = set(world.drivers), []
    for seed in range(studies):
        rows = rows_of(world, removal, np.random.default_rng([seed, len(removal)]))
        found = named(rows, seed)
        hits += [any(not drivers or drivers & set(part) for part in parts) for parts in found]
        held += [len(drivers & set(part)) for part in found[-1] if len(part) > 1]
    rates = " | ".join(f"{rate:.2f}" for rate in hits / studies)
    return f"{rates} | {sum(k > 0 for k in held)} and {sum(k > 1 for k in held)} of {len(held)}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    studies = parser.parse_args().studies
    print("keep | world | rates × parts of pairs | pairs with a driver, of drivers alone")
    with threadpool_limits(limits=1):
        for name, removal in DESIGNS.items():
            for world in WORLDS:
                print(f"{name} | {world.name} | {row(world, removal, studies)}", flush=True)


if __name__ == "__main__":
    main()
