"""What other processes take of the processors while a benchmark runs."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_BECOME_PARENT_OF_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


class Share:
    """The share of all processors that others took, 0 to 1, once `watched` has ended."""

    value = 0.0


def adopt_orphans() -> None:
    """Become the parent of servers that detach themselves, so that they do not count as others."""
    ctypes.CDLL(None).prctl(_BECOME_PARENT_OF_ORPHANS, 1, 0, 0, 0)


@contextmanager
def watched() -> Iterator[Share]:
    """Measure it during a block: what was busy, less what this process and its descendants took."""
    share, began, busy = Share(), time.monotonic(), _busy_seconds()
    own = _own_seconds()
    yield share
    took = (_busy_seconds() - busy) - (_own_seconds() - own)
    share.value = max(0.0, took / (time.monotonic() - began) / (os.cpu_count() or 1))


def while_idle(seconds: float) -> float:
    """The share that others take while this process does nothing."""
    with watched() as share:
        time.sleep(seconds)
    return share.value


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _own_seconds() -> float:
    this = psutil.Process()
    found = 0.0
    for process in (this, *this.children(recursive=True)):
        try:
            found += sum(process.cpu_times()[:4])  # with those that it has waited for
        except psutil.NoSuchProcess:
            continue
    return found
