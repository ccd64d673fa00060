"""The rows of the table: what each measures, what 0.2 had, what is aimed at."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Pair = tuple[float, float | None]
"""The figure of smile-trace and the one of what stands beside it, of the same run."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        name: What is measured.
        unit: Of both figures.
        beside: What the second figure is of; empty if nothing stands beside the first.
        had: What release 0.2 had, in the terms of the goal.
        goal: What is aimed at.
        of: Whether the goal is one of the first figure or of its ratio to the second.
        better: Whether more or less is better.
    """

    name: str
    unit: str
    beside: str
    had: str
    goal: float
    of: Literal["ours", "ratio"] = "ratio"
    better: Literal["less", "more"] = "less"

    def value(self, pair: Pair) -> float:
        """What the goal is compared with."""
        ours, beside = pair
        return ours if self.of == "ours" or beside is None else ours / beside

    def reached(self, value: float) -> bool:
        """Whether this value reaches the goal."""
        return value <= self.goal if self.better == "less" else value >= self.goal


OPENTELEMETRY = "OpenTelemetry's batch processor"
BARE = "the same requests, sent bare"
VECTORS = "the sentence vectors of its answers, of that"

FLOOR = "each line decoded by orjson and inserted raw"

MEASUREMENTS: Mapping[str, tuple[Row, ...]] = {
    "benchmarks.capture.ratios:rows": (
        Row("decorated call, paced, p50", "µs", OPENTELEMETRY, "1.40", 1.15),
        Row("decorated call, tight loop, p50", "µs", OPENTELEMETRY, "1.72", 1.3),
        Row("decorated call, 10 KB, tight loop", "µs", "ours with 240 bytes", "2.1", 1.5),
        Row("import smile_trace", "ms", "import opentelemetry.sdk.trace", "1.22–1.93", 1.1),
    ),
    "benchmarks.delivery.limit:rates": tuple(
        Row(f"delivery to {name}", "traces/s", BARE, had, 0.92, better="more")
        for name, had in (
            ("mlflow", "0.88"),
            ("phoenix", "0.60"),
            ("comet", "0.85"),
            ("langfuse", "0.58"),
            ("opik", "0.50"),
            ("otlp", "0.63"),
        )
    ),
    "benchmarks.delivery.limit:most_memory": (
        Row("memory, all trackers, 100,000 traces waiting", "MB", "", "429", 300, "ours"),
    ),
    "benchmarks.fleet.ledger:rows": (
        Row(
            "reservations on PostgreSQL, 16 clients",
            "/s",
            "16 clients that insert one bare row each time",
            "628–1,038",
            3000,
            "ours",
            "more",
        ),
    ),
    "benchmarks.ingest:rows": (
        Row("ingest, gen_ai", "spans/CPU s", FLOOR, "2,060–3,958", 12_000, "ours", "more"),
        Row("ingest, slowest dialect", "spans/CPU s", FLOOR, "2,060", 8000, "ours", "more"),
        Row("ingest, dialect furthest from the floor", "CPU µs", FLOOR, "", 4),
    ),
    "benchmarks.receive.limit:rows": (
        Row(
            "receiver with its reader, PostgreSQL, one core",
            "spans/s",
            "rotel, which drops them",
            "2,592",
            8000,
            "ours",
            "more",
        ),
    ),
    "benchmarks.disk:rows": tuple(
        Row(f"disk of a call, {shape}, {database}", "B", "its spool line", had, 1.2)
        for database, had in (("SQLite", "2.2–2.5"), ("PostgreSQL", "1.6–2.3"))
        for shape in ("240 B", "2 KB", "10 KB", "a chat with 5 documents")
    ),
    "benchmarks.worker.study_time:rows": (
        Row("a study of 40 words, 40 calls, text", "CPU s", VECTORS, "0.8–1.1", 0.25, "ours"),
        Row("a study of 400 segments, 440 calls, text", "CPU s", VECTORS, "31", 4, "ours"),
    ),
    "benchmarks.worker.first_explain:rows": (
        Row("first explain, model served, less .5 s", "s", BARE, "1.26", 1.05),
    ),
    "benchmarks.worker.idle_memory:rows": (
        Row("memory of an idle worker", "MB", "", "198", 130, "ours"),
    ),
}
"""The functions that measure, each with its rows: `module:function` gives a pair for each name."""


def measure(name: str) -> dict[str, Pair]:
    """Run one measurement in this process."""
    module, function = name.split(":")
    return dict(getattr(importlib.import_module(module), function)())
