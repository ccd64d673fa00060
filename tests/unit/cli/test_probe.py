"""`smile-trace probe` before anything is asked."""

import json

from typer.testing import CliRunner

from smile_trace.cli.app import app


def test_a_dry_run_says_what_each_probe_takes_and_asks_nothing() -> None:
    result = CliRunner().invoke(
        app, ["probe", "--prompt", "What is a lamp?", "--model", "demo", "--dry-run"]
    )
    assert result.exit_code == 0, result.output
    assert "paraphrase: 4 calls" in result.output
    assert "nothing to vary for: order, grounding, swap, hijack" in result.output
    assert "Nothing was asked." in result.output


def test_a_dry_run_as_json_has_the_bound() -> None:
    result = CliRunner().invoke(
        app, ["probe", "--prompt", "What?", "--model", "demo", "--dry-run", "--json", "--budget=9"]
    )
    assert json.loads(result.output)["calls"] == 9


def test_exactly_one_prompt_is_wanted() -> None:
    assert CliRunner().invoke(app, ["probe", "--model", "demo"]).exit_code == 2
