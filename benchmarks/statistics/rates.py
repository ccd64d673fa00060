"""Error rates of the estimate, the test and the status on planted worlds.

    make bench-statistics          # or: python -m benchmarks.statistics.rates

runs 500 studies in which the answer change is noise, 500 in which the responses of a planted world
are shuffled, 200 in which only the amount removed matters, and 180 of each planted world, on fixed
rows (`studies` has the real Study ask them); prints the tables of the README, and with
`--share .1` runs a tenth.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pool

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics.worlds import Array, World, mass, nothing, planted
from smile_trace.attribution.estimation import fidelity, findings, inference
from smile_trace.attribution.estimation.fit import Fit
from smile_trace.attribution.one_thread import one_thread

SIZES = (8, 10, 12)
NOISES = (0.0, 0.1, 0.25)
BUDGET = 40

TOLERANCE = 0.001
"""Change below which an interval of (almost) no width is not called wrong."""


@dataclass
class Outcome:
    """What one study of a world saw; `reliable` is None where it was not asked."""

    world: str
    any_significant: bool
    reliable: bool | None
    false_share: float
    squared_error: float
    covered: list[bool] = field(default_factory=list)
    covered_others: list[bool] = field(default_factory=list)
    first_right: bool | None = None
    found_share: float | None = None
    status: str | None = None


@dataclass(frozen=True)
class Task:
    """One study: which of the suite's worlds, and whether to judge its status."""

    suite: str
    study: int
    judged: bool


def observe(world: World, rows: inference.Rows, seed: list[int], *, judged: bool) -> Outcome:
    """Estimates, tests and judges one study's rows against the world's truth."""
    found = Fit(rows, seed).estimate
    quality = fidelity.held_out(rows, [*seed, 1]) if judged else None
    significant = findings.discoveries(found)
    found = inference.holding_zero(found, significant)
    outcome = compare(world, found.effect, found.low, found.high, significant)
    if judged:
        outcome.reliable = quality is not None and quality.reliable
    return outcome


def compare(
    world: World, effect: Array, low: Array, high: Array, significant: NDArray[np.bool_]
) -> Outcome:
    """What was found beside the truth."""
    truth = world.truth()
    drives = np.abs(truth) > 0.01
    within = (low - TOLERANCE <= truth) & (truth <= high + TOLERANCE)
    return Outcome(
        world=world.name,
        any_significant=bool(significant.any()),
        reliable=None,
        false_share=float((significant & ~drives).sum() / max(int(significant.sum()), 1)),
        squared_error=float(((effect - truth) ** 2).mean()),
        covered=[bool(inside) for inside in within[drives]],
        covered_others=[bool(inside) for inside in within[~drives]],
        first_right=int(np.argmax(effect)) in world.drivers if world.drivers else None,
        found_share=float(significant[drives].mean()) if world.drivers else None,
    )


def planted_worlds(study: int, seed: int) -> Iterable[tuple[World, inference.Rows, list[int]]]:
    """The planted truths of a random size, and their noisy rows."""
    generator = np.random.default_rng([seed, study])
    noise = float(generator.choice(NOISES))
    for number, world in enumerate(planted(int(generator.choice(SIZES)), generator)):
        key = [seed, study, number]
        yield world, world.draw(BUDGET - 1, np.random.default_rng(key), noise=noise), key


def noise_alone(study: int, seed: int) -> Iterable[tuple[World, inference.Rows, list[int]]]:
    """A constant answer change with noise."""
    return _null(nothing, study, seed)


def amount_alone(study: int, seed: int) -> Iterable[tuple[World, inference.Rows, list[int]]]:
    """Only how much is removed matters."""
    return _null(mass, study, seed)


def shuffled(study: int, seed: int) -> Iterable[tuple[World, inference.Rows, list[int]]]:
    """The responses of one planted world, told of the wrong masks."""
    generator = np.random.default_rng([seed, study])
    worlds = planted(int(generator.choice(SIZES)), generator)
    world = worlds[study % len(worlds)]
    rows = world.draw(BUDGET - 1, generator, noise=float(generator.choice(NOISES)))
    mixed = replace(rows, y=generator.permutation(rows.y))
    yield World("shuffled responses", world.segments, (), world.change), mixed, [seed, study]


def _null(
    make: Callable[[int], World], study: int, seed: int
) -> Iterable[tuple[World, inference.Rows, list[int]]]:
    generator = np.random.default_rng([seed, study])
    world = make(int(generator.choice((*SIZES, 20, 30))))
    noise = float(generator.choice(NOISES[1:]))
    yield world, world.draw(BUDGET - 1, generator, noise=noise), [seed, study]


SUITES = {
    "planted": planted_worlds,
    "noise": noise_alone,
    "shuffled": shuffled,
    "amount": amount_alone,
}

SIZES_OF_SUITES = {
    "planted": (180, 20),
    "noise": (500, 200),
    "shuffled": (500, 50),
    "amount": (200, 200),
}
"""Studies, and how many of them have their status judged (most of the time goes there)."""


def run(task: Task, seed: int = 0) -> list[Outcome]:
    """The outcomes of one task."""
    with one_thread():
        return [
            observe(world, rows, key, judged=task.judged)
            for world, rows, key in SUITES[task.suite](task.study, seed)
        ]


def tasks(share: float, suites: Sequence[str] = tuple(SUITES)) -> list[Task]:
    """All studies, or a share of them."""
    return [
        Task(suite, study, judged=study < round(share * judged))
        for suite in suites
        for studies, judged in [SIZES_OF_SUITES[suite]]
        for study in range(round(share * studies))
    ]


def summary(outcomes: Sequence[Outcome]) -> dict[str, float | int | None]:
    """Counts and means over studies of one kind."""
    judged = [o.reliable for o in outcomes if o.reliable is not None]
    return {
        "studies": len(outcomes),
        "some significant": sum(o.any_significant for o in outcomes),
        "judged": len(judged),
        "reliable": sum(judged),
        "false discovery rate": _mean([o.false_share for o in outcomes]),
        "first place": _mean([o.first_right for o in outcomes if o.first_right is not None]),
        "found": _mean([o.found_share for o in outcomes if o.found_share is not None]),
        "mse": _mean([o.squared_error for o in outcomes]),
        "intervals": sum(len(o.covered) for o in outcomes),
        "coverage": _mean([inside for o in outcomes for inside in o.covered]),
        "coverage of the others": _mean([inside for o in outcomes for inside in o.covered_others]),
    }


def table(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float | int | None]]:
    """A summary per world, and one over all planted worlds."""
    names = dict.fromkeys(outcome.world for outcome in outcomes)
    rows = {name: summary([o for o in outcomes if o.world == name]) for name in names}
    with_drivers = [o for o in outcomes if o.first_right is not None]
    return rows | ({"all planted": summary(with_drivers)} if with_drivers else {})


def markdown(rows: dict[str, dict[str, float | int | None]]) -> str:
    """The tables of planted worlds in the README."""
    planted_rows = {name: row for name, row in rows.items() if row["first place"] is not None}
    lines = [
        "| world | first place | drivers found | false discovery rate | `reliable` | MSE ×10³ |"
        " interval covers (drivers) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in planted_rows.items():
        lines.append(
            f"| {name} | {row['first place']:.2f} | {row['found']:.2f} |"
            f" {row['false discovery rate']:.3f} | {row['reliable']} of {row['judged']} |"
            f" {1000 * (row['mse'] or 0):.1f} | {row['coverage']:.3f} of {row['intervals']} |"
        )
    lines += ["", "| nothing to find | some segment significant | `reliable` |", "|---|---|---|"]
    for name, row in rows.items():
        if name not in planted_rows:
            lines.append(
                f"| {name} | {row['some significant']} of {row['studies']} |"
                f" {row['reliable']} of {row['judged']} |"
            )
    return "\n".join(lines)


def _mean(values: Sequence[float] | Sequence[bool]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the studies to run")
    parser.add_argument("--suites", nargs="*", choices=SUITES, default=list(SUITES))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    todo = tasks(options.share, options.suites)
    outcomes: list[Outcome] = []
    with Pool(options.processes) as pool:
        for done, found in enumerate(pool.imap(run, todo, chunksize=4), 1):
            outcomes.extend(found)
            if done % 50 == 0 or done == len(todo):
                print(f"{done} of {len(todo)} studies", file=sys.stderr, flush=True)
    print(markdown(table(outcomes)))


if __name__ == "__main__":
    main()
