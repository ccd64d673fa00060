"""What commands say before anything is asked: help, dry runs, summaries and progress."""

import io
import json
import os
import pty
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from smile_trace.cli.app import PANELS, app
from smile_trace.cli.explain_now import Asked
from smile_trace.cli.output import in_terminal, show_result
from smile_trace.cli.stored import also_stored, awaited, header, say_before_asking
from smile_trace.errors import SmileTraceError
from smile_trace.records import Cost
from smile_trace.records.comparison import (
    Comparison,
    ComparisonSettings,
    VersionChange,
    VersionReport,
)
from smile_trace.records.path import ExplanationPath, PathStep
from smile_trace.settings import Settings
from smile_trace.store.jobs import Job, JobState
from smile_trace.store.requested import Stored
from smile_trace.store.stored import Look, _chosen
from tests.support.explained import explanation
from tests.support.paths import ROOT


def test_doctor_says_which_table_of_the_settings_decides_what_is_removed():
    shown = CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "200"})
    assert "Delete what [retention] no longer keeps" in shown.output


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


def test_a_dry_run_says_what_each_probe_takes_and_asks_nothing() -> None:
    result = CliRunner().invoke(
        app, ["profile", "--prompt", "What is a lamp?", "--model", "demo", "--dry-run"]
    )
    assert result.exit_code == 0, result.output
    assert "paraphrase: 4 calls" in result.output
    assert "nothing to vary for these probes: order, grounding, swap, hijack" in result.output
    assert "Nothing was sent." in result.output


def test_the_unit_of_the_settings_is_that_of_the_command() -> None:
    asked = ["explain", "--prompt", "The lamp is lit. Why?", "--model", "demo", "--dry-run"]
    for unit, removed in (("sentence", "2 sentences"), ("auto", "5 words")):
        env = {"SMILE_TRACE_EXPLAIN__UNIT": unit}
        result = CliRunner().invoke(app, asked, env=env)
        assert f"with some of its {removed} removed" in result.output


def test_a_dry_run_as_json_has_the_bound() -> None:
    result = CliRunner().invoke(
        app,
        ["profile", "--prompt", "What?", "--model", "demo", "--dry-run", "--json", "--budget=9"],
    )
    assert json.loads(result.output)["calls"] == 9


def test_exactly_one_prompt_is_wanted() -> None:
    assert CliRunner().invoke(app, ["profile", "--model", "demo"]).exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("probe --prompt What? --model demo --dry-run", "profile", None),
        ("profiles shop", "profile --name NAME", "there is nothing of smile-trace in"),
        ("test shop", "check", "no prompt 'shop' is changed by the branch, or in the store"),
        ("export", "store export", "there is nothing of smile-trace in"),
        ("import gone", "store import", "gone cannot be read"),
    ],
)
def test_the_old_name_of_a_command_works_and_says_the_new_one(
    old: str, new: str, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    name = old.partition(" ")[0]
    result = CliRunner().invoke(app, old.split())
    assert result.stderr == f"smile-trace {name} is now called smile-trace {new}\n"
    if said is None:
        assert "Nothing was sent." in result.stdout
    else:
        assert said in str(result.exception)
    assert typer.main.get_command(app).commands[name].hidden  # type: ignore[attr-defined]


def test_every_command_stands_in_a_panel_of_the_help() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = {name: one.rich_help_panel for name, one in commands.items() if not one.hidden}
    assert shown == {name: panel for panel, names in PANELS.items() for name in names}
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    places = [told.index(f"│ {name} ") for names in PANELS.values() for name in names]
    assert places == sorted(places)


def test_the_commands_that_one_starts_with_are_those_of_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    table = index.partition("## Five commands")[2].partition("\n`")[0]
    assert tuple(re.findall(r"^\| `smile-trace (\w+)", table, re.MULTILINE)) == PANELS["Start"]


def test_no_control_character_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    ran = CliRunner().invoke(app, ["compare", "shop", "--html", str(tmp_path / "page.html")])
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


def test_beside_a_page_an_explanation_has_its_status_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As without a page."""
    found = explanation(status="partial")
    found.show()
    drawn = capsys.readouterr().out
    show_result(found, html=tmp_path / "page.html", json=False)
    *headline, page = capsys.readouterr().out.splitlines()
    assert headline[0].startswith("partial  “France”")
    assert headline[1].startswith("Partial: ")
    assert drawn.splitlines()[: len(headline)] == headline
    assert page == str(tmp_path / "page.html")


@pytest.mark.parametrize("words", [["influence", "shop", "--last", "3"], ["report", "--days=3"]])
def test_a_command_that_another_one_replaced_says_which(words: list[str]) -> None:
    with pytest.raises(SmileTraceError, match=f"{words[0]} is now part of compare"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_notebook_is_no_terminal_whatever_it_says() -> None:
    assert not in_terminal(Console(file=io.StringIO(), force_terminal=True))


def test_a_terminal_is_one() -> None:
    ends = pty.openpty()
    with open(ends[1], "w", encoding="utf-8") as terminal:
        assert in_terminal(Console(file=terminal, force_terminal=True))
    os.close(ends[0])


def _job(state: JobState, reason: str | None = None) -> Job:
    settings = explanation().settings
    return Job.model_validate(
        {
            "id": 1,
            "call_id": "a:b",
            "settings_hash": "h",
            "settings": settings,
            "model": "m",
            "state": state,
            "reason": reason,
            "reason_code": None,
            "attempt": 1,
            "run": 1,
            "crashes": 0,
            "inclusion_probability": 1.0,
            "priority": 0,
            "not_before": 0.0,
        }
    )


def _stored(asked: dict[str, Any] | None = None, **settings: Any) -> Stored:
    found = explanation()
    changed = found.settings.model_copy(update=settings)
    return Stored("a:b", 0.0, found.model_copy(update={"settings": changed}), asked)


@pytest.mark.parametrize(
    ("look", "chosen", "said"),
    [
        (Look(), {}, ""),
        (
            Look(other=_stored()),
            {"unit": "word", "until_settled": 200},
            "was made with --unit auto; you ask for --unit word and --until-settled 200.",
        ),
        (
            Look(other=_stored()),
            {"protect": ["a b"], "answer_part": "x"},
            "was made with the defaults; you ask for --protect 'a b' and --answer-part x.",
        ),
        (
            Look(other=_stored({"unit": "auto", "protect": ["system"]})),
            {"unit": "auto"},
            "was made with --protect system; you ask for the defaults.",
        ),
        (
            Look(other=_stored(pooled=True)),
            {},
            "a few calls that count together with its prompt's other calls",
        ),
        (
            Look(job=_job("skipped", "not sampled")),
            {},
            "The worker skipped this call: not sampled.",
        ),
        (Look(job=_job("pending")), {}, "No worker has explained this call yet"),
        (Look(elsewhere=tuple("abcde")), {}, "in the same trace: a, b, c and 2 more."),
    ],
)
def test_why_the_stored_explanation_is_not_shown(
    look: Look, chosen: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say_before_asking(look, chosen)
    assert said in capsys.readouterr().err


def test_a_call_that_a_worker_explains_right_now_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("smile_trace.cli.stored._POLL_SECONDS", 0.0)
    looks = iter([*(Look(job=_job("running")) for _ in "ab"), Look(found=_stored())])
    monkeypatch.setattr("smile_trace.store.stored.look_up", lambda *_: next(looks))
    asked = Asked(
        text=None, trace_id="a:b", model=None, answer=None, app=None, options={}, chosen={},
        depth=None, sanity_check=False, fresh=False, dry_run=False, yes=True,
    )  # fmt: skip
    look = asked.look_up(Settings())
    assert look is not None
    assert look.found is not None
    assert (
        capsys.readouterr().err.count("waiting for it. --fresh explains it without waiting.") == 1
    )
    assert awaited(lambda: Look(job=_job("pending"))).found is None
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("smile_trace.cli.stored._LONGEST_WAIT", 0.0)
    assert awaited(lambda: Look(job=_job("running"))).found is None, "its worker may be dead"


def test_what_else_is_stored_of_a_call_is_said_with_its_command() -> None:
    settled = [_stored({"until_settled": 160}, until_settled=160) for _ in "ab"]
    worker, protected = _stored(), _stored({"protect": ["a b", "c"]}, protect=("a b", "c"))
    seen = _chosen("a:b", [worker, *settled, protected, _stored()], {})
    assert seen.found is not None
    assert seen.found.asked is None
    calls = f"({seen.found.result.status}, {seen.found.result.cost.target_calls} calls)"
    assert list(also_stored(seen, "a:b")) == [
        f"Also stored {calls}: smile-trace explain a:b --until-settled 160",
        f"Also stored {calls}: smile-trace explain a:b --protect 'a b' --protect c",
    ]
    many = [_stored({"until_settled": calls}, until_settled=calls) for calls in range(160, 165)]
    *_, last = also_stored(_chosen("a:b", [worker, *many], {}), "a:b")
    assert last.startswith("and 2 more")
    seen = _chosen("a:b", [worker, *settled], {"until_settled": 160})
    assert list(also_stored(seen, "a:b")) == [f"Also stored {calls}: smile-trace explain a:b"]


def test_the_first_line_of_a_stored_explanation() -> None:
    stored = _stored(until_settled=160, budget=13, protect=("system",))
    calls = stored.result.cost.target_calls + stored.result.cost.cached_calls
    assert header(stored) == (
        "Stored: 2026-11-25 00:40 UTC, gemma-3-270m, unit auto, until settled 160, "
        f"protect system, {calls} calls. --fresh explains it again, in at most 160 calls."
    )


def test_all_missing_options_are_named_at_once() -> None:
    result = CliRunner().invoke(app, ["deliver"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "give --to and --since" in result.output
