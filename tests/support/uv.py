"""Environments of tests, made by uv: pip takes minutes to resolve what some of them install."""

import fcntl
import os
import subprocess
import sys

from tests.support.paths import ROOT

HOME = ROOT / ".venv-uv"


class NotInstalled(Exception):
    """The packages cannot be installed; the message has the last lines of what uv said."""


def uv(*arguments: str) -> None:
    """Run a command of uv, which has an environment of its own; what it downloads is kept there.

    Raises:
        NotInstalled: it failed.
    """
    done = subprocess.run(
        [_installed(), *arguments],
        env=os.environ | {"UV_CACHE_DIR": str(HOME / "cache"), "UV_NO_CONFIG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled(" ".join(done.stderr.split())[-500:])


def _installed() -> str:
    """The program; of several processes, the first one installs it."""
    HOME.mkdir(exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (program := HOME / "bin" / "uv").exists():
            subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
            subprocess.run([str(HOME / "bin" / "pip"), "install", "--quiet", "uv"], check=True)
    return str(program)
