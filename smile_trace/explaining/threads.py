"""The arithmetic of all studies in one thread, off the event loop."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")


async def run_in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run `function` in the thread that does all studies' arithmetic, with one BLAS thread.

    For matrices this small more BLAS threads only wait for each other: on a busy machine an
    explanation took 4 s of processor time with two, and 0.2 s with one. One thread does it
    for everybody, because OpenBLAS, whose threads are the process's, obeys one of them only.
    """

    def alone() -> T:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*arguments)

    return await asyncio.get_running_loop().run_in_executor(_thread(os.getpid()), alone)


@lru_cache(maxsize=1)
def _thread(process: int) -> ThreadPoolExecutor:
    """One per process: a forked child has no thread of its parent's."""
    return ThreadPoolExecutor(1, thread_name_prefix="smile-trace-thinking")
