"""Explanations and paths that people asked for, at the command line or in Python.

They stand apart from those that workers make, which are delivered, exported and compared: a person
may ask about any call, with any options.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, or_, select

from smile_trace.records import JSON, Call, Explanation
from smile_trace.records.call import trace_id_of
from smile_trace.records.path import ExplanationPath
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.sql import insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.tables import requested

Kind = Literal["explanation", "path"]


@dataclass(frozen=True)
class Stored:
    """An explanation or a path of the store.

    Attributes:
        call_id: the call that it explains, of a path the one that it begins at.
        made_at: Unix seconds.
        asked: the options that a person gave; None if a worker made it.
    """

    call_id: str
    made_at: float
    result: Explanation | ExplanationPath
    asked: Mapping[str, JSON] | None = None


class Requested(OfDatabase):
    """What people asked for."""

    def keep(self, stored: Stored, call: Call, *, of_trace: bool) -> None:
        """Keep what was asked for about a call in the place of an earlier one that was asked for
        alike. Keeps nothing of a forgotten trace. `of_trace`: whether it was asked for by the
        trace's id alone: its final answer."""
        asked = json.dumps(stored.asked or {}, sort_keys=True)
        trace_id = trace_id_of(stored.call_id)
        values = {
            "asked": asked,
            "created_at": stored.made_at,
            "session": call.session,
            "user": call.user,
        }
        row = insert(requested).values(
            call_id=stored.call_id,
            kind="explanation" if isinstance(stored.result, Explanation) else "path",
            asked_hash=hashlib.sha256(asked.encode()).hexdigest()[:16],
            trace_id=trace_id,
            of_trace=of_trace,
            body=stored.result.model_dump_json(),
            **values,
        )
        new = row.excluded
        changed = {**values, "body": new.body, "of_trace": or_(requested.c.of_trace, new.of_trace)}
        key = list(requested.primary_key.columns)
        with self._database.write() as connection:
            if not forgotten_among(connection, [trace_id]):
                connection.execute(row.on_conflict_do_update(index_elements=key, set_=changed))

    def of_call(self, kind: Kind, call_id: str) -> list[Stored]:
        """What was asked for about a call, the newest first."""
        return self._find(kind, requested.c.call_id == call_id)

    def of_trace(self, kind: Kind, trace_id: str) -> list[Stored]:
        """What was asked for by a trace's id, the newest first."""
        return self._find(kind, requested.c.of_trace & (requested.c.trace_id == trace_id))

    def _find(self, kind: Kind, which: ColumnElement[bool]) -> list[Stored]:
        query = select(requested).where(requested.c.kind == kind, which)
        record = Explanation if kind == "explanation" else ExplanationPath
        return [
            Stored(
                call_id=row.call_id,
                made_at=row.created_at,
                result=record.model_validate_json(row.body),
                asked=json.loads(row.asked),
            )
            for row in self._database.rows(query.order_by(requested.c.created_at.desc()))
        ]
