"""The store under several processes, in folders that cannot be entered, and on a full disk."""

import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError, StoreUnavailable
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.store import check_home
from smile_trace.store.tables import Group, groups
from tests.support.capabilities import obey_permissions
from tests.support.forked import FORKS
from tests.support.postgres_server import PostgresServer
from tests.support.stores import on_sqlite


def _count(home: str, url: str | None) -> None:
    with Store.open(Settings(home=Path(home), store={"url": url})) as store:
        for _ in range(50):
            with store.database.write() as connection:
                n = connection.execute(select(groups.c.chosen)).scalar_one()
                connection.execute(update(groups).values(chosen=n + 1))


def test_writers_in_other_processes_and_threads_wait_for_each_other(
    settings: Settings, store: Store
) -> None:
    with store.database.write() as connection:
        connection.execute(insert(groups).values(**Group("function", "a").values, chosen=0))
    where = str(settings.home), settings.store.url
    writers = [kind(target=_count, args=where) for kind in (FORKS.Process, threading.Thread) * 2]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.sampling.chosen({Group("function", "a")}) == {Group("function", "a"): 200}


def _said_by(function: Callable[[Path], list[str]], home: Path) -> list[str]:
    """What it gives in a process of its own, which it may take rights and limits from."""
    with FORKS.Pool(1) as pool:
        said = pool.apply(function, (home,))
    home.chmod(0o700)
    return said


def _look_into_a_closed_home(home: Path) -> list[str]:
    (home / "spool").mkdir(parents=True)
    home.chmod(0o000)
    obey_permissions()
    said = []
    for look in (Store.look, check_home):
        with pytest.raises(StoreError) as caught:
            look(Settings(home=home))
        said.append(str(caught.value))
    return said


def test_a_home_that_may_not_be_entered_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = f"{home} cannot be read (Permission denied): let this user read it"
    assert [one.startswith(said) for one in _said_by(_look_into_a_closed_home, home)] == [True] * 2


def _write_into_a_read_only_home(home: Path) -> list[str]:
    Store.open(Settings(home=home)).close()
    home.chmod(0o555)
    (home / "store.db").chmod(0o444)
    obey_permissions()
    with pytest.raises(StoreError) as caught:
        Store.open(Settings(home=home)).pauses.clear("x")
    return [str(caught.value)]


def test_a_read_only_home_is_said(tmp_path: Path) -> None:
    [said] = _said_by(_write_into_a_read_only_home, tmp_path / "home")
    assert "writable for this user" in said


def _write_until_the_disk_is_full(home: Path) -> list[str]:
    store = Store.open(Settings(home=home))
    store.database.engine.dispose()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    for written in range(10_000):
        try:
            with store.database.write() as connection:
                row = ("", "x" * 500 + str(written), "", 1, 0)
                connection.exec_driver_sql("INSERT INTO groups VALUES (?, ?, ?, ?, ?)", row)
        except StoreError as error:
            return [str(error), str(written)]
    return []


@on_sqlite
def test_a_full_disk_is_said_and_loses_nothing(settings: Settings) -> None:
    said, written = _said_by(_write_until_the_disk_is_full, settings.home)
    assert "see whether it is full" in said or "free some space" in said
    with Store.open(settings) as store, store.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM groups").scalar()
    assert kept == int(written)


def test_a_database_that_went_away_between_two_calls_may_be_back(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = postgres_server.new_database()
    name = url.rpartition("/")[2]
    with Store.open(Settings(home=tmp_path, store={"url": url})) as store:
        database = store.database
        assert isinstance(database, PostgresDatabase)
        assert database.call("SELECT 1", ()) == 1
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            database.call("SELECT 1", ())
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert database.call("SELECT 1", ()) == 1
