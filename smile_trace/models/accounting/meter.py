"""What a model tells about every attempt that it makes, and how many are asked at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from smile_trace.errors import SmileTraceError
from smile_trace.models.accounting.ledger import BudgetExceeded
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

    async def after(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """The attempt ended with these responses, in the order of its requests.

        None where nobody knows what it used (a broken connection, a time-out): it then counts
        with its largest possible cost, as does an attempt that is never told of again.
        """
        ...

    async def release(self, attempt: str, *, sent: bool) -> None:
        """The model took no such attempt at all, or (not `sent`) was never reached."""
        ...


class Unmetered:
    """Attempts that nobody counts."""

    async def before(
        self, requests: Sequence[Request], *, answer: str | None, most: Usage, usd: float | None
    ) -> str:
        """Allow it."""
        return ""

    async def after(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """Forget it."""

    async def release(self, attempt: str, *, sent: bool) -> None:
        """Forget it."""


T = TypeVar("T")


async def ask_all(
    asks: Sequence[Callable[[], Awaitable[T]]], slots: AbstractAsyncContextManager[object]
) -> list[T | BudgetExceeded]:
    """Ask everything, as many at once as there are free `slots`; results in order.

    Where an explanation's own cap is passed, the error stands in the result's place. What
    makes further asking pointless lets everything in flight come home (it is paid for),
    starts nothing more, and is raised then; so does an answer that cannot be kept.

    Raises:
        ModelUnavailable: nothing can be asked.
        BudgetExceeded: a daily cap is reached.
        SmileTraceError: the store cannot be written.
    """
    results: dict[int, T | BudgetExceeded] = {}
    stop: list[SmileTraceError] = []

    async def run(index: int) -> None:
        async with slots:
            if stop:
                return
            try:
                results[index] = await asks[index]()
            except BudgetExceeded as error:
                if error.daily:
                    stop.append(error)
                results[index] = error
            except SmileTraceError as error:
                stop.append(error)

    await asyncio.gather(*(run(index) for index in range(len(asks))))
    if stop:
        raise stop[0]
    return [results[index] for index in range(len(asks))]
