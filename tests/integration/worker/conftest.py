"""A worker's home, and a planted model to ask."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import Tracker
from tests.support.planted import PlantedServer, serving
from tests.support.weather import Start, Weather

WORD = "refund"


def says(prompt: str) -> str:
    """The planted answer: all of it hangs on one word."""
    return "your money comes back" if WORD in prompt else "hello there, good morning"


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    """A model that counts what it is asked."""
    with serving(says) as running:
        yield running


@pytest.fixture
def configure(tmp_path: Path, server: PlantedServer) -> Callable[..., Settings]:
    """Settings in which the planted model is asked; tables are merged into the defaults."""

    def made(**tables: dict[str, Any]) -> Settings:
        return Settings(home=tmp_path / "home", **merged(server.base_url, tables))

    return made


def merged(base_url: str, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The tests' settings as tables."""
    settings: dict[str, Any] = {
        "models": {
            "planted": {
                "kind": "endpoint",
                "base_url": base_url,
                "temperature_zero_is_deterministic": True,
                "retries": 0,
            }
        },
        "sampling": {"rate": 1.0},
        "budget": {"calls_per_explanation": 20, "usd_per_explanation": None},
        "worker": {"poll_seconds": 0.1},
    }
    for name, table in tables.items():
        settings[name] = {**settings.get(name, {}), **table}
    return settings


@pytest.fixture
def settings(configure: Callable[..., Settings]) -> Settings:
    """The tests' settings as they are."""
    return configure()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The open store of that home."""
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers whose clock is turned; they are stopped in the end."""
    started: list[Weather] = []

    def begin(settings: Settings, tracker: Tracker) -> Weather:
        started.append(Weather(settings, tracker))
        return started[-1]

    yield begin
    for weather in started:
        weather.stop()
