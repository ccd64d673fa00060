"""A plain function `str -> str`, or a coroutine function, in the foreground."""

import asyncio
import inspect
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from smile_trace.capture.providers import join_chunks
from smile_trace.models.base import Capabilities, Request
from smile_trace.models.openai_api.wire import completion_prompt
from smile_trace.models.suppression import suppress_instrumentation
from smile_trace.records import JSON, Response

CONCURRENCY = 8
"""Calls of a coroutine function in flight at once. A plain function is called one by one, in
a thread: nobody knows whether it stands more."""


class CallableModel:
    """A function from prompt to answer; a list of messages is joined with line breaks.

    What it raises, and a result that is no text, is a failure of that request.

    Args:
        function: takes the prompt, gives the answer or an awaitable of it.
    """

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
        """The function's answers in the order of the requests."""
        return await asyncio.gather(*(self._one(request) for request in requests))

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _one(self, request: Request) -> Response:
        prompt = completion_prompt(request.messages)
        async with self._free_slot():
            return await call(lambda: self._function(prompt), self._function, _text)

    def _free_slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        slots = CONCURRENCY if is_asynchronous(self._function) else 1
        return self._slots.setdefault(loop, asyncio.Semaphore(slots))


async def call(
    bound: Callable[[], Any], function: Callable[..., Any], read: Callable[[Any], Response]
) -> Response:
    """The answer of a function of the user's. Nothing that it does is recorded.

    Args:
        bound: calls it; on this loop where `function` is a coroutine function or an async
            generator function, else in a thread. What it yields is joined.
        function: the function itself.
        read: the response that its result stands for.
    """
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
        (response.text or "").encode()  # half a character would trouble everybody after us
        return response
    except Exception as error:  # noqa: BLE001  whatever the user's function raises
        return Response(failure=f"{type(error).__name__}: {error}")


def _joined(result: Any) -> Any:
    return join_chunks(list(result)) if isinstance(result, Iterator) else result


def _text(result: Any) -> Response:
    if isinstance(result, str):
        return Response(text=result)
    return Response(failure=f"the function gave {type(result).__name__}, not a text")


def is_asynchronous(function: Callable[..., Any]) -> bool:
    """Whether it is written with `async def` (also an object's `__call__`)."""
    method = getattr(function, "__call__", None)  # noqa: B004
    return any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
        for one in (function, method)
    )
