"""suggest() over prompts whose useless and harmful instructions are known."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import smile_trace
from smile_trace.cli.app import app
from smile_trace.comparison import NothingToCompare
from smile_trace.records.suggestion import NotProposed, Suggestions, Untested
from smile_trace.store import Store
from smile_trace.suggesting.api import summarize
from smile_trace.suggesting.trials import MIN_HELD_OUT
from tests.support.planted_prompts import BEFORE, QUESTIONS, plant, settings_in
from tests.support.planted_suggestions import GUARD, PlantedPrompt, plant_in

pytestmark = pytest.mark.thorough


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(0, id="a model that repeats itself"),
        pytest.param(1, id="noise"),
    ],
)
def test_what_has_no_effect_and_what_harms_is_found_and_nothing_else(
    tmp_path: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two of the ten prompts of `make bench-suggest`."""
    prompt = PlantedPrompt.number(number)
    settings = plant_in(tmp_path, prompt)
    found = smile_trace.suggest(prompt.name, model=prompt.model(), settings=settings)
    assert prompt.problems(found) == []
    assert found.held_out >= MIN_HELD_OUT
    assert found.calls <= 800
    assert Suggestions.model_validate_json(found.model_dump_json()) == found
    found.show()
    guarded = GUARD in prompt.no_effect
    shown = " ".join(capsys.readouterr().out.split())
    assert ("Not tested by these calls" in shown) == guarded
    assert ("lost 10 % of the answer or more, beyond noise" in shown) == bool(prompt.noise)


def test_too_few_calls_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    store = Store.open(settings := settings_in(tmp_path))
    plant(store, "answer", "1", BEFORE, QUESTIONS[:19])
    asked: list[str] = []
    with pytest.raises(NothingToCompare, match=r"19 different calls .* are too few .* Capture 20"):
        smile_trace.suggest("answer", model=asked.append, settings=settings)
    settings.spool.mkdir()
    (settings.spool / "app-1.jsonl").write_text("{}\n")
    with pytest.raises(NothingToCompare, match="not read yet: 1"):
        smile_trace.suggest("answer", model=asked.append, settings=settings)
    store.close()
    assert not asked


def test_why_nothing_is_proposed_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    why = NotProposed(kind="order", what="Another order", why="none of 12 answers depends on it")
    found = Suggestions(
        prompt="answer",
        version="1",
        model="m",
        template="",
        not_proposed=(why,),
        not_tested=(Untested(text="Never talk about politics.", acts_in="prohibition"),),
        smallest_effect=0.1,
        seed=0,
        made_at="2026-11-30",
    )
    found.model_copy(update={"summary": summarize(found)}).show()
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("Nothing is proposed for answer 1. Not proposed Another order: none")
    assert shown.count("depends on it") == 1
    guarded = shown.partition("Not tested by these calls")[2]
    assert guarded.startswith(" “Never talk about politics.” (prohibition) They apply only in")
    assert "Keep them" in guarded


def test_a_dry_run_says_the_cost_and_a_budget_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = PlantedPrompt.number(0)
    settings = plant_in(tmp_path, prompt)
    asked = prompt.model()
    found = smile_trace.suggest(prompt.name, model=asked, settings=settings, budget=30)
    assert found.suggestions == ()
    assert len(asked.asked) <= found.calls <= 30
    why = {one.kind: one.why for one in found.not_proposed}
    assert why["no_effect"] == why["harmful"] == "the budget of 30 calls is not enough"

    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smile_trace.toml").write_text(
        "[models.planted]\nkind = 'endpoint'\nbase_url = 'http://127.0.0.1:9/v1'\n"
    )
    ran = CliRunner().invoke(app, ["suggest", prompt.name, "--budget", "50", "--dry-run"])
    assert ran.exit_code == 0, ran.output
    assert "At most: 50 calls" in ran.output
    assert "tested on 15 and" in ran.output
    assert "Nothing was sent." in ran.output
