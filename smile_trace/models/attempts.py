"""What a model tells about every attempt that it makes."""

from collections.abc import Sequence
from typing import Protocol

from smile_trace.models.base import Request
from smile_trace.records import Response, Usage


class Attempts(Protocol):
    """Told about every attempt, retries included: before it is sent and when it ended."""

    async def before(
        self, requests: Sequence[Request], *, answer: str | None, most: Usage, usd: float | None
    ) -> str:
        """Allow one attempt at `requests`; gives the attempt's id.

        Args:
            requests: what this one attempt asks (several in a list request).
            answer: the given answer where it is scored, else None.
            most: the most tokens that the attempt can use.
            usd: the most that it can cost in US dollars, None where no price is known.

        Raises:
            BudgetExceeded: it must not be sent.
        """
        ...

    async def after(self, attempt: str, responses: Sequence[Response]) -> None:
        """The attempt ended with these responses, in the order of its requests.

        Not called where nobody knows what the attempt used (a broken connection, a time-out,
        a cancellation): it then counts with its largest possible cost.
        """
        ...


class Unmetered:
    """Attempts that nobody counts."""

    async def before(
        self, requests: Sequence[Request], *, answer: str | None, most: Usage, usd: float | None
    ) -> str:
        """Allow it."""
        return ""

    async def after(self, attempt: str, responses: Sequence[Response]) -> None:
        """Forget it."""
