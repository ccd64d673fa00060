"""A disk that fills up or becomes read-only for a while, for one worker.

The worker's process obeys two files beside its home; what its databases then say is what they
say on such a disk. What cannot be written at all (`too_big`) is the system's own limit, set
from outside.
"""

import resource
import sqlite3
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import event
from sqlalchemy.pool import Pool

Trouble = Literal["full", "read-only", "too big"]
"""SQLITE_FULL at every growth, SQLITE_READONLY at every write, EFBIG from the system."""


class Disk:
    """The disk of one home, as the worker on it finds it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def hurt(self, trouble: Trouble, process: int) -> None:
        """From now on the worker `process` cannot write."""
        if trouble == "too big":
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (0, hard))
        else:
            (self._folder / trouble).touch()

    def heal(self, process: int | None) -> None:
        """All is well again; `process` is None where the worker has ended."""
        for trouble in ("full", "read-only"):
            (self._folder / trouble).unlink(missing_ok=True)
        if process is not None:
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))


def obey(folder: Path) -> None:
    """Let every SQLite connection of this process find the disk as `folder` says."""

    def checked_out(connection: Any, *_: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            read_only = (folder / "read-only").exists()
            connection.execute(f"PRAGMA query_only={int(read_only)}")
            [pages] = connection.execute("PRAGMA page_count").fetchone()
            most = pages if (folder / "full").exists() else 2**30
            connection.execute(f"PRAGMA max_page_count={most}")

    event.listen(Pool, "checkout", checked_out)
