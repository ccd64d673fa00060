"""An empty environment, the wheel with an extra in it, and what that took."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.uv import uv
from tools.installs.smoke import SMOKE, STRICT


@dataclass(frozen=True)
class Installed:
    """The wheel with one extra in an environment of its own."""

    extra: str
    python: Path
    seconds: float
    """Seconds of the installation: what has to be downloaded, unpacked and compiled."""
    megabytes: float
    """Megabytes on disk that the empty environment did not have."""


def install(
    wheel: Path, extra: str, folder: Path, constraints: Path, *, bytecode: bool = True
) -> Installed:
    """Make the environment in `folder`, and install the wheel with its extra. `bytecode`: compile
    its modules, as pip does.

    Raises:
        NotInstalled: it cannot be.
    """
    uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    python = folder / "bin" / "python"
    before = _bytes(folder)
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    began = time.monotonic()
    options = ["--link-mode", "copy", "-c", str(constraints)]
    options += ["--compile-bytecode"] if bytecode else []
    uv("pip", "install", "--quiet", "--python", str(python), *options, what)
    seconds = time.monotonic() - began
    return Installed(extra, python, seconds, (_bytes(folder) - before) / 1e6)


def smoke(installed: Installed) -> str | None:
    """Run what its user does first; None where that ends well, else the last line that it said."""
    strict = ["-W", "error"] if installed.extra in STRICT else []
    program = installed.python.with_name("smile-trace")
    for command in (
        [str(program), "--version"],
        [str(installed.python), "-W", "error", "-c", "import smile_trace"],
        [str(installed.python), *strict, "-c", SMOKE[installed.extra]],
    ):
        done = subprocess.run(
            command, cwd=installed.python.parents[1], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["said nothing"]
            return f"{' '.join(command[:3])[-60:]}: {said[-1][:300]}"
    return None


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
