"""An event loop in a thread for synchronous callers, and one thread for the arithmetic."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from typing import Any, TypeVar

from smile_trace.attribution.one_thread import one_thread

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop by process id: a forked child does not inherit its parent's threads."""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on our event loop; an interrupt (Ctrl-C) cancels it.

    It works inside a running event loop, too (a notebook), and connections outlive the call.

    Raises:
        RuntimeError: called from a coroutine on our loop, which would wait for itself.
    """
    loop = _loop()
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise RuntimeError("explain() cannot be called inside a model that explain() asks")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def run_in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run `function` in the thread that does the arithmetic of all studies, with one BLAS thread.

    For matrices this small more BLAS threads only wait for each other: on a busy machine an
    explanation took 4 s of processor time with two, and 0.2 s with one. A single thread serves
    all studies because OpenBLAS, whose threads belong to the process, obeys only one of them.
    """

    def limited() -> T:
        with one_thread():
            return function(*arguments)

    run = copy_context().run  # its log lines say what they are about
    return await asyncio.get_running_loop().run_in_executor(_executor(os.getpid()), run, limited)


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="smile-trace", daemon=True).start()
            _loops.clear()
            _loops[os.getpid()] = loop
        return loop


@lru_cache(maxsize=1)
def _executor(process: int) -> ThreadPoolExecutor:
    """One executor per process: a forked child does not inherit its parent's threads."""
    return ThreadPoolExecutor(1, thread_name_prefix="smile-trace-studies")
