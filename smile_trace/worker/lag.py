"""How far behind a home is, and the store that it works on; how full its spool is."""

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from smile_trace._guards.private_files import open_own
from smile_trace.settings import Settings
from smile_trace.spool import limits, spool_filled
from smile_trace.store import Store
from smile_trace.store.queries.status import Lag

SPOOL = "spool"
"""What the home's own spool is called among the sources."""
HEAD_BYTES = 2**14
"""So much of a line tells when it was written."""
_WRITTEN = re.compile(rb'"(?:end|observed)TimeUnixNano"\s*:\s*"(\d{1,19})"')


class UnreadFile(NamedTuple):
    """A spool file with something that no worker has read. `since`: Unix seconds at which the first
    of it was written."""

    path: Path
    since: float


def read_lags(store: Store, settings: Settings, unread: Sequence[UnreadFile]) -> tuple[Lag, ...]:
    """Everything that waits: in this home's spool, in the store, in the backends of the settings.

    Args:
        store: the store.
        settings: the settings; a source that they name no more is not behind.
        unread: what `unread_files` gives.

    Raises:
        StoreUnavailable: the store cannot be read now.
    """
    named = settings.sources.pulled
    in_store = [one for one in store.lags() if one.stage != "read" or one.name in named]
    oldest = min((file.since for file in unread), default=None)
    if oldest is None:
        return tuple(in_store)
    seconds = max(0.0, time.time() - oldest)
    return (Lag(stage="read", name=SPOOL, seconds=seconds), *in_store)


def unread_files(store: Store, spool: Path) -> list[UnreadFile]:
    """The spool files with something that no worker has read.

    Raises:
        StoreUnavailable: the store cannot be read now.
    """
    known = store.traces.files()
    found = []
    for path, state in _files(spool):
        file = known.get(path.name)
        if state.st_size > (0 if file is None else file.offset):
            # It was written after everything before it was read, and is not younger than the file:
            # what a line says of its time may be what another machine's clock was.
            offset, after = (0, 0.0) if file is None else (file.offset, file.grown_at)
            written = _written_at(path, offset)
            since = state.st_mtime if written is None else max(written, after)
            found.append(UnreadFile(path, min(since, state.st_mtime)))
    return found


def filled(settings: Settings) -> float:
    """The share of its cap that the home's spool takes; the cap is that of this environment."""
    return spool_filled(settings.spool, limits()[1])


def _files(spool: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in spool.glob("*.jsonl"):
        with suppress(FileNotFoundError):  # the worker has removed it meanwhile
            state = path.lstat()
            if stat.S_ISREG(state.st_mode):
                yield path, state


def _written_at(path: Path, offset: int) -> float | None:
    """When the line that begins there was written, by what it says itself; None where it does
    not."""
    try:
        descriptor = open_own(path)
    except OSError:  # it is gone, or not this user's
        return None
    try:
        found = _WRITTEN.search(os.pread(descriptor, HEAD_BYTES, offset))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if found is None else int(found[1]) / 1e9
