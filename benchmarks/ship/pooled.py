"""Are pooled attributions unbiased where hosts ship a share of their traces?

    python -m benchmarks.ship.pooled [--worlds 60] [--calls 50000] [--first 0]

Each world plants calls of one prompt version on two hosts. Every call has its own effects, which
drift with time, so that its first calls are unlike the others; the truth is the mean over *all*
calls. The shippers' own head sampling reads each call's span and drops or labels it, the worker's
own dialects and sampler read what arrives, and the product's own pooled estimate is made of eight
masks of each call that is explained, weighted by the recorded inclusion probability. Counted is
how often the 90 % interval holds the truth, and how far the estimates are from it on average;
`unweighted` is the same without the probabilities: what it would be if they did not travel.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_trace import semconv
from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace.comparison.pooled_effects import PooledRows, pool
from smile_trace.dialects import assemble
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.settings import Settings
from smile_trace.ship.lines import HeadSampling, ReadLine, body_of, read_line
from smile_trace.store.tables import Group
from smile_trace.worker.sample import decide

Array = NDArray[np.float64]

SEGMENTS, MASKS, DROP = 5, 8, 0.3
HOSTS = 2
QUANTILE = 1.6449
"""Of the normal distribution, for a 90 % interval."""


@dataclass(frozen=True)
class Case:
    """At which rates hosts ship and the worker samples, and the first calls of either."""

    name: str
    shipped: float
    explained: float
    first_shipped: int = 3
    first_explained: int = 3


CASES = (
    Case("equal rates", 0.01, 0.01),
    Case("shipped twice as often", 0.02, 0.01),
    Case("shipped more rarely", 0.01, 0.05),
    Case("many first calls", 0.01, 0.01, first_shipped=100, first_explained=150),
)


@dataclass
class Result:
    """Of one case: per world and segment whether the interval held the truth, and the distances
    from it in units of the error, weighted and not."""

    covered: list[bool] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    unweighted: list[float] = field(default_factory=list)
    explained: list[int] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """The share of intervals that hold the truth."""
        return float(np.mean(self.covered))


def run(case: Case, worlds: Sequence[int], calls: int) -> Result:
    """Plant worlds of those seeds, and estimate in each."""
    result = Result()
    for seed in worlds:
        generator = np.random.default_rng([seed, round(1e4 * case.shipped), case.first_shipped])
        effects = _effects(generator, calls)
        chosen = list(explained(case, generator, calls))
        rows = _rows(generator, effects, chosen)
        estimate, plain = pool(rows), pool(_unweighted(rows))
        distance = (estimate.influence - effects.mean(axis=0)) / estimate.error
        result.covered += (np.abs(distance) <= QUANTILE).tolist()
        result.distances += distance.tolist()
        result.unweighted += ((plain.influence - effects.mean(axis=0)) / plain.error).tolist()
        result.explained.append(len(chosen))
    return result


def _effects(generator: np.random.Generator, calls: int) -> Array:
    """Of each segment in each call, shape (calls, segments); rows sum to at most .9."""
    time = np.linspace(0, 1, calls)[:, None]
    base = generator.uniform(0.02, 0.1, SEGMENTS)
    drift = generator.uniform(-0.02, 0.06, SEGMENTS)
    own = generator.uniform(0, 0.04, (calls, SEGMENTS))
    effects: Array = base + drift * np.exp(-20 * time) + own
    return np.clip(effects, 0, 0.18)


def explained(
    case: Case, generator: np.random.Generator, calls: int, *, read_all: bool = False
) -> Iterator[tuple[int, float]]:
    """The calls that the worker explains, each with its recorded inclusion probability.

    Args:
        read_all: let the shippers read those calls, too, that they leave for their number alone;
            it changes nothing, and takes most of the time.
    """
    shippers = [HeadSampling(case.shipped, case.first_shipped, {}) for _ in range(HOSTS)]
    settings = Settings(
        home=Path("/nowhere"),
        models={"planted": {"kind": "endpoint", "base_url": "http://127.0.0.1:9"}},
        sampling={"rate": case.explained, "minimum_per_prompt_version": case.first_explained},
    )
    chosen: dict[Group, int] = {}
    ids = generator.bytes(16 * calls).hex()
    for number in range(calls):
        shipper, trace = shippers[number % HOSTS], ids[32 * number : 32 * number + 32]
        is_first = number < HOSTS * case.first_shipped
        if not (read_all or is_first or trace_fraction(trace) < case.shipped):
            continue
        line = ReadLine(read_line(0, _span(trace, number)))
        shipper.look(line)
        if (sent := shipper.sampled(line)) is None:
            continue
        spans = spans_from_line(body_of([sent]))
        [call] = assemble(spans[0].trace_id, spans).calls
        [decision] = decide([(Group.of(call), call)], chosen, settings)
        if decision.state == "pending":
            assert decision.inclusion_probability is not None
            yield number, decision.inclusion_probability


def _span(trace: str, number: int) -> bytes:
    """A call's line, as capture writes it."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Greet them."}]}]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}]
    held = {
        semconv.KIND: "call",
        semconv.STATUS: "returned",
        semconv.OPERATION_NAME: "chat",
        semconv.NAME: "greet",
        semconv.REQUEST_MODEL: "planted",
        semconv.PROMPT_NAME: "greet",
        semconv.PROMPT_VERSION: "1",
        semconv.INPUT_MESSAGES: json.dumps(messages),
        semconv.OUTPUT_MESSAGES: json.dumps(answer),
    }
    span = {
        "traceId": trace,
        "spanId": trace[:16],
        "name": "chat planted",
        "startTimeUnixNano": str(10**18 + number),
        "endTimeUnixNano": str(10**18 + number + 1),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in held.items()],
    }
    scope = {"scope": {"name": "smile_trace"}, "spans": [span]}
    document = {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}
    return json.dumps(document, separators=(",", ":")).encode()


def _rows(
    generator: np.random.Generator, effects: Array, chosen: Sequence[tuple[int, float]]
) -> PooledRows:
    """Masks of the explained calls, and the answer changes that they cause."""
    numbers = np.repeat([number for number, _ in chosen], MASKS)
    weights = np.repeat([1 / probability for _, probability in chosen], MASKS)
    removed = generator.random((len(numbers), SEGMENTS)) < DROP
    change = (effects[numbers] * removed).sum(axis=1) + generator.uniform(0, 0.1, len(numbers))
    return PooledRows(
        x=removed.astype(float),
        y=change,
        q=np.full(len(numbers), DROP),
        call=numbers,
        weight=weights,
        varies=np.ones(removed.shape, dtype=bool),
    )


def _unweighted(rows: PooledRows) -> PooledRows:
    ones = np.ones(len(rows))
    return PooledRows(rows.x, rows.y, rows.q, rows.call, ones, rows.varies)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    print("| case | explained | coverage of 90 % | mean distance | unweighted |")
    print("|---|--:|--:|--:|--:|")
    for case in CASES:
        found = run(case, range(given.first, given.first + given.worlds), given.calls)
        print(
            f"| {case.name} | {np.mean(found.explained):.0f} | {found.coverage:.1%} "
            f"| {np.mean(found.distances):+.2f} | {np.mean(found.unweighted):+.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
