"""Ledger and response cache of one process, which end with it."""

import itertools
import threading
from collections.abc import Mapping, Sequence

from smile_trace.models.accounting.ledger import BudgetExceeded
from smile_trace.records import Response


class MemoryCache:
    """A ResponseCache in this process; beyond `size` the oldest answers are dropped."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._cached: dict[str, Response] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """The cached responses among `keys`, each with `cached=True`."""
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
        """No limit per minute holds for a single explanation: it waits where the model says so."""
        return 0.0

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `models.accounting.ledger.Ledger.reserve`."""
        with self._lock:
            if self.calls + calls > self._cap:
                raise BudgetExceeded.of_calls(self._cap)
            self.calls += calls
            reservation = str(next(self._ids))
            self._reserved[reservation] = calls
            return reservation

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """Nothing to do: calls are capped, and an attempt stays one call."""

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `models.accounting.ledger.Ledger.release`."""
        with self._lock:
            self.calls -= self._reserved.pop(reservation)
