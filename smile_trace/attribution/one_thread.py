"""Arithmetic with one thread of BLAS."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """Limit BLAS to one thread: for matrices this small more threads only wait for each other, take
    ten times as long, and let the order of their sums decide the last digits."""
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Cached: looking for the libraries reads the process's memory map, in some 10 ms."""
    # It brings a BLAS of its own. Loaded here, since nothing is computed before the first call, and
    # a worker that waits for one would hold 20 MB for it.
    import scipy.linalg  # type: ignore[import-untyped]  # noqa: F401

    return ThreadpoolController()


def load_arithmetic() -> None:
    """Load the parts of SciPy, which it loads on first use."""
    from scipy import linalg, ndimage, optimize, special, stats  # noqa: F401
