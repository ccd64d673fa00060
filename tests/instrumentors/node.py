"""The same for JavaScript, by npm: what is `environments` for Python."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.instrumentors.applications import texts
from tests.instrumentors.environments import FOLDER
from tests.support.uv import NotInstalled

APPLICATIONS = Path(texts.__file__).parent
TRACING = (
    "@opentelemetry/api",
    "@opentelemetry/exporter-trace-otlp-proto",
    "@opentelemetry/sdk-trace-node",
)


def environment(name: str, packages: Sequence[str], before: str | None) -> Path:
    """The folder of an environment with these packages, made anew if it is not there.

    Raises:
        NotInstalled: they cannot be.
    """
    folder = FOLDER / name
    if not shutil.which("npm"):
        raise NotInstalled("npm is not on this machine")
    if (folder / "installed").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}')
    day = ["--before", before] if before else []
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--save-exact", *day, *TRACING, *packages],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled(" ".join(done.stderr.split())[-500:])
    (folder / "installed").touch()
    return folder


def versions(folder: Path, packages: Sequence[str]) -> str:
    """Which releases of the packages are there: `ai 7.0.173, …`."""
    names = dict.fromkeys(re.sub("(.)@.*", r"\1", package) for package in packages)
    found = {name: folder / "node_modules" / name / "package.json" for name in names}
    return ", ".join(f"{n} {json.loads(file.read_text())['version']}" for n, file in found.items())


def command(folder: Path, file: str) -> list[str]:
    """How an application is run. A module looks for its packages beside itself, so that it is
    copied into the environment, with the texts of the others."""
    for application in APPLICATIONS.glob("*.mjs"):
        shutil.copy(application, folder)
    constants = {name: value for name, value in vars(texts).items() if name.isupper()}
    lines = [f"export const {name} = {json.dumps(value)};\n" for name, value in constants.items()]
    (folder / "texts.mjs").write_text("".join(lines))
    return ["node", str(folder / file)]
