"""A second real user of this machine, for tests that run as root."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def other() -> int:
    """The id of a second real user of this machine."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as a second user of this machine")
    return pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody can write to, as /tmp is: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="shared-") as name:
        folder = Path(name)
        folder.chmod(0o1777)
        yield folder


def as_user(uid: int, code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code as that user and with no group of ours; it is given the arguments."""
    # Imported before: the interpreter's own folder may be closed to others.
    imports = "import encodings.idna, fcntl, json, os, pathlib, socket, sys, urllib.request"
    become = f"{imports}; os.setgroups([]); os.setgid({uid}); os.setuid({uid})"
    return subprocess.run(
        [sys.executable, "-I", "-c", f"{become}\n{code}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
