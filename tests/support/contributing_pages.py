"""The example on a page of docs/contributing, written out and tested as its reader does."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT


def write_files(page: str, folder: Path) -> list[str]:
    """The page's files; each Python block begins with the path of its file."""
    names = []
    text = (ROOT / "docs" / "contributing" / page).read_text()
    for name, content in re.findall(r"^```python\n# (\S+)\n(.*?)^```$", text, re.M | re.S):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        names.append(name)
    return names


def run_tests(folder: Path, chosen: str = "") -> "subprocess.CompletedProcess[str]":
    """The page's tests, as its reader runs them; `chosen` is what `-k` takes."""
    if (package := folder / "smile_trace_lantern").is_dir():
        (package / "__init__.py").touch()
    path = os.pathsep.join([str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lantern.py"]
    return subprocess.run(
        [*command, *(["-k", chosen] if chosen else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
