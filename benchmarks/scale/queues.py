"""A day of a fleet as queues in a row: what waits before each stage, minute by minute.

A fluid model: calls come at a rate that swings over the day, each stage passes on what its
processes can do, the rest waits. It shows where a queue grows and for how long, not how single
calls jitter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scale import figures
from benchmarks.scale.figures import Scenario

SWING = 0.8
"""How far the rate of calls swings around its mean: from a fifth of it to 1.8 times."""
MINUTES = 24 * 60


@dataclass(frozen=True)
class Stage:
    """A part of the fleet: how many of its units a shipped call is, and how many a process does
    per second."""

    name: str
    per_call: float
    per_process: float


@dataclass(frozen=True)
class Load:
    """Of one stage over a day: the largest queue in calls, the hours that the last of it waits,
    and whether the queue is gone by the next morning."""

    stage: str
    processes: int
    queue: float
    hours: float
    ends: bool


def stages(scenario: Scenario) -> list[Stage]:
    """The stages that a shipped call of a scenario passes, in order."""
    explained = min(1.0, scenario.explained / scenario.shipped)
    return [
        Stage("receive", figures.SPANS_PER_CALL, figures.RECEIVED),
        Stage("ingest", figures.SPANS_PER_CALL, figures.INGESTED),
        Stage("complete", figures.SPANS_PER_CALL, figures.COMPLETED),
        Stage("study", explained, 1 / figures.STUDY_CPU_SECONDS),
        Stage("MLflow", 1.0, figures.DELIVERED),
    ]


def needed(scenario: Scenario) -> list[int]:
    """Processes of each stage so that none has a queue at the busiest time of the day."""
    peak = scenario.calls_per_second * scenario.shipped * (1 + SWING)
    return [math.ceil(peak * one.per_call / one.per_process - 1e-9) for one in stages(scenario)]


def day(scenario: Scenario, processes: Sequence[int]) -> list[Load]:
    """A day with that many processes of each stage."""
    parts = stages(scenario)
    waiting = [0.0] * len(parts)
    largest = [0.0] * len(parts)
    mean = scenario.calls_per_second * scenario.shipped * 60
    capacities = [
        60 * n * one.per_process / one.per_call for n, one in zip(processes, parts, strict=True)
    ]
    for minute in range(MINUTES):
        passed = mean * (1 + SWING * math.sin(2 * math.pi * minute / MINUTES))
        for k, capacity in enumerate(capacities):
            waiting[k] += passed
            passed = min(waiting[k], capacity)
            waiting[k] -= passed
            largest[k] = max(largest[k], waiting[k])
    return [
        Load(part.name, n, queue, queue / capacity / 60, left < 1)
        for part, n, queue, capacity, left in zip(
            parts, processes, largest, capacities, waiting, strict=True
        )
    ]
