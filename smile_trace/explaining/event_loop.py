"""One event loop of our own in a thread, so that a plain call may wait for asynchronous work
also inside a running event loop (a notebook), and connections outlive the call."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop by process id: a forked child has no thread of its parent's."""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; an interrupt (Ctrl-C) cancels it.

    Raises:
        RuntimeError: called from a coroutine on that very loop, which would wait for itself.
    """
    loop = _loop()
    try:
        if asyncio.get_running_loop() is loop:
            work.close()
            raise RuntimeError("explain() cannot be called inside a model that explain() asks")
    except RuntimeError as error:
        if "explain()" in str(error):
            raise
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="smile-trace", daemon=True).start()
            _loops.clear()
            _loops[os.getpid()] = loop
        return loop
