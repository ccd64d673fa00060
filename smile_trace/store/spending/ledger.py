"""Spending and responses, durably: the store's side of `models.accounting.ledger`."""

import logging
import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Connection, Row, delete, literal, select, update

from smile_trace.errors import BudgetExceeded
from smile_trace.records import Record, Response
from smile_trace.settings import Budget, ModelSettings, table_of
from smile_trace.store.database import Database, in_chunks
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.spending.budget_scope import BudgetScope, Purpose
from smile_trace.store.statements import insert
from smile_trace.store.tables import reservations, response_uses, responses, spend

logger = logging.getLogger(__name__)

UNITS = ("calls", "tokens", "usd")
"""What caps are counted in."""

BEYOND_BOUND, LEAST_BOUND, LEAST_USD = 10, 10_000, 0.1
"""Usage above so many times its reservation (or these tokens and dollars) is not believed."""
MAX_TOKENS = 10**9
"""The most tokens of a reservation that was made without a bound."""

CapScope = Literal["day", "model", "explanation"]
"""What a cap holds for. The key of a day is its ISO date, of a model "date/name", of an
explanation that of its `BudgetScope`."""


class Spent(Record):
    """What was reserved or spent; `unpriced_calls` are those whose price is unknown."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0


class Left(Record):
    """What remains of the caps today; None where there is no cap of that kind."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None


class StoredResponses:
    """The ResponseCache of `models.accounting.ledger`: durable before it returns.

    Args:
        database: the store's.
        trace_id: the trace whose explanation asks, so that its answers can be removed with it.
            Nothing is stored for one that was forgotten.
    """

    def __init__(self, database: Database, trace_id: str | None = None) -> None:
        self._database = database
        self._trace_id = trace_id

    def used_by(self, trace_id: str) -> "StoredResponses":
        """The same cache, which notes that the answers are those of a trace's explanation."""
        return StoredResponses(self._database, trace_id)

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """The cached responses among `keys`, each with `cached=True`.

        One that cannot be read (release 0.1 kept infinite log-probabilities) is none: it is
        asked again, and its answer takes the place.
        """
        found: dict[str, Response] = {}
        unreadable: list[str] = []
        with self._database.read() as connection:
            for start in range(0, len(keys), 500):
                query = select(responses).where(responses.c.key.in_(keys[start : start + 500]))
                for row in connection.execute(query):
                    try:
                        response = Response.model_validate_json(row.body)
                    except ValidationError:
                        unreadable.append(row.key)
                        continue
                    found[row.key] = response.model_copy(update={"cached": True})
        self._note_uses(list(found))
        if unreadable:
            with self._database.write() as connection:
                for start in range(0, len(unreadable), 500):
                    some = responses.c.key.in_(unreadable[start : start + 500])
                    connection.execute(delete(responses).where(some))
        return found

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Store responses; those that are there already stay, and failures are not stored."""
        now = time.time()
        rows = [
            {"key": key, "created_at": now, "body": response.model_dump_json()}
            for key, response in items.items()
            if response.ok
        ]
        if not rows:
            return
        with self._database.write(fenced=False) as connection:
            if self._trace_id is not None and forgotten_among(connection, [self._trace_id]):
                return
            connection.execute(insert(responses).on_conflict_do_nothing(), rows)
            if self._trace_id is not None:
                _put_uses(connection, [str(row["key"]) for row in rows], self._trace_id)

    def _note_uses(self, keys: Sequence[str]) -> None:
        """Note for whose explanation cached answers were found, too."""
        if not keys or self._trace_id is None:
            return
        noted = select(response_uses.c.key).where(response_uses.c.trace_id == self._trace_id)
        with self._database.read() as connection:
            known = {row.key for row in in_chunks(connection, noted, response_uses.c.key, keys)}
        if known.issuperset(keys):
            return
        with self._database.write() as connection:
            if not forgotten_among(connection, [self._trace_id]):
                _put_uses(connection, keys, self._trace_id)


def _put_uses(connection: Connection, keys: Sequence[str], trace_id: str) -> None:
    """Note for whose explanation answers were asked or found, if they are still there."""
    for start in range(0, len(keys), 500):
        there = select(responses.c.key, literal(trace_id)).where(
            responses.c.key.in_(keys[start : start + 500])
        )
        statement = insert(response_uses).from_select(["key", "trace_id"], there)
        connection.execute(statement.on_conflict_do_nothing())


class StoredLedger:
    """The Ledger of `models.accounting.ledger`, with the settings' caps.

    A reservation is counted as spent from the start, so one that a crash orphaned stays so.

    Args:
        database: the store's.
        budget: the caps on everything, and on one explanation.
        models: the settings' models by name, with caps of their own; `"*"` stands for others.
        clock: Unix seconds.
    """

    caps_money = True

    def __init__(
        self,
        database: Database,
        budget: Budget,
        models: Mapping[str, ModelSettings] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._budget = budget
        self._models = models or {}
        self._clock = clock
        self._disbelieved: set[str] = set()

    def today(self) -> str:
        """The day that the daily caps count on, in UTC."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `models.accounting.ledger.Ledger.reserve`."""
        day = self.today()
        more = Spent(
            calls=calls,
            tokens=tokens,
            usd=usd or 0.0,
            unpriced_calls=0 if usd is not None else calls,
        )
        identity = uuid.uuid4().hex
        counted = _counted(day, model, explanation, more)
        with self._database.write() as connection:
            for scope, key, part in counted:
                self._check(scope, key, model, _spent(connection, scope, key), part)
            for scope, key, part in counted:
                _count(connection, scope, key, part)
            connection.execute(
                insert(reservations).values(
                    id=identity,
                    day=day,
                    model=model,
                    explanation=explanation,
                    calls=calls,
                    tokens=tokens,
                    usd=usd,
                )
            )
        return identity

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """See `models.accounting.ledger.Ledger.settle`; settling twice changes nothing.

        Usage that cannot be true is refused: then the reservation stands.
        """
        with self._database.write(fenced=False) as connection:
            row = connection.execute(
                select(reservations).where(reservations.c.id == reservation)
            ).one_or_none()
            if row is None or row.settled:
                return
            if not _credible(row, tokens, usd):
                self._refuse_usage(row.model, tokens, usd)
                return
            unpriced = (row.calls if usd is None else 0) - (row.calls if row.usd is None else 0)
            difference = Spent.model_construct(
                calls=0,
                tokens=tokens - row.tokens,
                usd=(usd or 0.0) - (row.usd or 0.0),
                unpriced_calls=unpriced,
            )
            for scope, key, part in _counted(row.day, row.model, row.explanation, difference):
                _count(connection, scope, key, part)
            connection.execute(
                update(reservations)
                .where(reservations.c.id == reservation)
                .values(settled=True, tokens=tokens, usd=usd)
            )

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `models.accounting.ledger.Ledger.release`; a second time changes nothing."""
        with self._database.write(fenced=False) as connection:
            row = connection.execute(
                select(reservations).where(reservations.c.id == reservation)
            ).one_or_none()
            if row is None or row.settled:
                return
            back = Spent.model_construct(
                calls=-row.calls,
                tokens=-row.tokens,
                usd=-(row.usd or 0.0),
                unpriced_calls=-(row.calls if row.usd is None else 0),
            )
            for scope, key, part in _counted(row.day, row.model, row.explanation, back):
                if sent and scope != "explanation":
                    part = part.model_copy(update={"calls": 0})
                _count(connection, scope, key, part)
            own = reservations.c.id == reservation
            if sent:
                values = {"settled": True, "tokens": 0, "usd": 0.0}
                connection.execute(update(reservations).where(own).values(values))
            else:
                connection.execute(delete(reservations).where(own))

    def spent(self, scope: CapScope, key: str) -> Spent:
        """What was spent so far under a cap."""
        with self._database.read() as connection:
            return _spent(connection, scope, key)

    def room_for(self, explanations: int, model: str | None = None) -> bool:
        """Whether the caps per day leave room for so many whole explanations to run at once.

        For the only one, any room is enough: it may go on tomorrow with what it has by then.

        Args:
            explanations: those under way and the next one.
            model: look at the model's own caps; without it, at those on everything.
        """
        budget, left = self._budget, self.left(model)
        calls, usd = explanations * budget.calls_per_explanation, budget.usd_per_explanation
        if explanations == 1:
            calls, usd = 1, None
        return (
            (left.calls is None or left.calls >= calls)
            and (left.usd is None or left.usd > explanations * (usd or 0.0))
            and (left.tokens is None or left.tokens > 0)
        )

    def left(self, model: str | None = None) -> Left:
        """What remains of the daily caps: those on everything, or a model's own."""
        if model is None:
            caps = {unit: getattr(self._budget, f"{unit}_per_day") for unit in UNITS}
            spent = self.spent("day", self.today())
        else:
            caps = self._caps_of(model)
            spent = self.spent("model", f"{self.today()}/{model}")
        return Left(
            **{
                unit: max(0, cap - getattr(spent, unit))
                for unit, cap in caps.items()
                if cap is not None
            }
        )

    def used_up(self) -> set[str]:
        """The names of the models whose own caps let nothing more through today."""
        day = f"{self.today()}/"
        query = select(spend).where(
            spend.c.scope == "model", spend.c.key.startswith(day, autoescape=True)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        spent = {row.key.removeprefix(day): row._mapping for row in rows}
        nothing = dict.fromkeys(UNITS, 0)
        return {
            name
            for name in {*spent, *self._models} - {"*"}
            for unit, cap in self._caps_of(name).items()
            if cap is not None and spent.get(name, nothing)[unit] >= cap
        }

    def _refuse_usage(self, model: str, tokens: int, usd: float | None) -> None:
        if model not in self._disbelieved:
            self._disbelieved.add(model)
            logger.warning(
                "the model %r says that an attempt used %.3g tokens and %.3g dollars: that is not "
                "believed, so its attempts are charged with the most that they can cost",
                model,
                tokens,
                usd or 0.0,
            )

    def _caps_of(self, model: str) -> dict[str, float | None]:
        how = table_of(self._models, model)
        if how is None:
            return {}
        return {unit: getattr(how, f"{unit}_per_day") for unit in UNITS}

    def _check_model(self, model: str, spent: Spent, more: Spent) -> None:
        for unit, cap in self._caps_of(model).items():
            used, asked = getattr(spent, unit), getattr(more, unit)
            if cap is not None and asked > 0 and used + asked > cap:
                table = model if model in self._models else "*"
                raise BudgetExceeded(
                    f"the cap of {cap:g} {unit} per day for the model {model!r} is used up "
                    f"({used:g} spent or reserved): raise {unit}_per_day in "
                    f'[models."{table}"], or wait until midnight UTC.',
                    daily=True,
                )

    def _check(self, scope: str, key: str, model: str, spent: Spent, more: Spent) -> None:
        if scope == "model":
            self._check_model(model, spent, more)
            return
        for name, cap in self._caps(scope, key).items():
            unit = next(unit for unit in UNITS if unit in name)
            used, asked = getattr(spent, unit), getattr(more, unit)
            if cap is not None and asked > 0 and used + asked > cap:
                raise BudgetExceeded(
                    f"the cap of {cap:g} {unit} per {scope} is used up ({used:g} spent or "
                    f"reserved): raise budget.{name}"
                    + (", or wait until midnight UTC." if scope == "day" else "."),
                    daily=scope == "day",
                )

    def _caps(self, scope: str, key: str) -> dict[str, float | None]:
        """The settings in `[budget]` that hold for a day or an explanation, by name."""
        names = [f"{unit}_per_{scope}" for unit in UNITS]
        if scope == "explanation":
            own = {
                Purpose.PROXY: "proxy_calls_per_explanation",
                Purpose.PATH: "calls_per_path",
                Purpose.PROFILE: "calls_per_profile",
            }
            calls = own.get(BudgetScope.from_key(key).purpose, names[0])
            names = [calls, "usd_per_explanation"]
        return {name: getattr(self._budget, name) for name in names}


def _credible(reserved: Row[Any], tokens: int, usd: float | None) -> bool:
    """Whether a reservation may be settled at this: neither negative nor far above its bound.

    Some room is left: a provider may count what it was not asked for (its own instructions).
    """
    most = BEYOND_BOUND * max(reserved.tokens, LEAST_BOUND) if reserved.tokens else MAX_TOKENS
    if not 0 <= tokens <= most:
        return False
    if usd is None:
        return True
    dollars = math.inf if reserved.usd is None else BEYOND_BOUND * max(reserved.usd, LEAST_USD)
    return 0 <= usd < math.inf and usd <= dollars


def _counted(
    day: str, model: str, explanation: str, more: Spent
) -> tuple[tuple[CapScope, str, Spent], ...]:
    """Where an attempt counts: scope, key, and what of it counts there."""
    scope = BudgetScope.from_key(explanation)
    of_model: tuple[CapScope, str, Spent] = ("model", f"{day}/{model}", more)
    if scope.purpose is not Purpose.PROXY:
        return ("day", day, more), of_model, ("explanation", explanation, more)
    money = more.model_copy(update={"calls": 0, "tokens": 0})
    return (
        ("day", day, money),
        of_model,
        ("explanation", explanation, more),
        ("explanation", scope.explanation, money),
    )


def _spent(connection: Connection, scope: str, key: str) -> Spent:
    query = select(spend).where(spend.c.scope == scope, spend.c.key == key)
    row = connection.execute(query).one_or_none()
    if row is None:
        return Spent()
    return Spent(calls=row.calls, tokens=row.tokens, usd=row.usd, unpriced_calls=row.unpriced_calls)


def _count(connection: Connection, scope: str, key: str, more: Spent) -> None:
    statement = insert(spend).values(scope=scope, key=key, **more.model_dump())
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["scope", "key"],
            set_={name: spend.c[name] + statement.excluded[name] for name in Spent.model_fields},
        )
    )
