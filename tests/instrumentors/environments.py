"""An environment of its own for each instrumentor, under `.venv-instrumentors`.

Packages are installed by uv, which is an environment itself: what several instrumentors need is
downloaded once, and an older release is the newest one of a day.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.paths import ROOT

FOLDER = ROOT / ".venv-instrumentors"
TRACING = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


class NotInstalled(Exception):
    """The packages cannot be installed; the message has the last lines of what uv said."""


def environment(name: str, packages: Sequence[str], before: str | None) -> Path:
    """The Python of an environment with these packages, made anew if it is not there.

    Args:
        name: of its folder.
        packages: what is installed beside OpenTelemetry's SDK.
        before: a day (`2026-01-31`); no release after it is installed.

    Raises:
        NotInstalled: they cannot be.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--quiet", "--python", sys.executable, str(folder))
    day = ["--exclude-newer", before] if before else []
    _uv("pip", "install", "--quiet", "--python", str(python), *day, *TRACING, *packages)
    (folder / "installed").touch()
    return python


def versions(python: Path, packages: Sequence[str]) -> str:
    """Which releases of the packages are there: `openai 3.57.0, …`."""
    names = list(dict.fromkeys(re.split(r"[\[<>=]", package)[0] for package in packages))
    code = "import sys; from importlib.metadata import version; "
    code += "print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
    done = subprocess.run(
        [str(python), "-c", code, *names], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _uv(*arguments: str) -> None:
    home = FOLDER / "uv"
    if not (program := home / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin/pip"), "install", "--quiet", "uv"], check=True)
    done = subprocess.run(
        [str(program), *arguments],
        env=os.environ | {"UV_CACHE_DIR": str(FOLDER / "cache"), "UV_NO_CONFIG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled(" ".join(done.stderr.split())[-500:])
