"""A plain function `str -> str`, or a coroutine function, as a model."""

import asyncio
import inspect
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.models.base import Capabilities, Request
from smile_trace.models.openai_wire import completion_prompt
from smile_trace.providers import join_chunks
from smile_trace.records import JSON, Response

CONCURRENCY = 8
"""Calls of a coroutine function at once; a plain one may not be thread-safe: one at a time."""


class CallableModel:
    """A function from prompt to answer, or to an awaitable of it; messages are joined with line
    breaks. A request fails if the function raises, or returns anything but a text."""

    identity = None
    capabilities = Capabilities()

    def __init__(self, function: Callable[[str], Any]) -> None:
        self.name = getattr(function, "__qualname__", type(function).__name__)
        self._function = function
        self._slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        return f"CallableModel({self.name})"

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Unknown, so False."""
        return False

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return the function's answers in the order of the requests."""
        return await asyncio.gather(*(self._one(request) for request in requests))

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _one(self, request: Request) -> Response:
        prompt = completion_prompt(request.messages)
        slots = asyncio.Semaphore(CONCURRENCY if is_asynchronous(self._function) else 1)
        async with self._slots.setdefault(asyncio.get_running_loop(), slots):
            return await call(lambda: self._function(prompt), self._function, _text)


async def call(
    bound: Callable[[], Any], function: Callable[..., Any], read: Callable[[Any], Response]
) -> Response:
    """Call a user's function with instrumentation suppressed. Yielded chunks are joined. `bound`:
    calls `function`, in a thread unless that is a coroutine or async generator function; `read`:
    makes a Response of its result."""
    try:
        with suppress_instrumentation():
            if is_asynchronous(function):
                result = bound()
            else:
                result = await asyncio.to_thread(lambda: _joined(bound()))
            if inspect.isawaitable(result):
                result = await result
            if isinstance(result, AsyncIterator):
                result = join_chunks([chunk async for chunk in result])
        response = read(result)
        (response.text or "").encode()  # fails here on a lone surrogate, not later
        return response
    except Exception as error:  # noqa: BLE001  the user's function may raise anything
        return Response(failure=f"{type(error).__name__}: {error}")


def _joined(result: Any) -> Any:
    return join_chunks(list(result)) if isinstance(result, Iterator) else result


def _text(result: Any) -> Response:
    if isinstance(result, str):
        return Response(text=result)
    return Response(failure=f"the function returned {type(result).__name__}, not a text")


def is_asynchronous(function: Callable[..., Any]) -> bool:
    """Whether the function, or an object's `__call__`, is written with `async def`."""
    method = getattr(function, "__call__", None)  # noqa: B004
    return any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
        for one in (function, method)
    )
