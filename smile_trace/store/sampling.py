"""Calls without a sampling decision, decisions, and facts about groups."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnDefault, Connection, Row, delete, select, tuple_, update

from smile_trace._text.log_context import about
from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Call, Explanation, ExplanationSettings, Record
from smile_trace.records.call import trace_id_of
from smile_trace.store.database import OfDatabase, rows_among
from smile_trace.store.database.rows import insert_rows, skip, update_rows
from smile_trace.store.database.sql import insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.packing import packing
from smile_trace.store.tables import Group, calls, group_columns, groups, jobs, traces

logger = logging.getLogger(__name__)

_NEW = {one.name: one.default.arg for one in jobs.c if isinstance(one.default, ColumnDefault)}
"""What a new job begins with."""


class Decision(Record):
    """The sampling decision on a call."""

    call_id: str
    settings: ExplanationSettings
    settings_hash: str
    model: str | None
    state: Literal["pending", "skipped"]
    reason: str | None = None
    reason_code: ReasonCode | None = None
    inclusion_probability: float | None = None

    @property
    def why(self) -> Reason | None:
        """Why it is skipped."""
        if self.reason is None or self.reason_code is None:
            return None
        return Reason(self.reason_code, self.reason)


class Sampling(OfDatabase):
    """Decisions, and the calls that wait for one."""

    def undecided_traces(self, limit: int | None = None) -> list[str]:
        """The traces of the `limit` oldest calls without a sampling decision, in order."""
        query = (
            select(calls.c.trace_id)
            .where(calls.c.decided.is_(False))
            .order_by(calls.c.start_ns, calls.c.trace_id)
            .limit(limit)
        )
        return list(dict.fromkeys(self._database.column(query)))

    def undecided(self, trace_ids: Sequence[str] | None = None) -> list[tuple[Group, Call]]:
        """The readable calls of these traces (by default of all) without a sampling decision, each
        with its group, in order of start within a trace."""
        return [
            (Group.from_row(row), call)
            for row in self._undecided(self.undecided_traces() if trace_ids is None else trace_ids)
            if isinstance(call := _read_call(row.body), Call)
        ]

    def of_several(self, trace_ids: Collection[str]) -> list[str]:
        """The traces, of these, that hold several calls."""
        query = select(calls.c.trace_id).where(calls.c.superseded.is_(False))
        with self._database.read() as connection:
            rows = rows_among(connection, query, calls.c.trace_id, sorted(trace_ids))
            held = Counter(row.trace_id for row in rows)
        return [trace_id for trace_id, number in held.items() if number > 1]

    def set_aside_unreadable(self, trace_ids: Sequence[str]) -> int:
        """Set aside those of the traces that have an unreadable undecided call, which must not hold
        up readable ones; returns how many calls."""
        rows = [(row, _read_call(row.body)) for row in self._undecided(trace_ids)]
        unreadable = [(row, said) for row, said in rows if isinstance(said, str)]
        if unreadable:
            with self._database.write() as connection:
                for row, said in unreadable:
                    with about(trace_id=row.trace_id, call_id=row.id):
                        logger.warning("the call %s cannot be read: %s", row.id, said)
                    connection.execute(delete(calls).where(calls.c.id == row.id))
                    of_call = update(traces).where(traces.c.trace_id == row.trace_id)
                    connection.execute(of_call.values(error=said, position=None))
        return len(unreadable)

    def _undecided(self, trace_ids: Sequence[str]) -> list[Row[Any]]:
        waiting = select(calls).where(calls.c.decided.is_(False))
        with self._database.read() as connection:
            rows = rows_among(connection, waiting, calls.c.trace_id, trace_ids)
        place = {trace_id: number for number, trace_id in enumerate(trace_ids)}
        return sorted(rows, key=lambda row: (place[row.trace_id], row.start_ns, row.id))

    def chosen(self, wanted: Collection[Group]) -> dict[Group, int]:
        """How many calls of each group were sampled so far; a group without any is missing."""
        query = select(groups).where(tuple_(*group_columns(groups)).in_(wanted))
        return {Group.from_row(row): row.chosen for row in self._database.rows(query)}

    def argument_differs(self, wanted: Collection[Group]) -> set[Group]:
        """The groups, of these, whose function's argument did not reproduce a logged answer."""
        which = tuple_(*group_columns(groups)).in_(wanted)
        query = select(groups).where(which, groups.c.argument_differs)
        return {Group.from_row(row) for row in self._database.rows(query)}

    def decide(
        self, decisions: Iterable[Decision], chosen: Mapping[Group, int], *, now: float
    ) -> None:
        """Insert the jobs of those decisions and the groups' new counts in one transaction."""
        decisions = list(decisions)
        if not decisions:
            return
        with self._database.write() as connection:
            of_traces = {trace_id_of(decision.call_id) for decision in decisions}
            gone, pack = forgotten_among(connection, of_traces), packing(connection)
            alike = {decision.settings_hash: decision.settings for decision in decisions}
            bodies = {of: pack("settings", alike[of].model_dump_json()) for of in alike}
            rows = [
                {
                    **_NEW,
                    **decision.model_dump(exclude={"settings"}),
                    **bodies[decision.settings_hash],
                    "created_at": now,
                    "changed_at": now,
                }
                for decision in decisions
                if trace_id_of(decision.call_id) not in gone
            ]
            insert_rows(connection, jobs, rows, skip)
            decided = [{"id": row["call_id"], "decided": True} for row in rows]
            update_rows(connection, calls, ("id",), decided)
            for group, count in chosen.items():
                statement = insert(groups).values(**group.values, chosen=count)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=list(group.values),
                        set_={"chosen": statement.excluded.chosen},
                    )
                )

    def forget_skipped(self, code: ReasonCode) -> int:
        """Let sampling decide anew about the calls that were skipped for that reason."""
        skipped = (jobs.c.state == "skipped") & (jobs.c.reason_code == code)
        ids = select(jobs.c.call_id).where(skipped)
        with self._database.write() as connection:
            connection.execute(update(calls).where(calls.c.id.in_(ids)).values(decided=False))
            return connection.execute(delete(jobs).where(skipped)).rowcount


def _read_call(body: str) -> Call | str:
    """The call, or why it cannot be read."""
    try:
        return Call.model_validate_json(body)
    except ValueError as error:
        return f"{type(error).__name__}: {str(error)[:1000]}"


def note_argument(connection: Connection, call_id: str, explanation: Explanation) -> None:
    """Note for the call's group that its function sends something other than its argument."""
    assumed = any(note.code is ReasonCode.PROMPT_ASSUMED for note in explanation.notes)
    if not assumed or explanation.fidelity.reproduced:
        return
    of_call = select(*group_columns(calls)).where(calls.c.id == call_id)
    differs = (
        update(groups)
        .where(tuple_(*group_columns(groups)).in_(of_call))
        .values(argument_differs=True)
    )
    connection.execute(differs)
