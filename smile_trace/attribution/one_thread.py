"""Arithmetic with one thread of BLAS."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import scipy.linalg  # type: ignore[import-untyped]  # noqa: F401 - brings a BLAS of its own
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """Inside it, BLAS computes with one thread.

    For matrices as small as those of an explanation, more threads only wait for each other and
    cost ten times as much, and the order of their sums would decide the last digits.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Looked for once: that reads the memory map of the process, in some 10 ms."""
    return ThreadpoolController()
