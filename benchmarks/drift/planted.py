"""Replays of planted models as pure numbers: every case has its own rate of other answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smile_trace.probes.drift import evidence
from smile_trace.probes.inference import Count

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class World:
    """A model that gives other answers at a rate that differs between cases.

    Args:
        noise: the mean rate before the change; those of the cases are Beta(noise / 2,
            (1 - noise) / 2), so that most cases are steady and a few are not. 0: none ever changes.
        equal: all cases have that rate.
        cases: how many are replayed.
        draws: of each in the reference period.
        swapped: the least rate after the change, in every case; None where nothing changes.
        at: the period of the change, from 0.
    """

    noise: float
    equal: bool = False
    cases: int = 20
    draws: int = 3
    swapped: float | None = None
    at: int = 0


def outcomes(world: World, seed: int, *, periods: int) -> tuple[Count, Sequence[Count]]:
    """Those of the reference and of each period, of one run of the world."""
    draw = np.random.default_rng([seed, world.cases, world.at])
    rates: Array = np.full(world.cases, world.noise)
    if world.noise and not world.equal:
        rates = draw.beta(world.noise / 2, (1 - world.noise) / 2, world.cases)
    reference = Count(int(draw.binomial(world.draws, rates).sum()), world.draws * world.cases)
    seen = (draw.random((periods, world.cases)) < rates).sum(axis=1)
    if world.swapped is not None:
        later = np.maximum(rates, world.swapped)
        seen[world.at :] = (draw.random((periods - world.at, world.cases)) < later).sum(axis=1)
    return reference, [Count(int(one), world.cases) for one in seen]


def first_alarm_of(world: World, seed: int, *, periods: int, error: float) -> int | None:
    """The period of the first alarm of one run of the world, from 0."""
    return first_alarm(*outcomes(world, seed, periods=periods), error)


def first_alarm(reference: Count, periods: Sequence[Count], error: float) -> int | None:
    """The number of the first period with an alarm, from 0; None without one."""
    enough = -math.log(error)
    alarms = (k for k, one in enumerate(evidence(reference, periods)) if one >= enough)
    return next(alarms, None)
