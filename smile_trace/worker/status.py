"""The status of a home: the store's counts, the worker's health, what capture lost."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from smile_trace.capture.spool import read_losses
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Counted, Status
from smile_trace.worker.explaining.proxy_screen import dropped_proxies
from smile_trace.worker.lock import WorkerError, check_health


def read_home(settings: Settings) -> Status:
    """How things stand in `settings.home`, the worker and what capture lost included.

    Raises:
        StoreError: nothing is there, or see `Store.open`.
    """
    store = Store.look(settings)
    try:
        lost = read_losses(settings.spool)
        reasons = tuple(Counted(reason=reason, count=count) for reason, count in lost.items())
        read = {name: file.offset for name, file in store.traces.files().items()}
        try:
            worker, healthy = check_health(settings.home), True
        except WorkerError as error:
            worker, healthy = str(error), False
        update = {
            "worker": worker,
            "healthy": healthy,
            "dropped_proxies": dropped_proxies(store),
            "lost": sum(lost.values()),
            "lost_by_reason": reasons,
            "unread_files": sum(
                stat.S_ISREG(state.st_mode) and state.st_size > read.get(name, 0)
                for name, state in _spool_files(settings.spool)
            ),
        }
        return store.status().model_copy(update=update)
    finally:
        store.close()


def _spool_files(spool: Path) -> Iterator[tuple[str, os.stat_result]]:
    for path in spool.glob("*.jsonl"):
        with suppress(FileNotFoundError):  # the worker has removed it meanwhile
            yield path.name, path.lstat()
