"""Models that cannot be asked right now, and how far proxies were trusted."""

from sqlalchemy import ColumnElement, delete, select

from smile_trace.errors import ReasonCode
from smile_trace.records import Record
from smile_trace.records.call import trace_id_of
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.sql import insert, upsert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.tables import Group, paused_models, proxy_trusts


class Pause(Record):
    """A model that takes nothing; `not_before` is when the next probe may be sent."""

    name: str
    reason: str
    reason_code: ReasonCode | None = None
    failures: int
    since: float
    not_before: float


class Pauses(OfDatabase):
    """The paused models. Durable, so that a restart tries them with one call each."""

    def all(self) -> dict[str, Pause]:
        """Every paused model by name."""
        every = self._database.rows(select(paused_models))
        return {row.name: Pause(**row._mapping) for row in every}

    def put(self, pause: Pause) -> None:
        """Pause a model, or pause it for longer."""
        self._database.change(upsert(paused_models, pause.model_dump()))

    def wake(self) -> None:
        """Let every paused model be probed at once."""
        self._database.change(paused_models.update().values(not_before=0.0))

    def clear(self, name: str) -> None:
        """End a model's pause."""
        self._database.change(paused_models.delete().where(paused_models.c.name == name))


class Pair(Record):
    """A proxy, the model that it stands in for, and the group of its calls."""

    target: str
    proxy: str
    group: Group

    @property
    def values(self) -> dict[str, str]:
        """The columns that hold it."""
        return {"target": self.target, "proxy": self.proxy, **self.group.values}


class ProxyTrusts(OfDatabase):
    """The evidence that proxies are screened by. An explanation counts once, also after a crash."""

    def add(self, pair: Pair, value: float, *, item: str, now: float) -> None:
        """Store the trust, in [0, 1], of the explanation `item`, whose key begins with a trace's
        id. Stores nothing of a forgotten trace."""
        row = {**pair.values, "value": value, "item": item, "created_at": now}
        with self._database.write() as connection:
            if not forgotten_among(connection, [trace_id_of(item)]):
                connection.execute(insert(proxy_trusts).values(row).on_conflict_do_nothing())

    def values(self, pair: Pair) -> list[float]:
        """All trusts of a pair, in the order of the explanations."""
        query = select(proxy_trusts.c.value).where(*_is(pair)).order_by(proxy_trusts.c.id)
        return self._database.column(query)

    def pairs(self) -> list[Pair]:
        """Every pair that was seen."""
        names = ("target", "proxy", "group_kind", "group_name", "group_version")
        columns = [proxy_trusts.c[name] for name in names]
        rows = self._database.rows(select(*columns).distinct().order_by(*columns))
        return [Pair(target=row.target, proxy=row.proxy, group=Group.from_row(row)) for row in rows]

    def forget(self, pair: Pair) -> None:
        """Let the proxy be tried anew."""
        self._database.change(delete(proxy_trusts).where(*_is(pair)))


def _is(pair: Pair) -> list[ColumnElement[bool]]:
    return [proxy_trusts.c[name] == value for name, value in pair.values.items()]
