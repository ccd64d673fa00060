"""How far the places of each source were read, and what was found there."""

from sqlalchemy import Connection, select

from smile_trace.errors import ReasonCode
from smile_trace.records import Record
from smile_trace.store.database import Database
from smile_trace.store.statements import insert
from smile_trace.store.tables import pulled

LATE_SECONDS = 600.0
"""How long after its beginning a trace may still get spans, or arrive at all: where everything was
read, `until_ms` is so long ago."""


class Pulled(Record):
    """A place (an experiment, a project) of a source.

    `until_ms`: all that began before it (Unix milliseconds) was read for good, and is counted:
    `traces` with `calls`, of which those in `kept` traces are in the store. `reason` is set while
    it cannot be read.
    """

    source: str
    place: str
    until_ms: int = 0
    traces: int = 0
    calls: int = 0
    kept: int = 0
    reason: str | None = None
    reason_code: ReasonCode | None = None


class PulledPlaces:
    """The places, each with one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, source: str, place: str) -> Pulled:
        """The place as it was last noted."""
        query = select(pulled).where(pulled.c.source == source, pulled.c.place == place)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return Pulled(source=source, place=place) if row is None else Pulled(**row._mapping)

    def note(self, state: Pulled) -> None:
        """Keep it in place of what was noted before."""
        row = state.model_dump()
        statement = insert(pulled).values(row)
        with self._database.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["source", "place"], set_=row)
            )


def read_places(connection: Connection) -> tuple[Pulled, ...]:
    """All of them, by source and place."""
    query = select(pulled).order_by(pulled.c.source, pulled.c.place)
    return tuple(Pulled(**row._mapping) for row in connection.execute(query))
