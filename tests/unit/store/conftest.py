"""Every test here that uses a store has one of each kind, unless it says on which one it runs.

A database for each test takes time: what PostgreSQL shares with SQLite is asked of it in
`make test-all`, what it alone has always. A file is made once and copied.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.stores import POSTGRESQL, SQLITE, settings

__all__ = ["settings"]

KINDS = [SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both kinds of store for whoever has not chosen one."""
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "settings" in metafunc.fixturenames and "settings" not in chosen:
        metafunc.parametrize("settings", KINDS, indirect=True)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store in which nothing is."""
    home = tmp_path_factory.mktemp("empty") / "home"
    Store.open(Settings(home=home)).close()
    return home / "store.db"


@pytest.fixture
def store(settings: Settings, empty_store: Path) -> Iterator[Store]:
    """An open store."""
    if settings.store.url is None:
        settings.home.mkdir(mode=0o700)
        shutil.copy(empty_store, settings.home)
    with Store.open(settings) as opened:
        yield opened
