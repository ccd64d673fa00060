"""Calls of a trace that is completed again, since spans or logs of it came later.

What came may be the content of a call that was skipped for want of it, or show that two spans are
of one call.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from smile_trace.errors import ReasonCode
from smile_trace.store.database import in_chunks
from smile_trace.store.tables import calls, deliveries, jobs

_OPEN = ("pending", "skipped")
"""States of jobs that have asked nothing."""


def reconsider(
    connection: Connection, trace_ids: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Let sampling decide anew about what was skipped and reads otherwise now, and remove the
    calls that are none any more: those for which something was asked stay, as `superseded`.

    Args:
        connection: before the rows are written.
        trace_ids: the traces that are completed.
        rows: their calls, as they are read now.
    """
    query = select(calls.c.id, calls.c.body)
    known = {row.id: row.body for row in in_chunks(connection, query, calls.c.trace_id, trace_ids)}
    if not known:
        return
    now = {row["id"]: row["body"] for row in rows}
    for call_id, body in known.items():
        if call_id not in now:
            _remove(connection, call_id)
        elif now[call_id] != body:
            _decide_anew(connection, call_id)


def _decide_anew(connection: Connection, call_id: str) -> None:
    skipped = (jobs.c.call_id == call_id) & (jobs.c.state == "skipped")
    undone = delete(jobs).where(skipped, jobs.c.reason_code != ReasonCode.NOT_SAMPLED)
    if connection.execute(undone).rowcount:
        connection.execute(update(calls).where(calls.c.id == call_id).values(decided=False))


def _remove(connection: Connection, call_id: str) -> None:
    own = jobs.c.call_id == call_id
    if connection.execute(select(jobs.c.id).where(own, jobs.c.state.not_in(_OPEN))).first():
        connection.execute(update(calls).where(calls.c.id == call_id).values(superseded=True))
        return
    connection.execute(delete(jobs).where(own))
    connection.execute(delete(calls).where(calls.c.id == call_id))
    told = deliveries.c.kind == "unexplained"
    connection.execute(delete(deliveries).where(told, deliveries.c.item == call_id))
