"""A summary quotes the prompt, and a prompt may hold what controls a terminal."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.cli.output import show_result
from smile_trace.records import Cost
from smile_trace.records.comparison import (
    Comparison,
    ComparisonSettings,
    VersionChange,
    VersionReport,
)
from smile_trace.records.path import ExplanationPath, PathStep
from tests.support.explained import explanation


@pytest.mark.parametrize("command", ["compare", "influence"])
def test_no_control_character_is_printed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = VersionReport(label="1", version="1", template="")
    hostile = Comparison(
        prompt="shop",
        versions=(version, version),
        changes=(VersionChange(before=0, after=1),),
        summary="the edit “\x1b]0;owned\x07” changed the answers",
        settings=ComparisonSettings(),
    )

    def found(*args: Any, **options: Any) -> Comparison:
        return hostile

    monkeypatch.setattr("smile_trace.comparison.compare", found)
    monkeypatch.setattr("smile_trace.comparison.influences", found)
    ran = CliRunner().invoke(app, [command, "shop", "--html", str(tmp_path / "page.html")])
    assert "changed the answers" in ran.stdout, ran.output
    assert not any(character in ran.stdout for character in "\x1b\x07")


def test_no_control_character_of_a_path_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ExplanationPath(
        trace_id="1" * 32,
        steps=(PathStep(call="1:2", name="ask", explanation=explanation()),),
        summary="The answer depends on “\x1b]0;owned\x07”.",
        budget=40,
        cost=Cost(),
    )
    show_result(path, html=tmp_path / "page.html", json=False)
    printed = capsys.readouterr().out
    assert "depends on" in printed
    assert not any(character in printed for character in "\x1b\x07")
