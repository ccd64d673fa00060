"""Protocols: the cache of paid answers, and the ledger of what was reserved and spent.

The store implements both durably (`store.ledger`), `in_memory` for a process that keeps nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from smile_trace.errors import BudgetExceeded
from smile_trace.records import Response

__all__ = ["BudgetExceeded", "Ledger", "ResponseCache"]


class ResponseCache(Protocol):
    """Responses by content key. Failures are never kept."""

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """The cached responses among `keys`, each with `cached=True`."""
        ...

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Keep responses; a durable cache has written them when it returns."""
        ...


class Ledger(Protocol):
    """Spending: reserved before an attempt is sent, settled when its answer is cached."""

    @property
    def caps_money(self) -> bool:
        """Whether it caps US dollars, so that a model without a known price is worth a warning."""
        ...

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """Seconds that attempts have to wait for the model's limits per minute, before they are
        reserved and sent; their place is taken.

        Args: as for `reserve`.
        """
        ...

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """Reserve the cost bound of `calls` attempts; returns the reservation's id.

        Args:
            model: the model's name in the settings.
            explanation: what the attempts belong to (its own caps apply).
            calls: attempts about to be sent, retries included.
            tokens: the most input and output tokens that they can use together.
            usd: the most that they can cost in US dollars, None where no price is known.

        Raises:
            BudgetExceeded: a cap would be passed; nothing was reserved.
        """
        ...

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """Replace a reservation by what the attempts really used."""
        ...

    def release(self, reservation: str, *, sent: bool) -> None:
        """Release a reservation whose attempts cost nothing: the model accepted none of them.

        Args:
            reservation: its id.
            sent: whether they reached the model. Then they stay counted as calls, except in the
                cap of their explanation: an outage does not use up an explanation's budget.
        """
        ...
