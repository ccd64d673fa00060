"""Durable answers by content: the store's side of `models.ledger.ResponseCache`."""

import time
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from sqlalchemy import Connection, delete, literal, select

from smile_trace.records import Response
from smile_trace.store.database import Database, rows_among
from smile_trace.store.database.sql import among, insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.tables import response_uses, responses


class StoredResponses:
    """The ResponseCache of `models.ledger`: durable before it returns. Answers can be removed with
    `trace_id`, whose explanation asks; nothing is stored for a forgotten one."""

    def __init__(
        self, database: Database, trace_id: str | None = None, *, replacing: bool = False
    ) -> None:
        self._database = database
        self._trace_id = trace_id
        self._replacing = replacing

    def used_by(self, trace_id: str | None, *, replacing: bool = False) -> "StoredResponses":
        """The same cache, which notes that a trace's explanation uses the answers; if `replacing`,
        those that are put take the place of earlier ones."""
        return StoredResponses(self._database, trace_id, replacing=replacing)

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """The cached responses among `keys`, with `cached=True`. Unreadable ones are removed, to be
        asked again."""
        found: dict[str, Response] = {}
        unreadable: list[str] = []
        with self._database.read() as connection:
            rows = rows_among(connection, select(responses), responses.c.key, keys)
        for row in rows:
            try:
                response = Response.model_validate_json(row.body)
            except ValidationError:
                unreadable.append(row.key)
                continue
            found[row.key] = response.model_copy(update={"cached": True})
        self._note_uses(list(found))
        if unreadable:
            self._database.change(delete(responses).where(among(responses.c.key, unreadable)))
        return found

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Store responses; existing ones stay unless replaced, and failures are not stored."""
        now = time.time()
        rows = [  # in one order, or two who keep the same ones would wait for each other
            {"key": key, "created_at": now, "body": response.model_dump_json()}
            for key, response in sorted(items.items())
            if response.ok
        ]
        if not rows:
            return
        with self._database.write(alone=False, fenced=False) as connection:
            if self._trace_id is not None and forgotten_among(connection, [self._trace_id]):
                return
            connection.execute(_REPLACING if self._replacing else _KEEPING, rows)
            if self._trace_id is not None:
                _put_uses(connection, [str(row["key"]) for row in rows], self._trace_id)

    def _note_uses(self, keys: Sequence[str]) -> None:
        if not keys or self._trace_id is None:
            return
        noted = select(response_uses.c.key).where(response_uses.c.trace_id == self._trace_id)
        with self._database.read() as connection:
            known = {row.key for row in rows_among(connection, noted, response_uses.c.key, keys)}
        if known.issuperset(keys):
            return
        with self._database.write(alone=False) as connection:
            if not forgotten_among(connection, [self._trace_id]):
                _put_uses(connection, sorted(keys), self._trace_id)


_NEW = insert(responses)
_KEEPING = _NEW.on_conflict_do_nothing()
_REPLACING = _NEW.on_conflict_do_update(
    index_elements=[responses.c.key],
    set_={"body": _NEW.excluded.body, "created_at": _NEW.excluded.created_at},
)


def _put_uses(connection: Connection, keys: Sequence[str], trace_id: str) -> None:
    """Note whose explanation uses answers, if they are still there."""
    there = select(responses.c.key, literal(trace_id)).where(among(responses.c.key, keys))
    statement = insert(response_uses).from_select(["key", "trace_id"], there)
    connection.execute(statement.on_conflict_do_nothing())
