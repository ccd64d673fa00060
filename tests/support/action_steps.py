"""The steps of action.yml run as GitHub runs them: its own shell, with its own expressions."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

_EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
_CONDITION = re.compile(r"([\w.-]+) (==|!=) '([^']*)'")


class ActionRun:
    """One run of the action in a checkout, for a pull request of `us/shop` onto main.

    Args:
        folder: of the runner's own files, among them `github.json`, the comments.
        inputs: of the action, beside its defaults.
        event: the event's name.
    """

    def __init__(
        self, checkout: Path, folder: Path, inputs: Mapping[str, str], event: str = "pull_request"
    ) -> None:
        self._action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        self._checkout, self._folder = checkout, folder
        folder.mkdir(exist_ok=True)
        self.comments = folder / "github.json"
        if not self.comments.exists():
            self.comments.write_text("[]")
        (folder / "output").write_text("")
        (folder / "summary").write_text("")
        defaults = {name: one["default"] for name, one in self._action["inputs"].items()}
        self._context = {
            "github.action_path": str(ROOT),
            "github.base_ref": "main",
            "github.event_name": event,
            "github.event.pull_request.number": "7",
            "github.token": "the workflow's",
            "runner.temp": str(folder),
        }
        given = {**defaults, **inputs}
        self._context |= {f"inputs.{name}": self._resolved(one) for name, one in given.items()}
        self.installed = folder / "installed"
        _programs(folder / "bin", self.installed)

    def run(self) -> "subprocess.CompletedProcess[str]":
        """Run all steps; what they printed, and the exit code of the first that fails, or 0."""
        printed, code = "", 0
        for step in self._action["runs"]["steps"]:
            assert step.keys() <= {"name", "id", "if", "shell", "env", "run"}
            assert step["shell"] == "bash"
            if code or not self._holds(step.get("if", "")):
                continue
            done = self._step(step)
            printed += done.stdout
            code = done.returncode
            outputs = (self._folder / "output").read_text().splitlines()
            named = (line.partition("=") for line in outputs)
            self._context |= {f"steps.check.outputs.{name}": value for name, _, value in named}
        return subprocess.CompletedProcess([], code, printed)

    @property
    def summary(self) -> str:
        """The summary of the job."""
        return (self._folder / "summary").read_text("utf-8")

    def _step(self, step: Mapping[str, Any]) -> "subprocess.CompletedProcess[str]":
        assert "${{" not in step["run"], "an expression in a script could be anybody's code"
        script = self._folder / "step.sh"
        script.write_text(step["run"], "utf-8")
        environment = {
            **os.environ,
            **{name: self._resolved(value) for name, value in step["env"].items()},
            "PATH": f"{self._folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "FAKE_GITHUB": str(self.comments),
            "GITHUB_REPOSITORY": "us/shop",
            "GITHUB_BASE_REF": self._context["github.base_ref"],
            "GITHUB_OUTPUT": str(self._folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self._folder / "summary"),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self._checkout, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _resolved(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._context[found[1]], text)

    def _holds(self, condition: str) -> bool:
        parts = [_CONDITION.fullmatch(part) for part in filter(None, condition.split(" && "))]
        known = [(self._context[one[1]] == one[3]) == (one[2] == "==") for one in parts if one]
        assert len(known) == len(parts), f"not read: {condition}"
        return all(known)


def _programs(folder: Path, installed: Path) -> None:
    """A `gh`, and a `python3` whose environments hold this one's smile-trace; their pip only notes
    what it would install."""
    folder.mkdir(exist_ok=True)
    python = f"#!/bin/sh\nexec '{sys.executable}'"
    _write(folder / "gh", f"{python} '{ROOT / 'tests' / 'support' / 'fake_gh.py'}' \"$@\"\n")
    _write(folder / "smile-trace", f'{python} -m smile_trace "$@"\n')
    _write(
        folder / "pip", f"#!/bin/sh\nfor one; do last=$one; done\necho \"$last\" > '{installed}'\n"
    )
    _write(
        folder / "python3",
        f"#!/bin/sh\n[ \"$1 $2 $3 $4\" = '-I -m venv --system-site-packages' ] || exit 9\n"
        f"mkdir -p \"$5/bin\" && cp '{folder}'/pip '{folder}'/smile-trace \"$5/bin\"\n",
    )


def _write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
    file.chmod(0o755)
