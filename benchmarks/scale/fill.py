"""A store of many captured calls, its rows made inside the database.

Ten days of them, in ten prompts of two versions each: a trace, a job and a delivery a call, one in
a hundred explained, the last thousand not sampled yet. Ids are short and most bodies empty, so that
ten million fit on a disk; the calls of the prompt that is compared are whole.
"""

import time
from typing import Final

from sqlalchemy import Connection, text

from smile_trace.store import Store
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.explanations import note_groups
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, plant

DAYS: Final = 10
NEW: Final = 1_000
"""Calls that sampling has not decided about."""
PROMPT: Final = "answer"
PLANTED: Final = 2_000
"""Explanations of a version that the others are copies of: those with the same masks are one."""

_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :calls) ",
    "postgresql": "WITH n AS (SELECT generate_series(1, :calls) AS i) ",
}
_AT = ":now - :days * 86400.0 * (1 - i * 1.0 / :calls)"
_VERSION = "CASE WHEN i <= :calls / 2 THEN '1' ELSE '2' END"
_PLANTED = f"n JOIN planted AS p ON p.number = i % {PLANTED} AND p.group_version = {_VERSION}"
_IS_NEW = "i > :calls - :new"
_IS_WHOLE = f"i % 10 = 0 OR {_IS_NEW}"
_IS_EXPLAINED = f"i % 101 = 0 AND NOT {_IS_NEW}"
_ROWS = {
    "traces (trace_id, file, has_root, root_missing, changed_at, position)": (
        f"SELECT 't' || i, 'file', true, false, {_AT}, i FROM n"
    ),
    "spans (trace_id, span_id, start_ns, body)": (
        "SELECT 't' || i, 's', i, '{}' FROM n WHERE i <= :calls / 10"
    ),
    "calls (id, trace_id, group_kind, group_name, group_version, start_ns, decided, body)": (
        f"SELECT 't' || i || '\\:s', 't' || i, 'prompt', CASE i % 10 WHEN 0 THEN '{PROMPT}' "
        f"ELSE 'prompt ' || i % 10 END, {_VERSION}, CAST(({_AT}) * 1e9 AS bigint), NOT ({_IS_NEW}),"
        f" CASE WHEN {_IS_WHOLE} THEN replace(replace(p.body, p.trace_id, 't' || i), "
        f"substr(p.id, 34), 's') ELSE '{{}}' END FROM {_PLANTED}"
    ),
    "jobs (id, call_id, settings_hash, settings, model, state, reason, reason_code, attempt, run, "
    "crashes, priority, not_before, created_at, changed_at)": (
        "SELECT i, 't' || i || '\\:s', 'h', '{}', p.model, 'skipped', "
        "CASE WHEN i % 7 = 0 THEN 'no content captured' ELSE 'not sampled' END, "
        "CASE WHEN i % 7 = 0 THEN 'no_content' ELSE 'not_sampled' END, 1, 1, 0, 0, 0.0, "
        f"{_AT}, {_AT} FROM {_PLANTED} WHERE NOT ({_IS_NEW}) AND i % 101 > 0 UNION ALL "
        "SELECT i, 't' || i || '\\:s', p.settings_hash, p.settings, p.model, 'explained', NULL, "
        f"NULL, 1, 1, 0, 0, 0.0, {_AT}, {_AT} FROM {_PLANTED} WHERE {_IS_EXPLAINED}"
    ),
    "deliveries (tracker, kind, item, trace_id, state, attempts, not_before, created_at)": (
        "SELECT 'mlflow', 'trace', 't' || i, 't' || i, CASE WHEN i > :calls - 10000 "
        f"THEN 'waiting' ELSE 'delivered' END, 1, 0.0, {_AT} FROM n"
    ),
    "explanations (id, call_id, trace_id, settings_hash, attempt, status, created_at, body)": (
        "SELECT i, 't' || i || '\\:s', 't' || i, p.settings_hash, 1, "
        f"CASE i % 10 WHEN 0 THEN 'inconclusive' ELSE 'reliable' END, {_AT}, "
        f"p.explanation FROM {_PLANTED} WHERE {_IS_EXPLAINED}"
    ),
    "observations (explanation_id, number, kind, mask, keep_probability, replicate, level, round, "
    "fixed, text_hash, asked, shift)": (
        "SELECT i, o.number, o.kind, o.mask, o.keep_probability, 0, 0, 0, o.fixed, '', 'target', "
        f"o.shift FROM {_PLANTED} JOIN planted_observations AS o "
        f"ON o.explanation_id = p.explanation_id WHERE {_IS_EXPLAINED}"
    ),
}
_TEMPLATES = (
    "CREATE TEMPORARY TABLE planted AS SELECT calls.*, jobs.settings, jobs.settings_hash, "
    "jobs.model, explanations.body AS explanation, explanations.id AS explanation_id, "
    "row_number() OVER (PARTITION BY calls.group_version ORDER BY calls.id) - 1 AS number "
    "FROM calls JOIN jobs ON jobs.call_id = calls.id "
    "JOIN explanations ON explanations.call_id = calls.id",
    "CREATE TEMPORARY TABLE planted_observations AS SELECT * FROM observations",
    "DELETE FROM explanations",
    "DELETE FROM observations",
    "DELETE FROM jobs",
    "DELETE FROM calls",
)


def fill(store: Store, calls: int) -> None:
    """Put so many calls into an empty store."""
    questions = [{"question": f"Is item {k} in stock?"} for k in range(PLANTED)]
    for version, template in (("1", BEFORE), ("2", AFTER)):
        plant(store, PROMPT, version, template, questions, effects=EFFECTS)
    with store.database.write() as connection:
        for statement in _TEMPLATES:
            connection.exec_driver_sql(statement)
        values = {"calls": calls, "new": NEW, "days": DAYS, "now": time.time()}
        numbers = _NUMBERS[store.database.engine.dialect.name]
        for table, rows in _ROWS.items():
            # The common table expression stands before INSERT's own query.
            _run(connection, f"INSERT INTO {table} {numbers}{rows}", values)
        seen = "INSERT INTO trackers (name, trace_position, explanation_position, failures, "
        at = ":calls - :new, :calls - 20 * :new"
        _run(connection, f"{seen}not_before) VALUES ('mlflow', {at}, 0, 0.0)", values)
    note_groups(store.database)
    if isinstance(store.database, PostgresDatabase):
        with store.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")  # as it does by itself within a minute


def _run(connection: Connection, statement: str, values: dict[str, float]) -> None:
    given = {name: value for name, value in values.items() if f":{name}" in statement}
    connection.execute(text(statement), given)
