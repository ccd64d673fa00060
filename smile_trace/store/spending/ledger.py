"""Durable spending: the store's side of `models.ledger.Ledger`."""

import copy
import hashlib
import logging
import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select

from smile_trace.errors import BudgetExceeded, Reason
from smile_trace.records import Record
from smile_trace.settings import Budget, ModelSettings, table_of
from smile_trace.store.database import Database
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.forgotten import trace_hash
from smile_trace.store.spending.accounts import (
    UNITS,
    CapScope,
    Entry,
    FileAccounts,
    RateLimits,
    Reservation,
    SharedAccounts,
    Spent,
    read_reservation,
    read_spent,
)
from smile_trace.store.tables import spend


class Purpose(StrEnum):
    """The purpose of attempts. Only those for the explanation itself use up its calls."""

    EXPLANATION = "explanation"
    PROXY = "proxy"
    SANITY_CHECK = "sanity check"
    PATH = "path"
    PROFILE = "profile"
    EMBEDDINGS = "embeddings"
    JUDGE = "judge"
    PAUSED = "try"
    """Whether a paused model answers again; each run of a job has its own."""


@dataclass(frozen=True)
class BudgetScope:
    """An explanation, or a by-product of it, with caps of its own.

    A proxy's attempts have their own caps on calls and tokens; only their money counts in the caps
    of the explanation and the day. `explanation`: its id, in the worker "call id/settings
    hash/attempt"; begins with the call's id if there is one. `run`: the run of the job, for a
    probe.
    """

    explanation: str
    purpose: Purpose = Purpose.EXPLANATION
    run: int | None = None

    def for_purpose(self, purpose: Purpose, run: int | None = None) -> "BudgetScope":
        """The scope of the same explanation for another purpose."""
        return replace(self, purpose=purpose, run=run)

    @property
    def key(self) -> str:
        """The key that models are given."""
        if self.purpose is Purpose.EXPLANATION:
            return self.explanation
        run = "" if self.run is None else f" {self.run}"
        return f"{self.explanation}/{self.purpose}{run}"

    @property
    def stored_key(self) -> str:
        """The key in the store, with the trace's id hashed: spending outlives a forgotten trace,
        whose id must not, nor come back with a late attempt. All keys of a trace begin alike."""
        trace_id, colon, rest = self.explanation.partition(":")
        if not colon:
            return self.key
        hidden = trace_hash(trace_id) + colon + hashlib.sha256(rest.encode()).hexdigest()[:32]
        return replace(self, explanation=hidden).key

    @classmethod
    def from_key(cls, key: str) -> "BudgetScope":
        """The scope of a key."""
        explanation, _, end = key.rpartition("/")
        name, _, run = end.rpartition(" ")
        if name == Purpose.PAUSED and run.isdecimal():
            return cls(explanation, Purpose.PAUSED, int(run))
        if end in _NAMED:
            return cls(explanation, Purpose(end))
        return cls(key)


_NAMED = frozenset(Purpose) - {Purpose.EXPLANATION, Purpose.PAUSED}
"""The purposes that a key ends with."""


logger = logging.getLogger(__name__)

BEYOND_BOUND, LEAST_BOUND, LEAST_USD = 10, 10_000, 0.1
"""Usage above so many times its reservation (or these tokens and dollars) is not believed."""
MAX_TOKENS = 10**9
"""The most tokens of a reservation that was made without a bound."""
OF_A_MODEL = "day for the model"
"""Said of a model's own daily cap, and of no other."""
_LEAST = Spent(calls=1, tokens=1, usd=1e-6)
"""Less than any attempt."""


class Left(Record):
    """The rest of today's caps; None without a cap of that kind."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None


class StoredLedger:
    """The Ledger of `models.ledger`, with the settings' caps.

    A reservation counts as spent from the start, so that one orphaned by a crash stays counted.
    `budget`: the caps on everything, and on one explanation; `models`: the settings' models by
    name, with caps of their own; `"*"` stands for others.
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
        self._own_budget = False
        self._disbelieved: set[str] = set()
        self._open: dict[str, Reservation] = {}  # those of this process, so as not to read them
        self._rate_limits = RateLimits(database, clock)
        self._accounts = (
            SharedAccounts(database)
            if isinstance(database, PostgresDatabase)
            else FileAccounts(database)
        )

    def with_budget(self, calls: int | None) -> "StoredLedger":
        """The same caps per day and limits per minute with a budget of `calls` for each thing that
        is asked, in place of the settings' (None: no such cap)."""
        ledger = copy.copy(self)
        ledger._own_budget = True
        ledger.caps_money = False  # the budget, in calls, holds whatever the price is
        ledger._budget = self._budget.model_copy(
            update={
                "calls_per_explanation": calls,
                "proxy_calls_per_explanation": calls,
                "usd_per_explanation": None,
            }
        )
        return ledger

    def today(self) -> str:
        """The day that the daily caps count on, in UTC."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """See `models.ledger.Ledger.delay`."""
        taken = self._seconds(model, {"requests": calls, "tokens": tokens})
        waits = (self._rate_limits.take(model, unit, taken[unit]) for unit in taken)
        return max(waits, default=0.0)

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `models.ledger.Ledger.reserve`."""
        day, explanation = self.today(), BudgetScope.from_key(explanation).stored_key
        more = Spent(
            calls=calls,
            tokens=tokens,
            usd=usd or 0.0,
            unpriced_calls=0 if usd is not None else calls,
        )
        reservation = Reservation(uuid.uuid4().hex, day, model, explanation, calls, tokens, usd)
        entries = [
            entry._replace(caps=self._caps(entry, model))
            for entry in _counted(day, model, explanation, more)
        ]
        while (refused := self._accounts.reserve(reservation, entries)) is not None:
            self._refuse(entries[refused], model)
        self._open[reservation.id] = reservation
        return reservation.id

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """See `models.ledger.Ledger.settle`; idempotent. After incredible usage the reservation
        stands."""
        row = self._take(reservation)
        if row is None:
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
        counted = _counted(row.day, row.model, row.explanation, difference)
        self._accounts.settle(reservation, counted, {"tokens": tokens, "usd": usd})
        for unit, seconds in self._seconds(row.model, {"tokens": row.tokens - tokens}).items():
            self._rate_limits.return_unused(row.model, unit, seconds)

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `models.ledger.Ledger.release`; idempotent."""
        row = self._take(reservation)
        if row is None:
            return
        back = Spent.model_construct(
            calls=-row.calls,
            tokens=-row.tokens,
            usd=-(row.usd or 0.0),
            unpriced_calls=-(row.calls if row.usd is None else 0),
        )
        counted = _counted(row.day, row.model, row.explanation, back)
        if sent:
            counted = [
                entry
                if entry.scope == "explanation"
                else entry._replace(more=entry.more.model_copy(update={"calls": 0}))
                for entry in counted
            ]
        self._accounts.settle(reservation, counted, {"tokens": 0, "usd": 0.0} if sent else None)

    def spent(self, scope: CapScope, key: str) -> Spent:
        """The sum spent so far under a cap."""
        if scope == "explanation":
            key = BudgetScope.from_key(key).stored_key
        return self._spent(scope, key)

    def _spent(self, scope: CapScope, key: str) -> Spent:
        """The same by the key in the store."""
        with self._database.read() as connection:
            return read_spent(connection, scope, key)

    def room_for(self, explanations: int, model: str | None = None) -> bool:
        """Whether the caps per day, those on everything or the `model`'s own, leave room for so
        many whole explanations at once. For a single one any room is enough: it may go on tomorrow.
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
        """The rest of the daily caps: those on everything, or a model's own."""
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
        rows = self._database.rows(query)
        spent = {row.key.removeprefix(day): row._mapping for row in rows}
        nothing = dict.fromkeys(UNITS, 0)
        return {
            name
            for name in {*spent, *self._models} - {"*"}
            for unit, cap in self._caps_of(name).items()
            if cap is not None and spent.get(name, nothing)[unit] >= cap
        }

    def refusal(self, model: str) -> Reason | None:
        """Why the caps per day let nothing more of that model through; None if they do."""
        day = self.today()
        for entry in (Entry("model", f"{day}/{model}", _LEAST), Entry("day", day, _LEAST)):
            try:
                self._refuse(entry._replace(caps=self._caps(entry, model)), model)
            except BudgetExceeded as error:
                return error.reason
        return None

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

    def _seconds(self, model: str, amounts: Mapping[str, int]) -> dict[str, float]:
        """The seconds of a minute's limit that amounts take up, by unit, without unlimited
        units."""
        how = table_of(self._models, model)
        limits = {unit: getattr(how, f"{unit}_per_minute", None) for unit in amounts}
        return {
            unit: 60.0 * amounts[unit] / most
            for unit, most in limits.items()
            if most and amounts[unit] > 0
        }

    def _take(self, reservation: str) -> Reservation | None:
        if (own := self._open.pop(reservation, None)) is not None:
            return own
        with self._database.read() as connection:
            return read_reservation(connection, reservation)

    def _caps(self, entry: Entry, model: str) -> dict[str, float | None]:
        if entry.scope == "model":
            return self._caps_of(model)
        return {unit: getattr(self._budget, name) for unit, name in _names(entry).items()}

    def _refuse(self, entry: Entry, model: str) -> None:
        """Raise BudgetExceeded, which names the cap in the way of an entry, unless there is room
        again."""
        spent = self._spent(entry.scope, entry.key)
        unit = entry.refused(spent)
        if unit is None:
            return
        cap, used = entry.caps[unit], getattr(spent, unit)
        if entry.scope == "explanation" and self._own_budget:
            raise BudgetExceeded.of_calls(cap)
        if entry.scope == "model":
            table = model if model in self._models else "*"
            of, raising = f"{OF_A_MODEL} {model!r}", f'{unit}_per_day in [models."{table}"]'
        else:
            of, raising = entry.scope, f"budget.{_names(entry)[unit]}"
        daily = entry.scope != "explanation"
        raise BudgetExceeded(
            f"the cap of {cap:g} {unit} per {of} is used up ({used:g} spent or reserved): "
            f"raise {raising}{', or wait until midnight UTC' if daily else ''}.",
            daily=daily,
        )


def _names(entry: Entry) -> dict[str, str]:
    """The settings in `[budget]` that hold for a day or an explanation, by unit."""
    if entry.scope == "day":
        return {unit: f"{unit}_per_day" for unit in UNITS}
    own = {
        Purpose.PROXY: "proxy_calls_per_explanation",
        Purpose.PATH: "calls_per_path",
        Purpose.PROFILE: "calls_per_profile",
    }
    purpose = BudgetScope.from_key(entry.key).purpose
    return {
        "calls": own.get(purpose, "calls_per_explanation"),
        "usd": "usd_per_explanation",
    }


def _credible(reserved: Reservation, tokens: int, usd: float | None) -> bool:
    """Whether usage is neither negative nor far above its bound. The margin allows for a provider
    that counts its own instructions."""
    most = BEYOND_BOUND * max(reserved.tokens, LEAST_BOUND) if reserved.tokens else MAX_TOKENS
    if not 0 <= tokens <= most:
        return False
    if usd is None:
        return True
    dollars = math.inf if reserved.usd is None else BEYOND_BOUND * max(reserved.usd, LEAST_USD)
    return 0 <= usd < math.inf and usd <= dollars


def _counted(day: str, model: str, explanation: str, more: Spent) -> list[Entry]:
    """The entries of an attempt, the one shared by everybody last."""
    scope = BudgetScope.from_key(explanation)
    own = Entry("explanation", explanation, more)
    of_model = Entry("model", f"{day}/{model}", more)
    if scope.purpose is not Purpose.PROXY:
        return [own, of_model, Entry("day", day, more)]
    money = more.model_copy(update={"calls": 0, "tokens": 0})
    whole = Entry("explanation", scope.explanation, money)
    return [own, whole, of_model, Entry("day", day, money)]
