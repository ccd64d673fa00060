"""A summary quotes the prompt, and a prompt may hold what controls a terminal."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.records.comparison import (
    Comparison,
    ComparisonSettings,
    VersionChange,
    VersionReport,
)


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
