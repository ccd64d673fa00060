"""action.yml: its steps run without GitHub, and the comment that they keep current."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.action_steps import ActionRun
from tests.support.branches import branched, bringing_a_repository, commit, git
from tests.support.paths import ROOT
from tests.support.planted import PlantedServer, serving

TRIAGE = "Say refund or other.\nLetter: {letter}\n"
CASES = "".join(json.dumps({"letter": f"Letter {k}"}) + "\n" for k in range(6))
FILES = {"triage.txt": TRIAGE, "triage.cases.jsonl": CASES}
LANDMARKS = """\
Landmarks and their cities.
The Colosseum: Rome
The Forbidden City: Beijing
The Taj Mahal: Agra
{landmark}:"""
CAPITALS = """\
Countries and their capitals.
Italy: Rome
China: Beijing
India: New Delhi
{country}:"""
ANIMALS = """\
Be kind and friendly. These are animals and their young.
cat: kitten
dog: puppy
cow: calf
{animal}:"""
REAL = {
    "landmark": ("landmark", ["The Eiffel Tower", "Big Ben", "The Louvre", "Red Square"]),
    "capital": ("country", ["France", "Germany", "Spain", "Japan"]),
    "young": ("animal", ["sheep", "horse", "duck", "lion"]),
}
MARK = "<!-- smile-trace check -->\n"
INPUTS = {"arguments": "--model=planted\n\n--max=answer_change=0.2\n"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    with serving(lambda prompt: prompt.partition("\n")[0].removeprefix("Please s")) as server:
        table = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps({"planted": table}))
        yield server


def comments(action: ActionRun) -> list[dict[str, Any]]:
    """Those of the pull request."""
    found: list[dict[str, Any]] = json.loads(action.comments.read_text("utf-8"))
    return found


def test_one_comment_is_kept_current(server: PlantedServer, tmp_path: Path) -> None:
    """On a shallow checkout, as actions/checkout makes it, beside comments of others."""
    whole = branched(tmp_path / "whole", FILES, {"triage.txt": "Say hello.\nLetter: {letter}\n"})
    git(whole, "push", "-q", "origin", "change")
    origin = (tmp_path / "whole-origin.git").as_uri()
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=change", "--single-branch", origin, "r")
    checkout, folder = tmp_path / "r", tmp_path / "runner"
    folder.mkdir()
    others = [{"id": k, "user": {"type": "User"}, "body": f"{MARK}mine"} for k in range(3)]
    (folder / "github.json").write_text(json.dumps(others))

    action = ActionRun(checkout, folder, INPUTS)
    ran = action.run()
    assert ran.returncode == 3, ran.stdout
    assert action.installed.read_text() == f"{ROOT}[worker]\n"
    *before, own = comments(action)
    assert before == others
    assert own["body"].startswith(f"{MARK}### Prompts: **triage** gives other answers\n")
    assert own["body"] == MARK + action.summary

    commit(checkout, {"triage.txt": TRIAGE + "\n"})
    ran = ActionRun(checkout, folder, INPUTS).run()
    assert ran.returncode == 0, ran.stdout
    assert "no certain change in the answers" in comments(action)[-1]["body"]
    commit(checkout, {"triage.txt": TRIAGE})
    assert ActionRun(checkout, folder, INPUTS).run().returncode == 0
    assert comments(action)[-1]["body"].startswith(f"{MARK}No prompt is changed.")
    assert len(comments(action)) == 4


def test_where_no_comment_is_made(server: PlantedServer, tmp_path: Path) -> None:
    """Nothing to say; not wanted; not allowed; another event; nothing that could be checked."""
    checkout = branched(tmp_path / "r", FILES, {"README": "hello"})
    folder = tmp_path / "runner"
    action = ActionRun(checkout, folder, INPUTS)
    assert action.run().returncode == 0
    assert action.summary.startswith("No prompt is changed.")
    commit(checkout, {"triage.txt": "Say hello.\nLetter: {letter}\n"})
    assert ActionRun(checkout, folder, {**INPUTS, "comment": "false"}).run().returncode == 3
    assert ActionRun(checkout, folder, INPUTS, event="pull_request_target").run().returncode == 3
    ran = ActionRun(checkout, folder, {**INPUTS, "token": "a stranger's"}).run()
    assert ran.returncode == 3
    assert "::warning::The comments of the pull request cannot be read" in ran.stdout
    ran = ActionRun(checkout, folder, {"arguments": "--max=odrer=.2\n--base=$(touch gone)"}).run()
    assert ran.returncode == 1
    assert "no probe 'odrer'" in ran.stdout
    assert comments(action) == []
    assert not (checkout / "gone").exists()


def test_a_repository_among_the_files_is_not_used(tmp_path: Path) -> None:
    """Its settings name a program that git would run."""
    checkout = bringing_a_repository(tmp_path, tmp_path / "ran")
    ran = ActionRun(checkout, tmp_path / "runner", {"working-directory": "app"}).run()
    assert ran.returncode
    assert "cannot use bare repository" in ran.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.model
def test_of_three_changes_the_harmful_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the packaged model itself: a paraphrase, a sentence less that did nothing, and examples
    of another question."""
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    before = {
        f"prompts/{name}.txt": text
        for name, text in zip(REAL, (LANDMARKS, CAPITALS, ANIMALS), strict=True)
    }
    for name, (variable, values) in REAL.items():
        lines = [json.dumps({variable: value}) + "\n" for value in values]
        before[f"prompts/{name}.cases.jsonl"] = "".join(lines)
    after = {
        "prompts/landmark.txt": LANDMARKS.replace("Rome", "Italy")
        .replace("Beijing", "China")
        .replace("Agra", "India"),
        "prompts/capital.txt": CAPITALS.replace("Countries and their", "Each country and its"),
        "prompts/young.txt": ANIMALS.replace("Be kind and friendly. ", ""),
    }
    action = ActionRun(
        branched(tmp_path / "r", before, after),
        tmp_path / "runner",
        {"arguments": '--model=demo-completion\n--set=stop="\\n"\n--max=answer_change=0.2'},
    )
    ran = action.run()
    print(action.summary)
    assert ran.returncode == 3, ran.stdout
    first = action.summary.partition("\n")[0]
    assert first == "### Prompts: **landmark** gives other answers"
