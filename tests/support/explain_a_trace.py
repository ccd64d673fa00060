"""`smile-trace explain` of a trace in a backend: what that one asked, and who is asked again."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run_command
from tests.support.strict_openai import StrictServer, strict

WORD = "Eiffel"
PROMPT = f"The {WORD} Tower stands here. Where are we?"


def answer(body: dict[str, Any]) -> str:
    """By that word alone."""
    return "In Paris." if WORD in json.dumps(body["messages"]) else "I cannot know that."


@pytest.fixture
def model() -> Iterator[StrictServer]:
    """The model that answers so."""
    with strict(answer) as running:
        yield running


def explain(
    home: Path, model: StrictServer, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """The command in a home whose settings name that model as `sample-model`."""
    (home / "smile_trace.toml").write_text(
        f'[models."sample-model"]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        'model = "planted"\ntemperature_zero_is_deterministic = true\n'
    )
    env = {**os.environ, "SMILE_TRACE_HOME": str(home / "state"), "NO_COLOR": "1", **environment}
    return run_command("explain", *arguments, cwd=home, env=env)
