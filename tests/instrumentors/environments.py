"""An environment of its own for each instrumentor, under `.venv-instrumentors`.

What several instrumentors need is downloaded once, and an older release is the newest one of a day.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.instrumentors.applications import texts
from tests.support.paths import ROOT
from tests.support.uv import uv

FOLDER = ROOT / ".venv-instrumentors"
TRACING = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


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
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    day = ["--exclude-newer", before] if before else []
    uv("pip", "install", "--quiet", "--python", str(python), *day, *TRACING, *packages)
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


def command(python: Path, file: str) -> list[str]:
    """How an application is run."""
    return [str(python), str(Path(texts.__file__).parent / f"{file}.py")]
