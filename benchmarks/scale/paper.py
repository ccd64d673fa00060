"""Days of calls on paper: arithmetic on what one machine was measured to do.

A figure that `make bench-limit` has measured is taken from there; else it is the one below.
"""

import math
import statistics
from dataclasses import dataclass
from typing import Final

from benchmarks.limit import table

SPANS_PER_CALL: Final = 2
"""Assumed: a call and what is around it."""
STORED_BYTES_PER_CALL: Final = 4_100
"""Of a trace of two spans with its delivery (benchmarks/worker, does it stay as it is)."""
EXPLANATION_BYTES: Final = 100_000
"""Assumed: an explanation with its perturbations and answers."""
CALLS_PER_EXPLANATION: Final = 40
"""The default of `budget.calls_per_explanation`."""
USD_PER_MODEL_CALL: Final = 0.0001
"""Assumed: 500 tokens of prompt and 50 of answer at a small model's price."""
USD_PER_CORE_HOUR: Final = 0.05
"""Assumed: a rented core with its memory."""
USD_PER_GB_MONTH: Final = 0.1
"""Assumed: a disk."""
MONTHS_KEPT: Final = 6
"""The default of `retention.days`."""


def _measured(name: str, otherwise: float) -> float:
    """A figure of `make bench-limit`, the median of its runs."""
    runs = [run for measurement in table.kept().values() for run in measurement["runs"]]
    found = [run["pairs"][name][0] for run in runs if name in run["pairs"]]
    return statistics.median(found) if found else otherwise


RECEIVED: Final = _measured("receiver with its reader, PostgreSQL, one core", 2_592.0)
"""Spans per second that a receiver with its reader takes and completes."""
INGESTED: Final = _measured("ingest, gen_ai", 3_958.0)
"""Spans per second of a processor that a worker reads from a spool and completes."""
STUDY_CPU_SECONDS: Final = _measured("a study of 40 words, 40 calls, text", 0.8)
"""Processor time of a study."""
DELIVERED: Final = _measured("delivery to mlflow", 325.0)
"""Traces per second into one MLflow server (benchmarks/delivery)."""


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


def seconds_per_call(explained: float) -> dict[str, float]:
    """Seconds of one process of each stage, by the share of calls that are explained."""
    return {
        "receive and read": SPANS_PER_CALL / RECEIVED,
        "study": explained * STUDY_CPU_SECONDS,
        "MLflow": 1 / DELIVERED,
    }


def needed(scenario: Scenario) -> dict[str, int]:
    """Processes of each stage that a shipped call passes, so that none has a queue at the busiest
    time of the day."""
    peak = scenario.calls_per_second * scenario.shipped * (1 + SWING)
    per_call = seconds_per_call(min(1.0, scenario.explained / scenario.shipped))
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


def machine() -> str:
    """What a million calls take of machines, and what that costs, with 1 % of them explained."""
    hours = {stage: 1e6 * each / 3600 for stage, each in seconds_per_call(0.01).items()}
    read = {"read from a spool instead": 1e6 * SPANS_PER_CALL / INGESTED / 3600}
    gigabytes = (1e6 * STORED_BYTES_PER_CALL + 1e4 * EXPLANATION_BYTES) / 1e9
    kept = gigabytes * MONTHS_KEPT * USD_PER_GB_MONTH
    model = 1e4 * CALLS_PER_EXPLANATION * USD_PER_MODEL_CALL
    rows = ["| a million calls, 1 % explained | | USD |", "|---|--:|--:|"]
    rows += [
        f"| {stage} | {_number(one)} core hours | {_number(one * USD_PER_CORE_HOUR)} |"
        for stage, one in (hours | read).items()
    ]
    rows.append(f"| stored for {MONTHS_KEPT} months | {_number(gigabytes)} GB | {_number(kept)} |")
    rows.append(f"| the model | {_number(1e4 * CALLS_PER_EXPLANATION)} calls | {_number(model)} |")
    return "\n".join(rows)


def _number(value: float) -> str:
    """Two significant digits."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if rounded < 100 else f"{rounded:,.0f}"
