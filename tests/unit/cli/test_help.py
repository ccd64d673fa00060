"""What `--help` says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from smile_trace.cli.app import app


def test_doctor_says_which_table_of_the_settings_decides_what_is_removed():
    shown = CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "200"})
    assert "Remove what [retention] does not keep" in shown.output


@pytest.mark.parametrize("option", ["--serve", "--exit", "--tracker"])
def test_the_demo_says_how_it_serves(option):
    shown = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "200"})
    assert option in shown.output


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_no_help_lost_what_stands_in_square_brackets(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "()" not in shown.output


def _options(command: Any) -> Iterator[Any]:
    yield from command.params
    for part in getattr(command, "commands", {}).values():
        yield from _options(part)


def test_brackets_are_escaped_in_every_help() -> None:
    """Rich takes `[models]` for markup, and leaves it out."""
    said = [one.help or "" for one in _options(typer.main.get_command(app))]
    assert any("\\[models]" in text for text in said)
    assert [text for text in said if re.search(r"(?<!\\)\[[a-z]", text)] == []
