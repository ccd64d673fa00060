"""What a proxy is worth, and what a bad one costs, on planted pairs.

    make bench-proxy          # or: python -m benchmarks.statistics.proxy

Per pair 400 seeded studies: a planted world is the target, and the proxy is the same function, a
monotone distortion of it, wrong on one driver, right but for a false driver, or driven by
something else altogether; and 200 in which nobody drives the target, or only how much is
removed. The target's answer change has noise of sd 0, .1 or .25; the proxy, asked 200 times, has
none.
Prints the tables of benchmarks/families/README.md; `--share .1` runs a tenth.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Pool

import numpy as np

from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace.attribution.estimation import gaussian_process, multifidelity
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES, Rows
from smile_trace.attribution.estimation.proxy_findings import prediction_powered_estimate
from smile_trace.attribution.estimation.solver import Array
from smile_trace.attribution.one_thread import one_thread

SIZES = (8, 10, 12)
NOISES = (0.0, 0.1, 0.25)
PROXY_CALLS = 200
TARGET_CALLS = 20
MANY = 256
"""Calls to the target alone that a good proxy is held against."""

TOLERANCE = 0.001
"""Change below which an interval of (almost) no width is not called wrong."""

Change = Callable[[Array], Array]
GOOD = ("same", "monotone")
STUDIES = {"same": 400, "monotone": 400, "useless": 400} | {
    "wrong on one": 200,
    "false driver": 200,
    "nothing": 200,
    "mass": 200,
}
"""Of each pair. In the last two it is the target that nobody drives, or the amount removed."""


@dataclass(frozen=True)
class Outcome:
    """What one study saw. First place: of the estimate with the proxy, of the same target calls
    alone at the same masks, of as many at masks of their own, and (beside a good proxy) of MANY
    alone; squared errors likewise, and of saying 0."""

    pair: str
    noise: float
    first: tuple[bool, bool, bool, bool]
    errors: tuple[float, float, float, float, float]
    covered: tuple[bool, ...]
    covered_others: tuple[bool, ...]
    false_share: float
    found_share: float
    any_significant: bool
    reliable: bool
    trust: float


def made(pair: str, number: int, generator: np.random.Generator) -> tuple[World, Change, float]:
    """A target, the proxy's answer change function, and the noise of the target's answer change."""
    n, noise = int(generator.choice(SIZES)), float(generator.choice(NOISES))
    worlds = planted(n, generator)
    world = worlds[number % len(worlds)]
    while not world.drivers:
        world = planted(n, generator)[number % len(worlds)]
    if pair in ("nothing", "mass"):
        proxy = (mass(n) if pair == "mass" and number % 2 else world).change
        target = nothing(n) if pair == "nothing" else mass(n)
        return target, relative(proxy, n), noise or 0.1
    proxy = relative(proxy_of(pair, world, generator), n)
    return replace(world, change=relative(world.change, n)), proxy, noise


def proxy_of(pair: str, world: World, generator: np.random.Generator) -> Change:
    """The proxy's answer change function."""
    others = [k for k in range(world.segments) if k not in world.drivers]
    b, c = (int(k) for k in generator.permutation(others)[:2])
    match pair:
        case "monotone":
            bends: list[Change] = [
                np.square,
                np.sqrt,
                lambda y: 1 / (1 + np.exp(-10 * (y - 0.5))),
            ]
            bend = bends[generator.integers(3)]
            return lambda x: bend(world.change(x))
        case "wrong on one":
            a = world.drivers[0]

            def swapped(x: Array) -> Array:
                x = x.copy()
                x[:, [a, b]] = x[:, [b, a]]
                return world.change(x)

            return swapped
        case "false driver":
            return lambda x: 1 - (1 - world.change(x)) * (1 - 0.8 * x[:, b])
        case "useless":
            elsewhere: list[Change] = [
                lambda x: 0.9 * x[:, b],
                lambda x: 0.9 * x[:, [b, c]].max(axis=1),
                lambda x: 0.5 * x[:, b] + 0.4 * x[:, c],
            ]
            return elsewhere[generator.integers(3)]
    return world.change


def relative(change: Change, segments: int) -> Change:
    """As a study reads it: against the unperturbed prompt's, in [0, 1]."""
    base = float(change(np.zeros((1, segments)))[0])
    return lambda x: np.clip((change(x) - base) / (1 - base), 0, 1)


def study(task: tuple[str, int, int, int]) -> Outcome:
    """One seeded study of a pair: (pair, calls to the target, seed, number)."""
    pair, calls, seed, number = task
    generator = np.random.default_rng([seed, number])
    target, proxy, noise = made(pair, number, generator)
    n, truth = target.segments, target.truth()
    with one_thread():
        of_proxy = _ask_proxy(proxy, n, generator)
        rows = _with_chosen(
            target.draw(calls - 3, generator, noise=noise), of_proxy, target, noise, generator
        )
        found = prediction_powered_estimate(
            rows, proxy(rows.x), proxy(rows.others_x), of_proxy, [seed, number]
        )
        alone = [
            _alone(rows),
            _alone(target.draw(calls - 1, generator, noise=noise)),
            _alone(target.draw(MANY - 1, generator, noise=noise))
            if pair in GOOD
            else truth * np.nan,
        ]
    estimate = found.estimate
    significant = found.significant
    drives = np.abs(truth) > 0.01
    inside = (estimate.low - TOLERANCE <= truth) & (truth <= estimate.high + TOLERANCE)
    effects = [estimate.effect, *alone]
    first = [bool(int(np.argmax(effect)) in target.drivers) for effect in effects]
    errors = [float(((effect - truth) ** 2).mean()) for effect in (*effects, np.zeros(n))]
    return Outcome(
        pair=pair,
        noise=noise,
        first=(first[0], first[1], first[2], first[3]),
        errors=(errors[0], errors[1], errors[2], errors[3], errors[4]),
        covered=tuple(map(bool, inside[drives])),
        covered_others=tuple(map(bool, inside[~drives])),
        false_share=float((significant & ~drives).sum() / max(int(significant.sum()), 1)),
        found_share=float(significant[drives].mean()) if drives.any() else 0.0,
        any_significant=bool(significant.any()),
        reliable=found.held_out is not None and found.held_out.reliable and found.backed,
        trust=found.trust,
    )


def _ask_proxy(
    change: Change, n: int, generator: np.random.Generator
) -> multifidelity.LowFidelityFit:
    rows = World("proxy", n, (), change).draw(PROXY_CALLS - 1, generator)
    x, y = np.vstack([rows.others_x, rows.x]), np.append(rows.others_y, rows.y)
    return multifidelity.fit_low_fidelity(
        x, y, np.append(np.nan, rows.q), [int(generator.integers(2**31))]
    )


def _with_chosen(
    rows: Rows,
    of_proxy: multifidelity.LowFidelityFit,
    target: World,
    noise: float,
    generator: np.random.Generator,
) -> Rows:
    """With the proxy's first segments removed together, and only those retained."""
    out = np.zeros((1, target.segments))
    out[0, np.argsort(-of_proxy.effects)[: 3 if len(rows.y) >= 9 else 2]] = 1
    chosen = np.vstack([out, 1 - out])
    y = target.change(chosen) + noise * generator.standard_normal(2)
    return replace(
        rows,
        others_x=np.vstack([rows.others_x, chosen]),
        others_y=np.append(rows.others_y, y),
    )


def _alone(rows: Rows) -> Array:
    x, y = np.vstack([rows.x, rows.others_x]), np.append(rows.y, rows.others_y)
    return gaussian_process.fit(x, y).effects(REMOVAL_PROBABILITIES)


def summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The rates of one pair; `as_good` compares explained shares of the effects' size with what
    MANY calls alone reach, `mse_ratio` the squared errors themselves."""
    errors = np.array([o.errors for o in outcomes])
    mse = errors.mean(axis=0)
    first = np.array([o.first for o in outcomes]).mean(axis=0)
    covered = [inside for o in outcomes for inside in o.covered]
    others = [inside for o in outcomes for inside in o.covered_others]
    explained = 1 - mse[:4] / max(mse[4], 1e-12)
    return {
        "studies": len(outcomes),
        "has_drivers": len(covered) > 0,
        "first": first[0],
        "first_same_calls": first[1],
        "first_own_masks": first[2],
        "first_many": first[3],
        "mse_x1000": 1000 * mse[0],
        "mse_same_calls": 1000 * mse[1],
        "mse_own_masks": 1000 * mse[2],
        "mse_many": 1000 * mse[3],
        "as_good": explained[0] / explained[3],
        "mse_ratio": mse[3] / max(mse[0], 1e-12),
        "coverage_drivers": float(np.mean(covered)) if covered else float("nan"),
        "intervals": len(covered),
        "coverage_others": float(np.mean(others)) if others else float("nan"),
        "false_discovery_rate": float(np.mean([o.false_share for o in outcomes])),
        "power": float(np.mean([o.found_share for o in outcomes])),
        "any_significant": float(np.mean([o.any_significant for o in outcomes])),
        "reliable": float(np.mean([o.reliable for o in outcomes])),
        "trust": float(np.mean([o.trust for o in outcomes])),
    }


def tables(found: Mapping[str, Sequence[Outcome]]) -> str:
    """The planted tables of proxies: with the proxy / the same target calls alone / as many at
    masks of their own / MANY; and what is said of the segments."""
    lines = [
        "| proxy | studies | first place | MSE ×10³ | as good as 256 calls |",
        "|---|---|---|---|---|",
    ]
    rates = {pair: summary(outcomes) for pair, outcomes in found.items() if outcomes}
    for pair, s in rates.items():
        kinds = ["", "_same_calls", "_own_masks", *(["_many"] if pair in GOOD else [])]
        first = " / ".join(f"{s['first' + kind]:.3f}" for kind in kinds)
        mse = " / ".join(f"{s['mse' + (kind or '_x1000')]:.2f}" for kind in kinds)
        good = f"{s['as_good']:.3f} (MSE {s['mse_ratio']:.2f})" if pair in GOOD else ""
        if s["has_drivers"]:
            lines.append(f"| {pair} | {s['studies']:.0f} | {first} | {mse} | {good} |")
    lines += [
        "",
        "| proxy | interval covers (drivers) | (others) | false discovery rate | drivers found |"
        " some significant | `reliable` | trust |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for pair, s in rates.items():
        covered = f"{s['coverage_drivers']:.3f} of {s['intervals']:.0f}" if s["intervals"] else ""
        lines.append(
            f"| {pair} | {covered} | {s['coverage_others']:.3f} | {s['false_discovery_rate']:.3f} |"
            f" {s['power']:.2f} | {s['any_significant']:.3f} | {s['reliable']:.3f} |"
            f" {s['trust']:.2f} |"
        )
    return "\n".join(lines)


def measure(
    pairs: Sequence[str],
    share: float,
    calls: int,
    seed: int,
    processes: int = 1,
) -> dict[str, list[Outcome]]:
    """Runs the studies, each pair on the same worlds; gives the outcomes by pair."""
    tasks = [
        (pair, calls, seed, number)
        for number in range(round(share * max(STUDIES.values())))
        for pair in pairs
        if number < round(share * STUDIES[pair])
    ]
    found: dict[str, list[Outcome]] = {pair: [] for pair in pairs}
    for outcome in _run(tasks, processes):
        found[outcome.pair].append(outcome)
    return found


def _run(tasks: Sequence[tuple[str, int, int, int]], processes: int) -> Iterator[Outcome]:
    if processes == 1:
        yield from map(study, tasks)
        return
    with Pool(processes) as pool:
        yield from pool.imap(study, tasks, chunksize=4)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--calls", type=int, default=TARGET_CALLS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", nargs="*", choices=STUDIES, default=list(STUDIES))
    options = parser.parse_args()
    print(
        tables(
            measure(options.pairs, options.share, options.calls, options.seed, options.processes)
        )
    )


if __name__ == "__main__":
    main()
