"""Planted worlds asked by the real study, which may stop early, with its own answer change.

The answer's probability is planted as 1 − the world's change, cut to [0, 1], with noise. Where
there are drivers the unperturbed prompt has neither change nor noise, so that the truth is known;
where there is nothing to find it is as noisy as every other. A world without noise is asked as a
deterministic model is (each segment alone first, more masks near the prompt), one with noise as a
sampled one.

    python -m benchmarks.statistics.studies --studies 60

prints a table like that of `rates`, and how many calls were asked.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from benchmarks.statistics.rates import BUDGET, NOISES, SIZES, Outcome, compare, markdown, table
from benchmarks.statistics.worlds import Array, World, mass, nothing, planted
from smile_trace.attribution import PerturbationStudy
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    FidelityStatus,
    Message,
    Perturbation,
    Prompted,
    Response,
)

_QUANTILES = stats.norm.ppf((np.arange(200) + 0.5) / 200)


def explained(world: World, noise: float, seed: list[int]) -> Explanation:
    """The explanation that a study of the world ends with."""
    words = [f"w{k}" for k in range(world.segments)]
    prompted = Prompted(messages=(Message(role="user", content=" ".join(words)),))
    number = int(np.random.default_rng(seed).integers(2**31))
    settings = ExplanationSettings(model="planted", unit="word", budget=BUDGET, seed=number)
    study = PerturbationStudy(
        prompted,
        settings,
        answer="planted",
        signal="probability",
        deterministic=noise == 0,
        remote=False,
    )
    generator = np.random.default_rng([*seed, 1])

    def answer(row: Perturbation) -> Response:
        kept = set(row.messages[0].content.split())
        removed = np.array([[word not in kept for word in words]], dtype=float)
        change = float(world.change(removed)[0]) + noise * generator.standard_normal()
        if world.drivers:
            change -= float(world.change(0 * removed)[0])
            change *= removed.any()
        return Response(text="planted", logprobs=(float(np.log(np.clip(1 - change, 1e-300, 1))),))

    while rows := study.ask():
        study.tell([(row, answer(row)) for row in rows])
    return study.result()


def as_asked(world: World, noise: float) -> World:
    """The world with the mean answer change of a study: from the unperturbed prompt, in [0, 1]."""

    def change(x: Array) -> Array:
        moved = world.change(x) - world.change(0 * x[:1])
        seen: Array = np.clip(moved[:, None] + noise * _QUANTILES, 0, 1).mean(axis=1)
        return np.where(x.any(axis=1), seen, 0.0)

    return replace(world, change=change)


def observe(world: World, noise: float, seed: list[int]) -> tuple[Outcome, int]:
    """What a study found beside the truth, and its calls."""
    found = explained(world, noise, seed)
    columns = [(s.attribution, s.ci_low, s.ci_high, s.significant) for s in found.segments]
    effect, low, high, significant = (np.array(column) for column in zip(*columns, strict=True))
    outcome = compare(as_asked(world, noise), effect, low, high, significant)
    outcome.status = found.fidelity.status
    outcome.reliable = outcome.status == "reliable"
    return outcome, found.cost.target_calls


def one_of_each(study: int, seed: int) -> list[tuple[Outcome, int]]:
    """A study of each planted world at one size and one noise, and of each that has no driver."""
    generator = np.random.default_rng([seed, study])
    n, noise = int(generator.choice(SIZES)), float(generator.choice(NOISES))
    found = [
        observe(world, noise, [seed, study, number])
        for number, world in enumerate(planted(n, generator))
    ]
    noise = float(generator.choice(NOISES[1:]))
    return found + [
        observe(make(n), noise, [seed, study, 100 + number])
        for number, make in enumerate((nothing, mass))
    ]


def statuses(outcomes: Sequence[Outcome]) -> str:
    """How often each status was given, and how often the top was a driver then, with a 95 % Wilson
    interval; and how often where there is nothing to find."""
    lines = ["", "| status | studies | top is a driver | of nothing to find |", "|---|---|---|---|"]
    for status in get_args(FidelityStatus):
        some = [o for o in outcomes if o.status == status]
        right = [bool(o.first_right) for o in some if o.first_right is not None]
        share = "–"
        if right:
            interval = stats.binomtest(sum(right), len(right)).proportion_ci(method="wilson")
            share = f"{np.mean(right):.3f} [{interval.low:.3f}, {interval.high:.3f}]"
        lines.append(f"| {status} | {len(right)} | {share} | {len(some) - len(right)} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=60, help="of each world")
    options = parser.parse_args()
    found = [pair for study in range(options.studies) for pair in one_of_each(study, 0)]
    print(markdown(table([outcome for outcome, _ in found])))
    print(statuses([outcome for outcome, _ in found]))
    print(f"\n{np.mean([calls for _, calls in found]):.1f} calls of {BUDGET} on average.")


if __name__ == "__main__":
    main()
