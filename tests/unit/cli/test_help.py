"""What `--help` says."""

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app


def test_doctor_says_which_table_of_the_settings_decides_what_is_removed():
    shown = CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "200"})
    assert "Remove what [retention] does not keep" in shown.output


@pytest.mark.parametrize("option", ["--serve", "--exit", "--tracker"])
def test_the_demo_says_how_it_serves(option):
    shown = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "200"})
    assert option in shown.output
