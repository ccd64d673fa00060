"""The gate for continuous integration: may this version of the prompt take over?

    pytest examples/tested_prompt

The application answers a few inputs under each version, the worker explains which parts of the
prompt the answers depend on, and `smile-trace check` exits 3 if a limit is broken.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import smile_trace
from smile_trace.comparison.limits import broken_limits
from smile_trace.settings import Settings

HERE = Path(__file__).parent
PASSES, CLOSED = 0, 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separate home, with the calls of every version and their explanations."""
    folder = tmp_path_factory.mktemp("home")
    for command in (["app.py"], ["-m", "smile_trace", "worker", "--once", "--app", "app"]):
        ran = python(folder, *command)
        assert ran.returncode == 0, ran.stderr
    return folder


def python(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python without the environment variables of any tracker: a test delivers nothing."""
    environment = {name: os.environ[name] for name in ("PATH", "RECORD_WITH") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE,
        env={**environment, "SMILE_TRACE_HOME": str(home)},
        capture_output=True,
        text=True,
    )


def gate(home: Path, versions: str) -> "subprocess.CompletedProcess[str]":
    """What a pipeline runs: the answer must still depend on the landmark."""
    return python(
        home,
        *("-m", "smile_trace", "check", "landmark", "--versions", versions),
        *("--budget", "0", "--max", "drop:{landmark}=0.2"),
    )


def test_the_shorter_prompt_passes(home: Path) -> None:
    """It lacks only the request to be kind."""
    ran = gate(home, "1,2")
    assert ran.returncode == PASSES, ran.stderr


def test_the_prompt_that_lost_its_input_does_not(home: Path) -> None:
    """And the pipeline's log says why."""
    ran = gate(home, "1,3")
    assert ran.returncode == CLOSED, ran.stdout
    assert "{landmark}" in ran.stderr


def test_the_same_from_python(home: Path) -> None:
    """A Comparison holds more than the limits: here, what the shorter prompt removed."""
    found = smile_trace.compare("landmark", versions=[1, 2], budget=0, settings=Settings(home=home))
    assert broken_limits(found, drops={"{landmark}": 0.2}) == []
    removed = [c for c in found.changes[0].segments if c.kind == "removed"]
    texts = [found.versions[0].segments[c.before].segment.text for c in removed]
    assert [text.strip() for text in texts] == ["Be kind and friendly."]
