"""Attempts: each is reserved before it is sent, and settled or released when it has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol, TypeGuard, TypeVar

from smile_trace.errors import BudgetExceeded, SmileTraceError
from smile_trace.models.base import Model, Request
from smile_trace.records import Response, Usage


class Meter(Protocol):
    """Told of every attempt, retries included."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """What a request is in flight inside of: it waits there until others, of whom the model
        knows nothing, leave room for it."""
        ...

    async def reserve(
        self, requests: Sequence[Request], *, answer: str | None, bound: Usage, usd: float | None
    ) -> str:
        """Reserve one attempt before it is sent; returns the attempt's id.

        Args:
            requests: what this attempt asks (several in a list request).
            answer: the given answer where it is scored, else None.
            bound: the most tokens that the attempt can use.
            usd: the most that it can cost in US dollars, None where no price is known.

        Raises:
            BudgetExceeded: it must not be sent.
        """
        ...

    async def settle(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """The attempt ended with these responses, in the order of its requests.

        None where its usage is unknown (a broken connection, a time-out): it then counts with
        its cost bound, as does an attempt that is never settled.
        """
        ...

    async def release(self, attempt: str, *, sent: bool) -> None:
        """The model rejected the attempt, or (not `sent`) was never reached: it cost nothing."""
        ...


class Unmetered:
    """A Meter that allows everything and counts nothing."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """There is always room."""
        return nullcontext()

    async def reserve(
        self, requests: Sequence[Request], *, answer: str | None, bound: Usage, usd: float | None
    ) -> str:
        """Allow it."""
        return ""

    async def settle(self, attempt: str, responses: Sequence[Response] | None) -> None:
        """Count nothing."""

    async def release(self, attempt: str, *, sent: bool) -> None:
        """Count nothing."""


class MeteringModel(Model, Protocol):
    """A model that declares `meters_attempts`."""

    def with_meter(self, meter: Meter) -> Model:
        """This model, with the same connections, reserving its attempts with `meter`."""
        ...


def meters_attempts(model: Model) -> TypeGuard[MeteringModel]:
    """Whether the model declares that it meters its attempts itself."""
    return model.capabilities.meters_attempts


T = TypeVar("T")


async def ask_all(
    asks: Sequence[Callable[[], Awaitable[T]]], slots: AbstractAsyncContextManager[object]
) -> list[T | BudgetExceeded]:
    """Run every ask, as many at once as there are free `slots`; results in order.

    An explanation's own cap is an error in the result's place. Anything else that makes
    further asking pointless is raised once everything in flight, which is paid for, has ended;
    nothing new is started before that.

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
