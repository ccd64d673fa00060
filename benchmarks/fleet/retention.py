"""`make bench-retention`: how fast retention removes what is old, on both stores, at two sizes.

    python -m benchmarks.fleet.retention --traces 100000 1000000 --seconds 60

The rows of a store of ten days are made inside the database: a call of two spans a trace, a
delivery each, one trace in a hundred explained with forty observations. Then retention runs with
a limit of nine days, so that a tenth is old, for at most so many seconds. The rate should not
depend on the size of what stays.
"""

import argparse
import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text

from benchmarks.fleet.server import conditions, durable_server
from smile_trace.settings import Retention, Settings
from smile_trace.store import Store
from smile_trace.store.retention import Removed, apply_retention
from tests.support.postgres_server import OwnPostgresServer

DAYS, KEPT_DAYS = 10, 9
BODY = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz ", k=1500))
"""Of a span or a call."""
KEEP = Retention(days=KEPT_DAYS, response_days=None, corrupt_line_days=None, megabytes=None)

_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :traces) ",
    "postgresql": "WITH n AS (SELECT generate_series(1, :traces) AS i) ",
}
_ROWS = {
    "traces (trace_id, file, has_root, root_missing, changed_at, position)": (
        "SELECT 't' || i, 'file', true, false, :now - :days * 86400.0 * (1 - i * 1.0 / :traces), i "
        "FROM n"
    ),
    "spans (trace_id, span_id, start_ns, body)": (
        "SELECT 't' || i, 's' || s.k, i, :body FROM n, (SELECT 1 AS k UNION ALL SELECT 2) AS s"
    ),
    "calls (id, trace_id, group_kind, group_name, group_version, start_ns, decided, body)": (
        "SELECT 't' || i || '\\:s2', 't' || i, 'function', 'f', '', i, true, :body FROM n"
    ),
    "jobs (id, call_id, settings_hash, settings, state, attempt, run, crashes, priority, "
    "not_before, created_at, changed_at)": (
        "SELECT i, 't' || i || '\\:s2', 'h', '{}', "
        "CASE WHEN i % 100 = 0 THEN 'explained' ELSE 'skipped' END, 1, 1, 0, 0, 0.0, :now, :now "
        "FROM n"
    ),
    "deliveries (tracker, kind, item, trace_id, state, attempts, not_before, created_at)": (
        "SELECT 'mlflow', 'trace', 't' || i, 't' || i, 'delivered', 1, 0.0, :now FROM n"
    ),
    "explanations (id, call_id, trace_id, settings_hash, attempt, status, created_at, body)": (
        "SELECT i / 100, 't' || i || '\\:s2', 't' || i, 'h', 1, 'reliable', "
        ":now - :days * 86400.0 * (1 - i * 1.0 / :traces), :body FROM n WHERE i % 100 = 0"
    ),
    "observations (explanation_id, number, kind, mask, replicate, level, round, fixed, text_hash, "
    "asked)": (
        "SELECT i / 100, i % 100, 'random', '1011', 0, 0, 0, '[]', 'h', 'target' FROM n "
        "WHERE i % 100 < 40 AND i >= 100"
    ),
}


def fill(store: Store, traces: int) -> None:
    """Put so many traces into an empty store."""
    values = {"traces": traces, "now": time.time(), "days": DAYS, "body": BODY}
    numbers = _NUMBERS[store.database.engine.dialect.name]
    with store.database.write() as connection:
        for table, rows in _ROWS.items():
            # The common table expression stands before INSERT's own query.
            statement = text(f"INSERT INTO {table} {numbers}{rows}")
            given = {name: values[name] for name in values if f":{name}" in str(statement)}
            connection.execute(statement, given)
        connection.execute(
            text(
                "INSERT INTO trackers (name, trace_position, explanation_position, failures, "
                "not_before) VALUES ('mlflow', :traces, :traces, 0, 0.0)"
            ),
            {"traces": traces},
        )
        connection.execute(text("ANALYZE"))  # as PostgreSQL does by itself within a minute


def remove(store: Store, seconds: float) -> tuple[Removed, float]:
    """What retention removed in at most so many seconds, and how many it took."""
    began = time.monotonic()
    removed = apply_retention(
        store.database, KEEP, stopping=lambda: time.monotonic() - began > seconds
    )
    return removed, time.monotonic() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench-retention")
    parser.add_argument("--traces", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=60.0)
    wanted = parser.parse_args()
    with closing(durable_server()) as server:
        print(f"{conditions(server)}\n")
        print("| store | traces | old | removed | s | traces/s |\n|---|--:|--:|--:|--:|--:|")
        for traces in wanted.traces:
            for name, opened in _stores(server).items():
                with TemporaryDirectory() as home:
                    print(_row(name, opened(Path(home)), traces, wanted.seconds), flush=True)


def _stores(server: OwnPostgresServer) -> dict[str, Callable[[Path], Store]]:
    def shared(home: Path) -> Store:
        return Store.open(Settings(home=home, store={"url": server.new_database()}))

    return {
        "SQLite": lambda home: Store.open(Settings(home=home)),
        "PostgreSQL": shared,
    }


def _row(name: str, store: Store, traces: int, seconds: float) -> str:
    try:
        fill(store, traces)
        removed, took = remove(store, seconds)
    finally:
        store.close()
    cells: tuple[Any, ...] = (
        name,
        f"{traces:,}",
        f"{traces * (DAYS - KEPT_DAYS) // DAYS:,}",
        f"{removed.traces:,}",
        f"{took:.1f}",
        f"{removed.traces / took:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
