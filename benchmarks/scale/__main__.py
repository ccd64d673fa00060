"""`python -m benchmarks.scale`: the tables of docs/scale.md."""

import math

from benchmarks.scale.figures import SCENARIOS, Scenario
from benchmarks.scale.queues import day, needed, stages


def rates() -> str:
    """What each scenario is in rates, bytes, cores and money."""
    rows = [
        "| a day | spans/s | explanations/s | stored | model calls/s | study cores | model, USD |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    rows += [
        f"| {one.name} | {_number(one.spans_per_second)} | {_number(one.explanations_per_second)} "
        f"| {_number(one.gigabytes_per_day)} GB | {_number(one.model_calls_per_second)} "
        f"| {_number(one.study_cores)} | {_number(one.usd_per_day)} |"
        for one in SCENARIOS
    ]
    return "\n".join(rows)


def processes() -> str:
    """How many processes of each stage have no queue at the busiest time of the day."""
    names = [stage.name for stage in stages(SCENARIOS[0])]
    rows = [f"| a day | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    rows += [f"| {one.name} | {' | '.join(map(str, needed(one)))} |" for one in SCENARIOS]
    return "\n".join(rows)


def queues() -> str:
    """Where queues grow with one process of each stage."""
    rows = ["| a day, one process of each | queues that grow |", "|---|---|"]
    rows += [f"| {one.name} | {_grown(one)} |" for one in SCENARIOS]
    return "\n".join(rows)


def _grown(scenario: Scenario) -> str:
    loads = day(scenario, [1] * len(stages(scenario)))
    said = [
        f"{load.stage}: {_number(load.queue)} calls, "
        + (f"the last waits {_number(load.hours)} h" if load.ends else "more every day")
        for load in loads
        if load.queue >= 1
    ]
    return "; ".join(said) or "none"


def _number(value: float) -> str:
    """Two significant digits."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if rounded < 100 else f"{rounded:,.0f}"


if __name__ == "__main__":
    print("\n\n".join((rates(), processes(), queues())))
