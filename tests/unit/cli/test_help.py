"""`--help` shows every word of the help texts: none is taken for rich's markup."""

import re
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from smile_trace.cli.app import app

COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


def words(text: str) -> str:
    """The text without boxes, escapes and line breaks."""
    return " ".join(re.sub(r"[─│╭╮╰╯]", " ", text.replace("\\[", "[")).split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_shown_in_full(name: str) -> None:
    command = COMMANDS[name]
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "250", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    visible = [param for param in command.params if not getattr(param, "hidden", False)]
    texts = [getattr(param, "help", None) for param in visible]
    first, *_ = (command.help or "").split("\n\n")
    for text in (first, *texts):
        assert words(text or "") in words(shown.output)
