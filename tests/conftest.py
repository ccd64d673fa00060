"""What holds for every test; shared fixtures live in tests/support and are loaded here."""

import gc
import os
import shlex
import signal
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

for _name in list(os.environ):
    # A developer's own trackers and keys: no test delivers there.
    if _name.startswith(("MLFLOW_", "COMET_", "OPIK_", "PHOENIX_", "LANGFUSE_", "OPENAI_")):
        del os.environ[_name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so; what the tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Small matrices on shared machines: threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = [
    "tests.support.shared_server",
    "tests.support.mlflow_server",
    "tests.support.browser",
    "tests.support.comet_server",
    "tests.support.local_model",
    "tests.support.other_user",
    "tests.support.phoenix_server",
    "tests.support.postgres_server",
    "tests.support.priced_models",
]

# Machines are shared: how long an example takes says nothing. The examples are the same in every
# run, so that a change is never blamed for what another example would have shown before it; new
# ones are searched for with `--hypothesis-profile=search`.
hypothesis.settings.register_profile(
    "repeat",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "search", hypothesis.settings.get_profile("repeat"), derandomize=False
)
hypothesis.settings.load_profile("repeat")


SLOW_FIXTURES = ("phoenix_server", "browser")
"""Fixtures that need what is not on every machine: their tests are in `make test-all` alone."""


def _is_slow(item: pytest.Item) -> bool:
    """Whether a test is one of those, or of a tracker's contract one that delivers as often as a
    delivery has requests, each time in a process of its own or to a real server."""
    needs = getattr(item, "fixturenames", ())
    killed = "process_was_killed" in item.name
    cut_off = "that_was_cut_off" in item.name and item.get_closest_marker("mlflow") is not None
    return killed or cut_off or any(fixture in SLOW_FIXTURES for fixture in needs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--shard K/N`, which keeps the K-th of N shares of the test files."""
    parser.addoption("--shard", default="1/1", help="K/N: run the K-th of N shares of the files")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put tests into their lane, and keep those of the shard."""
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
    shard, shards = map(int, config.getoption("--shard").split("/"))
    others = [item for item in items if _share(item, shards) != shard - 1]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _share(item, shards) == shard - 1]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage meanwhile: that is a third of the time, and imports make none. What was
    imported stays to the end, and later searches pass it over."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the command that runs each test that failed alone."""
    failed = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
    for report in failed:
        terminalreporter.write_line(
            f"Run it alone: .venv/bin/python -m pytest {shlex.quote(report.nodeid)}"
        )


def _share(item: pytest.Item, shards: int) -> int:
    """The number of a test's share, from 0: what a file runs stays together."""
    return zlib.crc32(item.nodeid.partition("::")[0].encode()) % shards


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """The environment and the working directory are as before when a test has ended."""
    environment, directory = dict(os.environ), Path.cwd()
    yield
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(directory)
