"""A limit on what is sent, whatever becomes of it.

A ledger's cap on an explanation leaves out what a model accepted no work for, and a model's answers
say nothing of attempts that timed out: whoever promises a number of calls counts attempts.
"""

import threading

from smile_trace.models.accounting.ledger import BudgetExceeded, Ledger


class Attempts:
    """How many attempts may still be sent; thread-safe.

    Args:
        most: attempts to any model, retries included.
    """

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Send so many.

        Raises:
            BudgetExceeded: there are fewer.
        """
        with self._lock:
            if count > self._left:
                raise BudgetExceeded.of_calls(self._most)
            self._left -= count

    def return_unsent(self, count: int) -> None:
        """So many were not sent after all."""
        with self._lock:
            self._left += count

    def close(self) -> int:
        """Take what is left, so that nothing more is sent; gives how much that was."""
        with self._lock:
            left, self._left = self._left, 0
        return left


class CountingLedger:
    """Another ledger, for attempts that count in `attempts`, too."""

    def __init__(self, ledger: Ledger, attempts: Attempts) -> None:
        self._ledger = ledger
        self._attempts = attempts
        self._calls: dict[str, int] = {}

    @property
    def caps_money(self) -> bool:
        """See `Ledger.caps_money`."""
        return self._ledger.caps_money

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
