"""The spool: one append-only file of OTLP/JSON lines per process, locked while it lives.

When `write` returns, the operating system has the line. Nothing blocks here: writers take no lock,
because one `write` to a file opened with `O_APPEND` is never interleaved with another. A file is
replaced under its descriptor (`dup2`), so that a thread in the middle of a write, a signal handler
or a forked child never meets a closed descriptor or another file's.
"""

import contextlib
import errno
import fcntl
import os
import threading
import time
from pathlib import Path

from smile_trace._guards.internal_errors import handlers_wait, keep_inside, report_error, suppressed
from smile_trace._guards.private_files import (
    NotPrivate,
    check_owner,
    make_private,
    open_regular,
)
from smile_trace.semconv import PREFIX
from smile_trace.spool.losses import Losses

SUFFIX = ".jsonl"
RECEIVED_SUFFIX = ".received.jsonl"
"""Ends the names of a receiver's files, whose contents anybody may have sent."""
FILE_LIMIT, SPOOL_LIMIT = 64 * 2**20, 2**30
"""Default bytes of a file, and of the folder."""
SCAN_SECONDS = 1.0
"""How often the folder's size is read; it is also read after every 1/64 of the cap."""


class SpoolFull(OSError):
    """The folder has reached its cap; the message says what to do."""


class Spool:
    """Appends lines to this process's file in `folder`.

    Args:
        folder: created with mode 0700 at the first line; files have mode 0600. Nothing is written
            if it, or the folder around it, is another user's.
        file_limit: size in bytes after which a new file is begun.
        spool_limit: size in bytes of the whole folder beyond which new lines are dropped and
            counted. Only the worker removes files.
        suffix: ends the names of its files, and tells who wrote them.
    """

    def __init__(
        self, folder: Path, *, file_limit: int, spool_limit: int, suffix: str = SUFFIX
    ) -> None:
        self.folder = folder
        self.losses = Losses(folder)
        self._file_limit = file_limit
        self._spool_limit = spool_limit
        self._suffix = suffix
        self._descriptor = -1
        self._opening = threading.Lock()
        self._torn = False
        self._folder_bytes = 0
        self._scanned_at = float("-inf")
        self._since_scan = 0

    def write(self, line: bytes) -> bool:
        """Append one line (without its newline); False = lost, and counted. Raises only what the
        application's signal handlers raise meanwhile."""
        try:
            self.append(line + b"\n")
        except SpoolFull as error:
            self.losses.add(str(error))
        except Exception as error:  # noqa: BLE001  a handler's call may find the stack full
            keep_inside(error)
            self.losses.add(_reason(error), error)
        else:
            return True
        return False

    def append(self, lines: bytes) -> None:
        """Append whole lines, each with its newline, in one write. Raises SpoolFull if the folder
        has reached its cap; nothing was written; OSError if not all could be written; some of
        them may be in the file."""
        if not self._fits(len(lines)):
            raise SpoolFull(
                "the spool is full; start the worker or shipper, or raise SMILE_TRACE_SPOOL_LIMIT"
            )
        descriptor = self._descriptor
        if descriptor < 0 or self._is_full_or_removed(descriptor):
            descriptor = self._open()
        if self._torn:
            # The file ends in half a line: terminate it, so that only this one is lost.
            lines = b"\n" + lines
        try:
            written = os.write(descriptor, lines)
        except BaseException:  # raised by a signal's handler: how much stands there is not known
            self._torn = True
            raise
        # Only a full disk (or quota) tears a line; the rest would land behind another's.
        self._torn = written < len(lines)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def takes_more(self) -> bool:
        """Whether the folder seems writable, and is below its cap."""
        return self._fits(0) and (
            os.access(self.folder, os.W_OK | os.X_OK) or not self.folder.exists()
        )

    def _fits(self, size: int) -> bool:
        """Whether `size` more bytes fit into the folder, whose size is only read now and then."""
        now = time.monotonic()
        self._since_scan += size
        if now - self._scanned_at > SCAN_SECONDS or self._since_scan > self._spool_limit // 64:
            self._folder_bytes = _folder_bytes(self.folder) + size
            self._scanned_at, self._since_scan = now, 0
        else:
            self._folder_bytes += size
        return self._folder_bytes <= self._spool_limit

    def _is_full_or_removed(self, descriptor: int) -> bool:
        state = os.fstat(descriptor)
        return state.st_nlink == 0 or state.st_size >= self._file_limit

    def _open(self) -> int:
        """Begin a new file; returns its descriptor. While one thread opens the next file, the
        others go on with the full one. Before the very first, each thread opens its own, and one of
        them is kept."""
        with handlers_wait():
            return self._open_here()

    def _open_here(self) -> int:
        if not self._opening.acquire(blocking=False):
            return self._descriptor if self._descriptor >= 0 else self._create()
        try:
            if self._descriptor < 0:
                self._descriptor = self._create()
                return self._descriptor
            if not self._is_full_or_removed(self._descriptor):
                return self._descriptor  # begun since it was asked for, by a handler or a thread
            fresh = self._create()
            # The descriptor stays, its file changes: nobody ever writes to a closed one.
            os.dup2(fresh, self._descriptor, inheritable=False)
            os.close(fresh)
            return self._descriptor
        finally:
            self._opening.release()

    def _create(self) -> int:
        check_owner(self.folder.parent, self.folder)
        make_private(self.folder)
        # The name sorts by time and is never used twice, not even by a forked child.
        now = time.time_ns()
        moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now // 10**9))}.{now % 10**9:09}"
        name = f"{moment}-{os.getpid()}-{os.urandom(4).hex()}"
        draft = self.folder / f".{name}.draft"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                keep_inside(error)
                report_error("the spool's folder does not support locks; use a local disk", error)
            # Only a locked file gets a name that the worker looks at.
            os.rename(draft, self.folder / f"{name}{self._suffix}")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def after_fork(self) -> None:
        """Close the parent's file, and count from zero, in a forked child."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1
        self._opening = threading.Lock()
        self._torn = False
        self.losses = Losses(self.folder)

    def close(self) -> None:
        """Close the file; a later line begins a new one."""
        descriptor, self._descriptor = self._descriptor, -1
        self.losses.flush()
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def limits() -> tuple[int, int]:
    """Bytes of a file, and of the folder, in this environment."""
    return (
        positive_variable("SPOOL_FILE_LIMIT", FILE_LIMIT),
        positive_variable("SPOOL_LIMIT", SPOOL_LIMIT),
    )


def positive_variable(name: str, default: int) -> int:
    """The number in a `SMILE_TRACE_…` variable; the default if there is no positive one."""
    try:
        value = int(os.environ.get(f"{PREFIX}{name}", ""))
    except ValueError:
        return default
    return value if value > 0 else default


def spool_filled(folder: Path, spool_limit: int) -> float:
    """The share of its cap that a spool's folder takes; at 1 nothing more is written to it."""
    return _folder_bytes(folder) / spool_limit


def writer_alive(path: Path) -> bool:
    """Whether the process that writes this spool file is alive: tests the lock, and releases it. A
    missing file has no writer. If the file system cannot tell, the answer is True, so that no
    unfinished file is taken for a finished one."""
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _folder_bytes(folder: Path) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppressed(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        keep_inside(error)
        return 0
    return total


def _reason(error: Exception) -> str:
    """The reason in words, without paths: it is the key of a count."""
    if isinstance(error, NotPrivate):
        return "the home or its spool belongs to another user"
    said = getattr(error, "strerror", None) or type(error).__name__
    return f"the spool cannot be written: {said}"
