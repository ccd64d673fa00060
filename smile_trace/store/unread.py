"""What lies in the spool that no worker has read yet."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from smile_trace._guards.private_files import open_own
from smile_trace.store.store import Store

HEAD_BYTES = 2**14
"""Bytes of a line that suffice to tell when it was written."""
_WRITTEN = re.compile(rb'"(?:end|observed)TimeUnixNano"\s*:\s*"(\d{1,19})"')


class UnreadFile(NamedTuple):
    """A spool file with unread contents from the byte `offset`, the first of them written at
    `since` (Unix seconds)."""

    path: Path
    offset: int
    since: float


def unread_files(store: Store, spool: Path) -> list[UnreadFile]:
    """The spool files with contents that no worker has read; raises StoreUnavailable if the store
    cannot be read."""
    known = store.traces.files()
    found = []
    for path, state in _files(spool):
        file = known.get(path.name)
        offset, after = (0, 0.0) if file is None else (file.offset, file.grown_at)
        if state.st_size > offset:
            # It was written after everything before it was read, and is not younger than the file:
            # what a line says of its time may be what another machine's clock was.
            written = _written_at(path, offset)
            since = state.st_mtime if written is None else max(written, after)
            found.append(UnreadFile(path, offset, min(since, state.st_mtime)))
    return found


def _files(spool: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in spool.glob("*.jsonl"):
        with suppress(FileNotFoundError):  # the worker has removed it meanwhile
            state = path.lstat()
            if stat.S_ISREG(state.st_mode):
                yield path, state


def _written_at(path: Path, offset: int) -> float | None:
    """When the line that begins there was written, by its own words, if any."""
    found = None
    with suppress(OSError), os.fdopen(open_own(path), "rb") as stream:  # gone, or another user's
        stream.seek(offset)
        found = _WRITTEN.search(stream.read(HEAD_BYTES))
    return None if found is None else int(found[1]) / 1e9
