"""Protocols: the cache of paid answers, and the ledger of what was reserved and spent.

The store implements both durably (`store.spending.ledger`); `MemoryLedger` and `MemoryCache` are
for a process that keeps nothing.
"""

import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from smile_trace.errors import BudgetExceeded
from smile_trace.records import Response


class ResponseCache(Protocol):
    """Responses by content key. Failures are never kept."""

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """Return the cached responses among `keys`, each with `cached=True`."""
        ...

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Keep responses; a durable cache has written them when it returns."""
        ...


class Ledger(Protocol):
    """Spending: reserved before an attempt is sent, settled when its answer is cached."""

    @property
    def caps_money(self) -> bool:
        """Whether dollars are capped, so that a model without a known price is worth a warning."""
        ...

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """Return the seconds that attempts have to wait for the model's limits per minute before
        they are reserved and sent; their place is taken."""
        ...

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """Reserve the cost bound of `calls` attempts, retries included; return the reservation's
        id.

        Args:
            model: the model's name in the settings.
            explanation: what the attempts belong to (its own caps apply).
            tokens: the most input and output tokens that they can use together.
            usd: the most that they can cost, None if no price is known.

        Raises:
            BudgetExceeded: a cap would be passed; nothing was reserved.
        """
        ...

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """Replace a reservation by what the attempts really used."""
        ...

    def release(self, reservation: str, *, sent: bool) -> None:
        """Release a reservation whose attempts the model did not accept. If they were `sent`, they
        stay counted as calls except in their explanation's cap: an outage does not use up its
        budget."""
        ...


class MemoryCache:
    """A ResponseCache in this process; beyond `size` the oldest answers are dropped."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._cached: dict[str, Response] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """Return the cached responses among `keys`, each with `cached=True`."""
        with self._lock:
            known = self._cached
            found = {key: known[key] for key in keys if key in known}
        return {
            key: response.model_copy(update={"cached": True}) for key, response in found.items()
        }

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Keep answers; failures are skipped."""
        with self._lock:
            self._cached.update({key: item for key, item in items.items() if item.ok})
            while len(self._cached) > self._size:
                del self._cached[next(iter(self._cached))]


class LayeredCache:
    """A cache in this process before a durable one: what is put goes into both, and what this
    process has put comes first."""

    def __init__(self, first: ResponseCache, then: ResponseCache) -> None:
        self._first = first
        self._then = then

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """See `ResponseCache.get_many`."""
        found = self._first.get_many(keys)
        return found | self._then.get_many([key for key in keys if key not in found])

    def put_many(self, items: Mapping[str, Response]) -> None:
        """See `ResponseCache.put_many`."""
        self._first.put_many(items)
        self._then.put_many(items)


class MemoryLedger:
    """A Ledger for one explanation whose only cap is on calls, retries included."""

    caps_money = False

    def __init__(self, calls: int) -> None:
        self._cap = calls
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._reserved: dict[str, int] = {}
        self.calls = 0

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """Return 0: no limit per minute holds for a single explanation."""
        return 0.0

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `Ledger.reserve`."""
        with self._lock:
            if self.calls + calls > self._cap:
                raise BudgetExceeded.of_calls(self._cap)
            self.calls += calls
            reservation = str(next(self._ids))
            self._reserved[reservation] = calls
            return reservation

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """Do nothing: calls are capped, and an attempt stays one call."""

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `Ledger.release`."""
        with self._lock:
            self.calls -= self._reserved.pop(reservation)


class Attempts:
    """How many attempts, retries included, may still be sent to any model; thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Count attempts that are about to be sent. Raises BudgetExceeded if fewer are left."""
        with self._lock:
            if count > self._left:
                raise BudgetExceeded.of_calls(self._most)
            self._left -= count

    def return_unsent(self, count: int) -> None:
        """Give back attempts that were not sent after all."""
        with self._lock:
            self._left += count

    def close(self) -> int:
        """Take what is left, so that nothing more is sent; return how much that was."""
        with self._lock:
            left, self._left = self._left, 0
        return left


class CountingLedger:
    """Another ledger, whose attempts also count in `attempts`."""

    def __init__(self, ledger: Ledger, attempts: Attempts) -> None:
        self.caps_money = ledger.caps_money
        self._ledger = ledger
        self._attempts = attempts
        self._calls: dict[str, int] = {}

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """See `Ledger.delay`."""
        return self._ledger.delay(model=model, calls=calls, tokens=tokens)

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `Ledger.reserve`."""
        self._attempts.take(calls)
        try:
            reservation = self._ledger.reserve(
                model=model, explanation=explanation, calls=calls, tokens=tokens, usd=usd
            )
        except BaseException:
            self._attempts.return_unsent(calls)
            raise
        self._calls[reservation] = calls
        return reservation

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """See `Ledger.settle`."""
        self._ledger.settle(reservation, tokens=tokens, usd=usd)

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `Ledger.release`."""
        self._ledger.release(reservation, sent=sent)
        if not sent:
            self._attempts.return_unsent(self._calls.pop(reservation, 0))
