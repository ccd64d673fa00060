"""What stands in an environment: its pins, the licences, a bill of materials."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from tools.release_checks.licences import judge, licence_of
from tools.release_checks.outcome import Outcome

OURS = "smile-trace"


def packages(python: Path) -> list[tuple[str, str, str]]:
    """Name, version and licence of every package of the environment but ours, by name."""
    [folder] = python.parents[1].glob("lib/python*/site-packages")
    found = [
        (one.metadata["Name"], one.version, licence_of(one.metadata))
        for one in importlib.metadata.distributions(path=[str(folder)])
    ]
    return sorted((one for one in found if one[0] != OURS), key=lambda one: one[0].lower())


def write_constraints(python: Path, to: Path) -> None:
    """The versions that were installed and run, as constraints."""
    to.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}=={version}\n" for name, version, _ in packages(python)]
    to.write_text("".join(lines), encoding="utf-8")


def write_licences(python: Path, to: Path) -> Outcome:
    """The licence of every package as a table; whether all are compatible with Apache-2.0."""
    found = packages(python)
    rows = [f"| {name} | {version} | {licence or '–'} |\n" for name, version, licence in found]
    head = "| package | version | licence, as it says itself |\n|---|---|---|\n"
    to.write_text(head + "".join(rows), encoding="utf-8")
    return judge((name, licence) for name, _, licence in found)


def write_bill_of_materials(python: Path, to: Path) -> None:
    """A CycloneDX document (SBOM) of the environment, ours and all that it needs."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python)]
    options = ["--output-reproducible", "--of", "JSON", "--output-file", str(to)]
    subprocess.run([*command, *options], check=True)
