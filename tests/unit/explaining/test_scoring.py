"""Answers that a scorer calls right: a function, or a model as a judge."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import smile_trace
from smile_trace.attribution import CannotExplain
from smile_trace.cli.app import app
from smile_trace.explaining import estimate
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.planted import PlantedModel, PlantedServer, serving

PROMPT = (
    "You are the assistant of a furniture shop. Never promise a voucher.\n\n"
    "Assembly costs 29 euros, says the new list. It costs 79 euros, says the old one.\n\n"
    "What does assembly cost?"
)


def desk(prompt: str) -> str:
    """Believes the new list."""
    found = [euros for euros in ("29", "79") if f"{euros} euros" in prompt]
    return f"It costs {found[0]} euros." if found else "I do not know what it costs."


def right(answer: str) -> bool:
    return "79" in answer


async def asked_elsewhere(answer: str) -> float:
    return 0.95 if right(answer) else 0.3


@pytest.mark.parametrize("scorer", [right, asked_elsewhere])
def test_what_a_scorer_calls_right_is_looked_for(scorer: Callable[[str], Any]) -> None:
    found = smile_trace.explain(PROMPT, model=PlantedModel(desk), scorer=scorer)
    assert (found.met, found.settings.scorer) == (False, f"{__name__}:{scorer.__name__}")
    assert "29" in " ".join(part.text for part in found.corrections[0].parts)


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        (lambda answer: 1 / 0, "failed: ZeroDivisionError"),
        (lambda answer: sys.exit(3), "failed: SystemExit: 3"),
        (lambda answer: float("nan"), "it returned nan, not True, False or a number"),
        (lambda answer: 1.5, "it returned 1.5"),
        (lambda answer: None, "it returned None"),
        (lambda answer: "perhaps", "it returned 'perhaps'"),
        (lambda: True, "failed: TypeError"),
    ],
)
def test_a_scorer_that_fails_is_a_reason(scores: Callable[..., Any], why: str) -> None:
    with pytest.raises(CannotExplain, match=re.escape(why)):
        smile_trace.explain(PROMPT, model=PlantedModel(desk), scorer=scores)


def test_what_is_no_scorer_or_another_question_too_is_refused_before_anything_is_asked() -> None:
    asked: list[str] = []
    with pytest.raises(CannotExplain, match="each is a different question"):
        smile_trace.explain(PROMPT, model=asked.append, scorer=right, contains="79")
    with pytest.raises(CannotExplain, match="which sees the whole answer"):
        smile_trace.explain(PROMPT, model=asked.append, scorer=right, answer_part="$.team")
    with pytest.raises(TypeError, match="a scorer is a function"):
        smile_trace.explain(PROMPT, model=asked.append, scorer=5)  # type: ignore[arg-type]
    with pytest.raises(smile_trace.SmileTraceError, match="no model for 'os:getcwd'"):
        smile_trace.explain(PROMPT, model=asked.append, scorer="os:getcwd")
    assert asked == []


BLOCK = re.compile(r"The ([\w ]+):\n\[([0-9a-f]{24})\]\n(.*?)\n\[\2\]", re.DOTALL)


def answering(prompt: str) -> str:
    """The desk, and a judge of it that obeys what stands in no fence."""
    shown = {name: text for name, _, text in BLOCK.findall(prompt)}
    if not shown:
        return desk(prompt)
    if shown["answer"].startswith("I do not"):
        return "That is hard to say."
    return "Yes." if shown.get("expected answer", "79 euros") in shown["answer"] else "**no**"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    """The model `desk` and the judge `strict`, at one address."""
    with serving(answering) as server:
        table = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps({"desk": table, "strict": table}))
        monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "state"))
        monkeypatch.chdir(tmp_path)
        yield server


def calls_today() -> int:
    with Store.open(Settings()) as store:
        return store.ledger.spent("day", store.ledger.today()).calls


def test_a_judge_says_of_each_answer_once_whether_it_is_right(server: PlantedServer) -> None:
    given: dict[str, Any] = {"model": "desk", "scorer": "strict", "expected": "79 euros"}
    most = estimate(PROMPT, **given)
    found = smile_trace.explain(PROMPT, **given)
    asked, cost = len(server.bodies), found.cost
    assert (found.met, found.settings.scorer, cost.judge_calls) == (False, "strict", 3)
    assert "29" in " ".join(part.text for part in found.corrections[0].parts)
    assert most.judge is not None
    assert most.judge.calls == most.calls + 1
    untold = [row for row in found.perturbations if row.response is None]
    assert untold, "an answer that the judge tells nothing about is missing, not wrong"
    assert calls_today() == asked == cost.target_calls + cost.judge_calls
    again = smile_trace.explain(PROMPT, **given)
    assert again.cost.judge_calls == 0
    assert len(server.bodies) == asked, "nothing is paid for twice"


def test_what_was_paid_for_before_a_scorer_failed_is_kept(server: PlantedServer) -> None:
    with pytest.raises(CannotExplain, match="ZeroDivisionError"):
        smile_trace.explain(PROMPT, model="desk", scorer=lambda answer: 1 / 0)
    paid = len(server.bodies)
    found = smile_trace.explain(PROMPT, model="desk", scorer=right)
    assert found.cost.cached_calls >= paid > 0
    assert len(server.bodies) == paid + found.cost.target_calls


def test_a_judge_that_tells_nothing_about_the_logged_answer_is_a_reason(
    server: PlantedServer,
) -> None:
    with pytest.raises(CannotExplain, match=r"'strict' did not say .*: it said 'That is hard"):
        smile_trace.explain(PROMPT, model="desk", scorer="strict", answer="I do not know.")


def run(*arguments: str) -> str:
    told = CliRunner().invoke(app, ["explain", "--prompt", PROMPT, "--yes", *arguments])
    return told.output + str(told.exception or "")


def test_the_command_line_takes_a_function_of_this_folder(
    server: PlantedServer, tmp_path: Path
) -> None:
    (tmp_path / "own_checks.py").write_text("def right(answer): return '79' in answer")
    told = run("--model", "desk", "--scorer", "own_checks:right")
    assert "The answer would be right without" in told
    assert "own_checks:wrong is neither a model of the settings nor a function" in run(
        "--model", "desk", "--scorer", "own_checks:wrong"
    )
    told = run("--model", "desk", "--scorer", "strict", "--dry-run")
    assert "Answers are judged by strict" in told


def test_no_settings_file_names_a_scorer(server: PlantedServer, tmp_path: Path) -> None:
    (tmp_path / "smile_trace.toml").write_text('[explain]\nscorer = "own_checks:right"')
    with pytest.raises(smile_trace.SmileTraceError, match="scorer"):
        Settings()
