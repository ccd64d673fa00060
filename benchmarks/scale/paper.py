"""`python -m benchmarks.scale`: the tables of docs/scale.md.

The figures, each with where it was measured, are of one machine with two shared cores; beyond that
everything here is arithmetic.
"""

import math
from dataclasses import dataclass
from typing import Final

SPANS_PER_CALL: Final = 2
"""Assumed: a call and what is around it."""
STORED_BYTES_PER_CALL: Final = 9_000
"""Of a trace of two spans in a store, its delivery with it; of a prototype."""
EXPLANATION_BYTES: Final = 100_000
"""Assumed: an explanation with its perturbations and answers."""
CALLS_PER_EXPLANATION: Final = 40
"""The default of `budget.calls_per_explanation`."""
USD_PER_MODEL_CALL: Final = 0.0001
"""Assumed: 500 tokens of prompt and 50 of answer at a small model's price."""

RECEIVED: Final = 24_000.0
"""Spans per second that a receiver on one core takes at most (benchmarks/receive)."""
INGESTED: Final = 5_900.0
"""Spans per second that a worker reads into SQLite (benchmarks/limit)."""
COMPLETED: Final = 4_000.0
"""Spans per second whose traces a process completes; of a prototype."""
STUDY_CPU_SECONDS: Final = 0.8
"""Processor time of a study of 40 words and 40 calls (benchmarks/limit)."""
DELIVERED: Final = 325.0
"""Traces per second into one MLflow server (benchmarks/limit)."""


@dataclass(frozen=True)
class Scenario:
    """A day: `calls`, of which hosts ship the share `shipped`, and workers explain `explained`."""

    name: str
    calls: float
    shipped: float
    explained: float

    @property
    def calls_per_second(self) -> float:
        """On average, before shipping."""
        return self.calls / 86_400

    @property
    def spans_per_second(self) -> float:
        """That arrive, on average."""
        return self.calls_per_second * self.shipped * SPANS_PER_CALL

    @property
    def explanations_per_second(self) -> float:
        """On average."""
        return self.calls_per_second * min(self.explained, self.shipped)

    @property
    def gigabytes_per_day(self) -> float:
        """That the store grows by."""
        explanations = self.explanations_per_second * 86_400
        stored = self.calls * self.shipped * STORED_BYTES_PER_CALL
        return (stored + explanations * EXPLANATION_BYTES) / 1e9

    @property
    def model_calls_per_second(self) -> float:
        """On average."""
        return self.explanations_per_second * CALLS_PER_EXPLANATION

    @property
    def usd_per_day(self) -> float:
        """What the model costs."""
        return self.model_calls_per_second * 86_400 * USD_PER_MODEL_CALL

    @property
    def study_cores(self) -> float:
        """Busy with studies, on average."""
        return self.explanations_per_second * STUDY_CPU_SECONDS


SCENARIOS: Final = (
    Scenario("10⁶ calls, 1 % explained", 1e6, 1, 0.01),
    Scenario("10⁷ calls, 1 % explained", 1e7, 1, 0.01),
    Scenario("10⁹ calls, .01 % explained", 1e9, 1, 0.0001),
    Scenario("10⁹ calls, .01 % shipped and explained", 1e9, 0.0001, 0.0001),
    Scenario("10⁹ calls, 1 % shipped, .01 % explained", 1e9, 0.01, 0.0001),
    Scenario("10⁹ calls, 1 % shipped and explained", 1e9, 0.01, 0.01),
)

SWING: Final = 0.8
"""How far the rate of calls swings around its mean: from a fifth of it to 1.8 times."""


def needed(scenario: Scenario) -> dict[str, int]:
    """Processes of each stage that a shipped call passes, so that none has a queue at the busiest
    time of the day."""
    peak = scenario.calls_per_second * scenario.shipped * (1 + SWING)
    explained = min(1.0, scenario.explained / scenario.shipped)
    per_call = {
        "receive": SPANS_PER_CALL / RECEIVED,
        "ingest": SPANS_PER_CALL / INGESTED,
        "complete": SPANS_PER_CALL / COMPLETED,
        "study": explained * STUDY_CPU_SECONDS,
        "MLflow": 1 / DELIVERED,
    }
    return {stage: math.ceil(peak * seconds - 1e-9) for stage, seconds in per_call.items()}


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
    names = needed(SCENARIOS[0])
    rows = [f"| a day | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    rows += [f"| {one.name} | {' | '.join(map(str, needed(one).values()))} |" for one in SCENARIOS]
    return "\n".join(rows)


def _number(value: float) -> str:
    """Two significant digits."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if rounded < 100 else f"{rounded:,.0f}"


if __name__ == "__main__":
    print("\n\n".join((rates(), processes())))
