"""Ready is a worker that lives, writes to its store, and is known to the others."""

from unittest.mock import patch

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.session import WORKERS, Session
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.readiness import check_ready
from tests.support.stores import on_both, settings, store

__all__ = ["settings", "store"]


@on_both
def test_a_worker_is_ready_once_the_others_know_it(store: Store, settings: Settings) -> None:
    with pytest.raises(WorkerError, match="start smile-trace worker"):
        check_ready(settings)
    with worker_lock(settings.home):
        if settings.store.url is not None:
            me = store.workers.register(1, now=1.0)
            with pytest.raises(WorkerError, match="is among those on postgresql://"):
                check_ready(settings)
            assert isinstance(store.database, PostgresDatabase)
            session = Session(store.database)
            session.connect()
            assert session.hold(WORKERS, me.id)
        assert "a worker runs on" in check_ready(settings)
        if settings.store.url is not None:
            session.close()
        full = StoreUnavailable("the disk is full")
        with (
            patch.object(type(store.database), "write", side_effect=full),
            pytest.raises(StoreUnavailable, match="the disk is full"),
        ):
            check_ready(settings)
