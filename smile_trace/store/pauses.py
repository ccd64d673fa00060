"""Models that cannot be asked right now, and when one call may try again."""

from sqlalchemy import select

from smile_trace.errors import ReasonCode
from smile_trace.records import Record
from smile_trace.store.database import Database
from smile_trace.store.statements import insert
from smile_trace.store.tables import paused_models


class Pause(Record):
    """A model that takes nothing; `not_before` is when the next probe may be sent."""

    name: str
    reason: str
    reason_code: ReasonCode | None = None
    failures: int
    since: float
    not_before: float


class Pauses:
    """Which models are paused. Durable, so that a restart tries them with one call each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Pause]:
        """Every paused model by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(paused_models)).all()
        return {row.name: Pause(**row._mapping) for row in rows}

    def put(self, pause: Pause) -> None:
        """Pause a model, or pause it for longer."""
        row = pause.model_dump()
        with self._database.write() as connection:
            statement = insert(paused_models).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    def wake(self) -> None:
        """Let every paused model be probed at once."""
        with self._database.write() as connection:
            connection.execute(paused_models.update().values(not_before=0.0))

    def clear(self, name: str) -> None:
        """End a model's pause."""
        with self._database.write() as connection:
            connection.execute(paused_models.delete().where(paused_models.c.name == name))
