"""Servers that all processes of a test run share: whoever needs one first starts it.

A run is the process of pytest, with those that pytest-xdist starts for it. What the run shares lies
in its folder; a server ends with the run, even where that is killed (`end_of_run`).
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from tests.support import end_of_run

_held = pytest.StashKey[IO[bytes]]()


class Shared(NamedTuple):
    """Where a running server is."""

    folder: Path
    port: int


Guard = Callable[[int, str], None]
"""To be called with the process group of the server as soon as it is there, and with the folder
that is to be removed when it has ended (or no text)."""


def run_folder(config: pytest.Config) -> Path:
    """The folder of the run, the same for all its processes."""
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return folder.parent if hasattr(config, "workerinput") else folder


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist starts its processes
def pytest_sessionstart(session: pytest.Session) -> None:
    """Say that the run has begun; that it ends is said by the end of this process."""
    if not hasattr(session.config, "workerinput"):
        lock = (run_folder(session.config) / "run.lock").open("wb")
        fcntl.flock(lock, fcntl.LOCK_SH)
        session.config.stash[_held] = lock


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Only one process at a time is inside, by a lock on that file."""
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def shared_server(
    config: pytest.Config, name: str, start: Callable[[Path, Guard], Shared]
) -> Shared:
    """The server of that name, started by the first process of the run that asks for it.

    Args:
        start: starts it, with an empty folder for its data; called in one process alone.
    """
    run = run_folder(config)
    told = run / f"{name}.json"
    with alone(run / f"{name}.lock"):
        if not told.exists():
            folder = run / name
            folder.mkdir(exist_ok=True)
            shared = start(folder, lambda group, gone: _guard(run / "run.lock", group, gone))
            told.write_text(json.dumps([str(shared.folder), shared.port]))
    place, port = json.loads(told.read_text())
    return Shared(Path(place), port)


def _guard(lock: Path, group: int, folder: str) -> None:
    subprocess.Popen(
        [sys.executable, "-I", "-S", end_of_run.__file__, lock, str(group), folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
