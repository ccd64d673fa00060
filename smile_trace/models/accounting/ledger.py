"""What the wrappers around a model need kept: answers that were paid for, and what was spent.

The store implements both durably; a foreground explanation without a store keeps them in memory.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from smile_trace.errors import BudgetExceeded
from smile_trace.records import Response

__all__ = ["BudgetExceeded", "Ledger", "ResponseCache"]


class ResponseCache(Protocol):
    """Answers by content key. Only answers are kept, never failures."""

    def get_many(self, keys: Sequence[str]) -> dict[str, Response]:
        """The kept responses among `keys`, each with `cached=True`."""
        ...

    def put_many(self, items: Mapping[str, Response]) -> None:
        """Keep responses durably before they are told to anybody."""
        ...


class Ledger(Protocol):
    """Money. Reserve before an attempt is sent, settle when its answer is kept."""

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """Reserve the largest possible cost of `calls` attempts; gives the reservation's id.

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
        """Take back a reservation whose attempts cost nothing and said nothing of the prompt:
        the model took none of them.

        Args:
            reservation: its id.
            sent: whether they reached the model. Then they stay counted as calls, except in the
                cap of their explanation: however long a model refuses, what it is asked for
                once it answers again is not the less for it.
        """
        ...
