"""`smile-trace compare` and `replay` as a person and a pipeline run them; the examples; scale."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.cli.output import GATE_CLOSED
from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison
from smile_trace.store import Store
from tests.support.paths import ROOT
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in

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
def test_the_gate_has_its_own_exit_code(home: Path, limit: str, code: int) -> None:
    arguments = ["compare", "answer", "--budget", "0", "--fail-if-drop", limit]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == code, ran.output


def test_a_limit_that_cannot_be_checked_is_broken(home: Path) -> None:
    limit = ["--fail-if-answer-change", "0.2"]
    ran = CliRunner().invoke(app, ["compare", "answer", "--budget", "0", *limit])
    assert ran.exit_code == GATE_CLOSED
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
    with pytest.raises(SmileTraceError, match="there is no call"):
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
