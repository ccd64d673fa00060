"""A store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, with a home of their own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An open store."""
    opened = Store.open(settings)
    yield opened
    opened.close()
