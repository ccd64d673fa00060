"""Every test here that uses a store has one of each kind, unless it says on which one it runs."""

import pytest

from tests.support.stores import POSTGRESQL, SQLITE, settings, store

__all__ = ["settings", "store"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both kinds of store for whoever has not chosen one."""
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "settings" in metafunc.fixturenames and "settings" not in chosen:
        metafunc.parametrize("settings", [SQLITE, POSTGRESQL], indirect=True)
