"""`smile-trace compare`, `replay`, `look` as people and pipelines run them; examples; scale."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.cli.output import GATE_CLOSED
from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison
from smile_trace.store import Store
from tests.support.command_line import run_command, start_command
from tests.support.desk import ANSWER, PROMPT, with_call
from tests.support.paths import ROOT
from tests.support.planted import PlantedServer, serving
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in
from tests.support.spooled import trace_id
from tests.support.worker_settings import wait_for

EXAMPLE = ROOT / "examples" / "tested_prompt"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Store.open(settings_in(tmp_path)) as store:
        plant(store, "answer", "1", BEFORE, QUESTIONS, effects=EFFECTS)
        weaker = {**EFFECTS, "Use the customer's language.": 0.0}
        plant(store, "answer", "2", AFTER, QUESTIONS, effects=weaker)
    return tmp_path


def test_the_page_and_the_json(home: Path) -> None:
    ran = CliRunner().invoke(app, ["compare", "answer", "--html", "page.html", "--budget", "0"])
    assert ran.exit_code == 0, ran.output
    assert "smile-comparison" in (home / "page.html").read_text()
    ran = CliRunner().invoke(app, ["compare", "answer", "--json", "--budget", "0"])
    assert [v.label for v in Comparison.model_validate_json(ran.stdout).versions] == ["1", "2"]


@pytest.mark.parametrize(
    ("limit", "code"),
    [("Use the customer's language.=0.1", GATE_CLOSED), ("{question}=0.1", 0), ("nonsense", 2)],
)
def test_a_drop_between_logged_versions(home: Path, limit: str, code: int) -> None:
    arguments = ["check", "answer", "--versions", "1,2", "--budget", "0", "--max", f"drop:{limit}"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == code, ran.output


def test_a_limit_that_cannot_be_checked_is_broken(home: Path) -> None:
    for old in (["--fail-if-drop", "nonsense"], ["--fail-if-answer-change", "0.2"]):
        ran = CliRunner().invoke(app, ["compare", "answer", "--budget", "0", *old])
        assert ran.exit_code == (2 if old[1] == "nonsense" else GATE_CLOSED)
    assert "not compared" in ran.stderr


def test_the_most_that_it_may_cost_is_said_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And confirmed, as before every command that asks a model."""
    monkeypatch.setenv(
        "SMILE_TRACE_MODELS",
        '{"planted": {"kind": "endpoint", "base_url": "http://127.1.invalid/v1", "retries": 0}}',
    )
    arguments = ["compare", "answer", "--budget", "4"]
    ran = CliRunner().invoke(app, arguments)
    assert "planted, http://127.1.invalid/v1: at most 4 calls" in ran.stderr
    ran = CliRunner().invoke(app, [*arguments, "--yes"])
    assert ran.exit_code == 0, ran.output
    assert "at most" not in ran.stderr


def test_errors_are_one_sentence(home: Path) -> None:
    with pytest.raises(SmileTraceError, match="there are: answer"):
        CliRunner().invoke(app, ["compare", "nobody"], catch_exceptions=False)
    with pytest.raises(SmileTraceError, match="there is no trace 'abc'"):
        CliRunner().invoke(app, ["replay", "abc"], catch_exceptions=False)
    for wrong in ("temperature", "n=NaN", f"n={'9' * 5000}", f"n={'[' * 90_000}{']' * 90_000}"):
        assert CliRunner().invoke(app, ["replay", "abc", "--set", wrong]).exit_code == 2
    assert CliRunner().invoke(app, ["compare", "answer", "--ref", "HEAD"]).exit_code == 2


@pytest.mark.slow
def test_the_example_of_a_tested_prompt(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE],
        capture_output=True,
        text=True,
        env={"SMILE_TRACE_HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout
    assert "5 passed" in ran.stdout
    for file in ("answers.jsonl", "app_answers.jsonl"):
        recorded = (EXAMPLE / file).read_text().splitlines()
        assert recorded
        assert all(json.loads(line)["answer"] is not None for line in recorded)


NOTEBOOK = ROOT / "examples" / "notebooks" / "compare_prompts.ipynb"


@pytest.mark.slow
@pytest.mark.model
def test_the_notebook_runs(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    program = tmp_path / "notebook.py"
    program.write_text("\n\n".join(code), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=1800
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    print(ran.stdout[-4000:])
    assert "changed the answers: one short sentence. → French." in ran.stdout


CALLS = 20_000
"""A fifth of those in docs/comparison.md: more take time, but no memory."""

_COMPARE = """
import json, re, sys, time
from pathlib import Path
from smile_trace.settings import Settings
from smile_trace.comparison import compare
start = time.perf_counter()
found = compare("answer", budget=0, settings=Settings(home=Path(sys.argv[1])))
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "gigabytes": int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    / 2**20,
    "explained": [version.explained for version in found.versions],
    "sampled_of": [version.sampled_of for version in found.versions],
}))
"""


@pytest.mark.slow
def test_twenty_thousand_explained_calls(tmp_path: Path) -> None:
    with Store.open(settings_in(tmp_path)) as store:
        for version, template in (("1", BEFORE), ("2", AFTER)):
            questions = [{"question": f"{version} {k} " + "long " * 100} for k in range(CALLS // 2)]
            plant(store, "answer", version, template, questions, effects=EFFECTS)
    ran = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    found = json.loads(ran.stdout)
    print(found)  # the seconds depend on what else runs here
    assert found["sampled_of"] == [CALLS // 2] * 2
    assert found["explained"] == [5000, 5000]
    assert found["gigabytes"] < 1


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    """The model of a captured call."""
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with_call(PROMPT, ANSWER)
    with serving(lambda prompt: ANSWER if "29" in prompt else ANSWER.replace("29", "79")) as server:
        table = f'[models.planted]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
        (tmp_path / "smile_trace.toml").write_text(table)
        yield server


def test_a_changed_request_is_replayed_beside_the_unchanged(
    desk: PlantedServer, tmp_path: Path
) -> None:
    arguments = ["--without", "In 2025 it costs 29 euros.", "--set", "temperature=0.5", "-n5"]
    ran = run_command("replay", trace_id(1), *arguments, cwd=tmp_path)
    said = " ".join(ran.stdout.decode().split())
    assert "5 of 5 answers differ from the logged one, without the change 0 of 5" in said
    assert "luck alone: probability 0.0079" in said
    assert "changed: without 'In 2025 it costs 29 euros.', temperature = 0.5" in said
    asked = [(body["messages"][0]["content"], body.get("temperature")) for body in desk.bodies]
    changed = PROMPT.replace("In 2025 it costs 29 euros. ", "")
    assert sorted(asked, key=str) == sorted([(PROMPT, None), (changed, 0.5)] * 5, key=str)
    run_command("replay", trace_id(1), *arguments, cwd=tmp_path)
    assert len(desk.bodies) == 10, "what is stored is not paid for again"
    ran = run_command("replay", trace_id(1), "--replace", "2026=2027", cwd=tmp_path)
    assert b"no part of the request is called '2026'" in ran.stderr
    assert run_command("replay", trace_id(1), "--replace", "2025", cwd=tmp_path).returncode == 2


def test_the_page_of_a_call(desk: PlantedServer, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = ["look", trace_id(1), "--cap", "3"]
    running = start_command(*arguments, cwd=tmp_path, env=os.environ, log=log)
    try:
        wait_for(lambda: log.exists() and "http://" in log.read_text())
        page = httpx.get(log.read_text().split()[-1]).text
    finally:
        running.terminate()
        running.join()
    assert ">3</b> of 3 calls left" in page
    assert "In 2025 it costs 29 euros." in page
    assert not desk.bodies
