"""What is on disk after an installation, and in the images: `python -m benchmarks.sizes WHEEL`.

The wheel is one of `make dist`. An image is its base, whose sizes the Docker library publishes
(docker-library/repo-info, July to September 2026), and the tree that its Dockerfile installs;
packed is what is pulled of both. What is in each, with its licence, is written to `release/`.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

from tests.support.paths import ROOT
from tools.installs.dependencies import write_licences
from tools.installs.environments import Installed, install, smoke

SLIM, ALPINE = (119.2, 43.2), (48.9, 18.0)
"""MB of python:3.12-slim and python:3.12-alpine (amd64), on disk and packed."""
IMAGES = (
    ("worker", "postgres", SLIM, 400),
    ("worker-mlflow", "mlflow,postgres", SLIM, 650),
    ("receiver", "receive", ALPINE, 120),
)
EXTRAS = ("", "receive", "worker", "mlflow")


def main() -> None:
    """Install, measure and print."""
    wheel = Path(sys.argv[1]).resolve()
    print("| image | MB | base | tree | goal | packed | | heaviest, MB |\n|---" + "|---" * 7 + "|")
    for name, extras, (base, pulled), goal in IMAGES:
        with tempfile.TemporaryDirectory() as folder:
            made = _installed(wheel, extras, folder, bytecode=False)
            for tests in sorted(made.python.parents[1].rglob("tests/"), reverse=True):
                shutil.rmtree(tests)
            tree, packed = _megabytes(made), pulled + _packed(made)
            sizes = f"{base + tree:.0f} | {base:.0f} | {tree:.0f} | {goal} | {packed:.0f}"
            said = [smoke(replace(made, extra=one)) or "runs" for one in extras.split(",")]
            licences = write_licences(made.python, ROOT / "release" / f"image-{name}.md")
            state = f"{', '.join(said)}; licences: {licences.state}: {licences.said}"
            print(f"| {name} | {sizes} | {state} | {_heaviest(made)} |", flush=True)
    print("\n| extra | MB | without bytecode | heaviest, MB |\n|---|---|---|---|")
    for extra in EXTRAS:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            compiled = _installed(wheel, extra, one, bytecode=True).megabytes
            made = _installed(wheel, extra, other, bytecode=False)
            sizes = f"{compiled:.0f} | {made.megabytes:.0f}"
            print(f"| {extra or '(base)'} | {sizes} | {_heaviest(made)} |", flush=True)


def _installed(wheel: Path, extra: str, folder: str, *, bytecode: bool) -> Installed:
    constraints = ROOT / "constraints.txt"
    return install(wheel, extra, Path(folder) / "venv", constraints, bytecode=bytecode)


def _heaviest(made: Installed) -> str:
    [folder] = made.python.parents[1].glob("lib/python*/site-packages")
    sizes = {
        one.metadata["Name"]: sum(
            path.stat().st_size
            for file in one.files or ()
            if (path := Path(str(one.locate_file(file)))).is_file()
        )
        for one in distributions(path=[str(folder)])
    }
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    return ", ".join(f"{name} {size / 1e6:.0f}" for name, size in heaviest)


def _megabytes(made: Installed) -> float:
    files = (path for path in made.python.parents[1].rglob("*") if not path.is_dir())
    return sum(path.lstat().st_size for path in files) / 1e6


def _packed(made: Installed) -> float:
    command = f"tar -C {made.python.parents[1]} -c . | gzip | wc -c"
    return int(subprocess.check_output(command, shell=True)) / 1e6


if __name__ == "__main__":
    main()
