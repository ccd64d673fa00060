"""Lost records: counted per reason, in memory and in a small file."""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from smile_trace._guards.internal_errors import keep_inside, report_error, suppressed
from smile_trace._guards.private_files import (
    check_owner,
    is_own_folder,
    make_private,
    open_own,
)

FILE_SUFFIX = ".losses.json"
MAX_BYTES = 2**20


class Losses:
    """Counts lost records by reason, in memory and in a small file: in the spool's folder if
    possible, else in the system's temporary folder, at most once a second and at exit. Its name is
    unique, as process ids are reused and another process's counts must not be overwritten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_reason: Counter[str] = Counter()
        self._name = f"{os.getpid()}-{os.urandom(4).hex()}{FILE_SUFFIX}"
        self._written_at = 0.0

    def add(self, reason: str, error: BaseException | None = None) -> None:
        """Count one lost record. Never raises."""
        self.by_reason[reason] += 1
        report_error(f"a record was lost: {reason}", error)
        if time.monotonic() - self._written_at >= 1.0:
            self.flush()

    def flush(self) -> None:
        """Write the counts where they can be written. Never raises."""
        if not self.by_reason:
            return
        self._written_at = time.monotonic()
        body = json.dumps({"pid": os.getpid(), "spool": str(self.folder), "lost": self.by_reason})
        for folder in _folders(self.folder):
            with suppressed(OSError):
                _replace(folder / self._name, body)
                return


def temporary_folder() -> Path:
    """The folder for losses if the spool's is not writable. Raises FileNotFoundError if the system
    has no writable temporary folder."""
    import tempfile  # and with it three compressors: only where something is lost

    return Path(tempfile.gettempdir()) / f"smile-trace-{os.getuid()}"


def read_losses(spool: Path) -> dict[str, int]:
    """Lost records per reason, over all processes that wrote to `spool`. Files that cannot be read,
    are another user's, or are not plain are skipped."""
    from smile_trace._guards import foreign  # with pydantic: an application only writes

    latest: dict[str, Counter[str]] = {}
    for folder in _folders(spool):
        for path in sorted(folder.glob(f"*{FILE_SUFFIX}")) if folder.is_dir() else ():
            with contextlib.suppress(Exception):  # anybody can put a file there
                noted = foreign.decode(_read(path))
                if noted["spool"] == str(spool):
                    lost = Counter({str(k): int(v) for k, v in noted["lost"].items()})
                    # In both folders where the spool went away or came back: counts only grow.
                    latest[path.name] = max(lost, latest.get(path.name, lost), key=Counter.total)
    return dict(sum(latest.values(), Counter[str]()))


def _folders(spool: Path) -> Iterator[Path]:
    try:
        check_owner(spool.parent, spool)
    except OSError as error:
        keep_inside(error)
    else:
        yield spool
    try:
        temporary = temporary_folder()
    except OSError as error:  # every disk is full, or read-only
        keep_inside(error)
        return
    # Its name is known beforehand: one that somebody else made is neither believed nor written.
    if is_own_folder(temporary) or not os.path.lexists(temporary):
        yield temporary


def _read(path: Path) -> bytes:
    descriptor = open_own(path)
    try:
        return os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)


def _replace(path: Path, body: str) -> None:
    make_private(path.parent)
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, body.encode())
    finally:
        os.close(handle)
    os.replace(draft, path)
