"""One reader of a home's spool, a worker or a shipper: its lock, whose time is its heartbeat."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from smile_trace._guards.private_files import NotPrivate, open_own, open_regular
from smile_trace.errors import ReasonCode, SmileTraceError

MAX_SILENCE_SECONDS = 120.0
"""A worker without a heartbeat for so long hangs."""
Role = Literal["worker", "shipper"]
"""The holder of the lock, named in the file."""


class WorkerError(SmileTraceError):
    """The worker cannot run, or does not; the message says what to do."""

    code = ReasonCode.WORKER_UNAVAILABLE


class AnotherWorker(WorkerError):
    """A worker or a shipper runs on that home already."""


@contextmanager
def worker_lock(home: Path, role: Role = "worker") -> Iterator[Callable[[], None]]:
    """Hold the home's lock, which the system releases when the process ends in any way. Yields a
    function to call as a heartbeat. Raises AnotherWorker if a worker or a shipper holds it;
    WorkerError if the home cannot be written."""
    try:
        descriptor = open_own(home / "worker.lock", os.O_RDWR | os.O_CREAT)
    except NotPrivate as error:
        raise WorkerError(f"{error}: remove it") from None
    except OSError as error:
        raise WorkerError(
            f"{home} cannot be written ({error.strerror}): make it writable for this user, and "
            "see whether its disk is full"
        ) from None
    try:
        if not _lock(descriptor):
            held_by = _role(descriptor)
            raise AnotherWorker(
                f"{'another' if held_by == role else 'a'} {held_by} runs on {home}: stop it, or "
                "set SMILE_TRACE_HOME to another folder"
            )
        with suppress(OSError):  # a full disk
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, role.encode("ascii"), 0)
        yield lambda: _touch(descriptor)
    finally:
        os.close(descriptor)


def check_health(home: Path) -> str:
    """A sentence about the worker or shipper that runs on `home`; errors are those of
    `running_role`."""
    return f"a {running_role(home)} runs on {home}"


def running_role(home: Path) -> Role:
    """The running worker or shipper of `home`; raises WorkerError if none runs, or its heartbeat
    stopped."""
    try:
        descriptor = open_regular(home / "worker.lock")
    except NotPrivate as error:
        raise WorkerError(f"{error}: remove it") from None
    except OSError:
        raise WorkerError(f"no worker has ever run on {home}: start smile-trace worker") from None
    try:
        silence = time.time() - os.fstat(descriptor).st_mtime
        role = _role(descriptor)
        if _lock(descriptor):
            command = "ship" if role == "shipper" else role
            raise WorkerError(f"no {role} runs on {home}: start smile-trace {command}")
    finally:
        os.close(descriptor)
    if silence > MAX_SILENCE_SECONDS and not os.access(home, os.W_OK):
        raise WorkerError(f"the {role} waits because {home} cannot be written: make it writable")
    if silence > MAX_SILENCE_SECONDS:
        raise WorkerError(f"the {role} on {home} has hung for {silence:.0f} s: restart it")
    return role


def _touch(descriptor: int) -> None:
    with suppress(OSError):  # a disk that became read-only takes no heartbeat
        os.utime(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _role(descriptor: int) -> Role:
    return "shipper" if os.pread(descriptor, 16, 0) == b"shipper" else "worker"
