"""Rows of explanations, and of their perturbations."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, select, update

from smile_trace.records import Explanation, Observation
from smile_trace.store.database import Database
from smile_trace.store.database.sql import insert
from smile_trace.store.tables import calls, explanations, group_columns, observations

AT_ONCE = 200
"""Explanations whose group is noted in one transaction."""
_THEIR_CALL = calls.c.id == explanations.c.call_id


def put_explanation(
    connection: Connection,
    explanation: Explanation,
    *,
    call_id: str,
    trace_id: str,
    settings_hash: str,
    attempt: int,
    now: float,
) -> bool:
    """Insert an explanation with its perturbations; False if it was there, and stays as it is."""
    group = select(*group_columns(calls)).where(calls.c.id == call_id)
    found = connection.execute(group).mappings().one_or_none()
    kept = connection.execute(
        insert(explanations)
        .values(
            call_id=call_id,
            trace_id=trace_id,
            settings_hash=settings_hash,
            attempt=attempt,
            status=explanation.fidelity.status,
            created_at=now,
            body=explanation.model_dump_json(exclude={"perturbations"}),
            sanity_check=_sanity_outcome(explanation),
            **(found or {}),
        )
        .on_conflict_do_nothing()
        .returning(explanations.c.id)
    ).scalar()
    if kept is None:
        return False
    _put_observations(connection, kept, explanation.perturbations)
    return True


def note_groups(database: Database, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Note the groups of explanations without one, a few at a time."""
    of_calls = select(explanations.c.id).join(calls, _THEIR_CALL)
    some = of_calls.where(explanations.c.group_kind.is_(None)).limit(AT_ONCE)
    group = {
        one.name: select(one).where(_THEIR_CALL).scalar_subquery() for one in group_columns(calls)
    }
    noting = update(explanations).where(explanations.c.id.in_(some)).values(group)
    while not stopping() and database.change(noting):
        pass


def read_explanation(connection: Connection, row: Any) -> Explanation:
    """The explanation of a row with its `id` and `body`, with its perturbations."""
    of_it = observations.c.explanation_id == row.id
    query = select(observations).where(of_it).order_by(observations.c.number)
    rows = tuple(map(_observation, connection.execute(query)))
    return Explanation.model_validate_json(row.body).model_copy(update={"perturbations": rows})


def newest_explanation(connection: Connection, call_id: str) -> Explanation | None:
    """The newest explanation of a call."""
    query = (
        select(explanations.c.id, explanations.c.body)
        .where(explanations.c.call_id == call_id)
        .order_by(explanations.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else read_explanation(connection, row)


def _sanity_outcome(explanation: Explanation) -> str | None:
    match explanation.metadata.get("sanity_check"):
        case {"outcome": "passed" | "failed" | "inconclusive" as outcome}:
            return str(outcome)
    return None


def _put_observations(
    connection: Connection, explanation_id: int, rows: Iterable[Observation]
) -> None:
    values = [
        {
            **row.model_dump(exclude={"mask", "fixed", *_SCORES}),
            "explanation_id": explanation_id,
            "number": number,
            "mask": "".join("1" if kept else "0" for kept in row.mask),
            "fixed": json.dumps(row.fixed),
            "scores": _scores(row),
        }
        for number, row in enumerate(rows)
    ]
    if values:
        connection.execute(insert(observations), values)


def _observation(row) -> Observation:  # type: ignore[no-untyped-def]
    fields = dict(row._mapping)
    del fields["explanation_id"], fields["number"]
    fields["mask"] = tuple(digit == "1" for digit in row.mask)
    fields["fixed"] = tuple(json.loads(row.fixed))
    if (scores := fields.pop("scores")) is not None:
        fields |= json.loads(scores)
    return Observation(**fields)


_SCORES = ("logprobs", "likeliest_by", "tokens")


def _scores(row: Observation) -> str | None:
    if row.logprobs is None:
        return None
    return row.model_dump_json(include=set(_SCORES), exclude_none=True)
