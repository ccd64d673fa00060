"""`python -m tools.installs dist/*.whl`: the wheel with each extra, in an empty environment.

Prints seconds and megabytes of each; exits 1 where one cannot be installed or does not do what its
user does first, where the base is too slow or too large, or where a licence is not compatible.
Into `release/` go the versions of each extra that were run (`constraints/`), and of all of them
together the licences and a bill of materials.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.uv import NotInstalled, uv
from tools.installs.dependencies import write_bill_of_materials, write_constraints, write_licences
from tools.installs.environments import install, smoke
from tools.installs.smoke import SMOKE

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
EXAMPLE = ROOT / "examples" / "typed_project"
LARGEST, SLOWEST = 100.0, 20.0
"""Megabytes and seconds of the base."""


def main() -> int:
    """Check and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.installs")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--only", nargs="*", choices=[*SMOKE], default=[*SMOKE])
    parser.add_argument("--into", type=Path, default=ROOT / "release")
    given = parser.parse_args()
    wheel = given.wheel.resolve()
    print("| extra | seconds | MB | |\n|---|--:|--:|---|", flush=True)
    wrong = [extra for extra in given.only if not _extra(wheel, extra, given.into)]
    wrong += [] if _example(wheel) else ["the example"]
    wrong += [] if _together(wheel, given.into) else ["all extras together"]
    if wrong:
        print(f"failed: {', '.join(name or 'the base' for name in wrong)}")
    return 1 if wrong else 0


def _extra(wheel: Path, extra: str, into: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            installed = install(wheel, extra, Path(folder) / "venv", CONSTRAINTS)
        except NotInstalled as error:
            print(f"| {extra or '(base)'} | | | {error} |", flush=True)
            return False
        said = smoke(installed)
        if not extra and (installed.seconds > SLOWEST or installed.megabytes > LARGEST):
            said = said or f"more than {SLOWEST:.0f} s or {LARGEST:.0f} MB"
        write_constraints(installed.python, into / "constraints" / f"{extra or 'base'}.txt")
    figures = f"{installed.seconds:.1f} | {installed.megabytes:.0f}"
    print(f"| {extra or '(base)'} | {figures} | {said or 'runs'} |", flush=True)
    return said is None


def _example(wheel: Path) -> bool:
    """The example project, type-checked and run against the wheel alone."""
    with tempfile.TemporaryDirectory() as made:
        installed = install(wheel, "worker", Path(made) / "venv", CONSTRAINTS)
        project = shutil.copytree(EXAMPLE, Path(made) / "project")
        python = str(installed.python)
        uv("pip", "install", "--quiet", "--python", python, "-c", str(CONSTRAINTS), "mypy")
        checked = subprocess.run([python, "-m", "mypy", "--strict", "."], cwd=project, check=False)
        ran = subprocess.run([python, "-W", "error", "support.py"], cwd=project, check=False)
    return not (checked.returncode or ran.returncode)


def _together(wheel: Path, into: Path) -> bool:
    """All extras that users install in one environment: licences, and the bill of materials."""
    with tempfile.TemporaryDirectory() as made:
        extras = ",".join(extra for extra in SMOKE if extra)
        installed = install(wheel, extras, Path(made) / "venv", CONSTRAINTS)
        write_bill_of_materials(installed.python, into / "sbom.cdx.json")
        outcome = write_licences(installed.python, into / "licences.md")
    figures = f"{installed.seconds:.1f} s, {installed.megabytes:.0f} MB"
    print(f"all extras together: {figures}; licences: {outcome.state}: {outcome.said}")
    for finding in outcome.findings:
        print(f"  {finding}")
    return outcome.state == "passed"


if __name__ == "__main__":
    sys.exit(main())
