"""A planted decoy: a part that is near to the answer and has no effect. How often is it found?

    python -m benchmarks.statistics.decoys --studies 400

Rows of planted worlds (and of noise alone, and of amount alone), in which the decoy is as near as
can be, the drivers are not near at all, and the rest is as near as words of a prompt are. Beside
each other: the tests weighed by nearness, and as before all alike; and with the same words where
the driver is the near one. `decoy`: the share of the studies in which it is significant, which is
to be no more than the level of .10 (95 % Wilson interval); `false`: the mean share of what is
significant that has no effect (the false discovery rate); `driver`: the share in which the
strongest driver is significant; `first`: in which it is ranked first.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.statistics.chats import wilson
from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace._stats.false_discoveries import discovered
from smile_trace.attribution.estimation.first_place import posterior, weights_of_tests
from smile_trace.attribution.estimation.inference import LEVEL, randomisation_test

SIZES, ROWS, NOISE = (6, 13), 39, 0.15
NEAR = (0.0, 0.0, 0.1, 0.2, 0.35, 0.6)
"""How near words of a prompt are to its answer, about: half of those of the known drivers are
within .2 of none."""

KNOWN = ("nothing", "decoy near", "driver near")


@dataclass(frozen=True)
class Found:
    """What one study found: `driver` and `first` are None where nothing drives the answer."""

    world: str
    known: str
    decoy: bool
    false: float
    driver: bool | None
    first: bool | None


def worlds(size: int, generator: np.random.Generator) -> list[World]:
    """Those in which some part has no effect."""
    some = [world for world in planted(size, generator) if world.name != "long tail"]
    return [*some, nothing(size), mass(size)]


def observe(world: World, seed: list[int]) -> Iterator[Found]:
    """One study of a world, by each of KNOWN, of the same answers."""
    generator = np.random.default_rng(seed)
    rows = world.draw(ROWS, generator, noise=NOISE)
    p_values = randomisation_test(rows, generator)
    truth = world.truth()
    without = [k for k in range(world.segments) if abs(truth[k]) < 1e-9]
    decoy = int(generator.choice(without))
    best = int(truth.argmax()) if world.drivers else None
    usual = generator.choice(NEAR, world.segments)
    for known in KNOWN:
        near = usual.copy()
        if best is not None:
            near[list(world.drivers)] = float(known == "driver near")
        near[decoy] = float(known == "decoy near")
        weights = None if known == "nothing" else weights_of_tests(near)
        significant = discovered(p_values, 1 - LEVEL, weights)
        wrong = int(significant[without].sum())
        first = posterior(rows, near if weights is not None else np.zeros(len(near))).mean.argmax()
        yield Found(
            world=world.name,
            known=known,
            decoy=bool(significant[decoy]),
            false=wrong / max(int(significant.sum()), 1),
            driver=None if best is None else bool(significant[best]),
            first=None if best is None else bool(truth[first] >= truth[best] - 1e-9),
        )


def table(found: list[Found]) -> str:
    """A row per world and what is known."""
    lines = ["| world | | decoy | false | driver | first |", "|---" * 6 + "|"]
    for name in dict.fromkeys(one.world for one in found):
        for known in KNOWN:
            some = [one for one in found if (one.world, one.known) == (name, known)]
            hits = sum(one.decoy for one in some)
            means = [
                _mean([getattr(one, of) for one in some]) for of in ("false", "driver", "first")
            ]
            lines.append(f"| {name} | {known} | {wilson(hits, len(some))} | {' | '.join(means)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else ""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    studies = parser.parse_args().studies
    with threadpool_limits(limits=1):
        for size in SIZES:
            found = [
                one
                for study in range(studies)
                for k, world in enumerate(worlds(size, np.random.default_rng([study, size])))
                for one in observe(world, [study, size, k])
            ]
            print(f"{size} parts, {ROWS} random masks\n\n{table(found)}\n", flush=True)


if __name__ == "__main__":
    main()
