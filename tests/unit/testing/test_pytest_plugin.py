"""pytest knows our fixtures by itself; what `explain` records once is exact, and asks nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.strict_openai import StrictServer, strict

pytestmark = pytest.mark.thorough
pytest_plugins = ["pytester"]

TESTS = """
import sys
from pathlib import Path

import pytest

STARTED = {name.partition(".")[0] for name in sys.modules}

def test_nothing_of_ours_is_loaded_at_the_start():
    assert "smile_trace_pytest" in STARTED
    assert "smile_trace" not in STARTED

@pytest.fixture(scope="module")
def explanation(explain):
    return explain("Tell me where the Eiffel Tower stands, please", model="shop/planted")

@pytest.mark.parametrize("worker", range(2))
def test_the_landmark_drives_the_answer(explanation, worker):
    from smile_trace.testing import assert_driven_by, assert_no_effect

    assert_driven_by(explanation, "Eiffel")
    assert_no_effect(explanation, "please")
    segments = explanation.model_dump_json(include={"segments", "fidelity", "answer"})
    Path(__file__).with_name(f"{worker}.json").write_text(segments)

def test_only_what_is_recorded_is_asked(explain):
    with pytest.raises(TypeError, match="records `model` only: not scorer="):
        explain("A prompt", model="shop/planted", scorer="judge")
"""


def answer(body: dict[str, Any]) -> str:
    return "In Paris." if "Eiffel" in json.dumps(body["messages"]) else "I do not know."


@pytest.fixture
def model() -> Iterator[StrictServer]:
    with strict(answer) as server:
        yield server


@pytest.fixture
def project(pytester: pytest.Pytester, model: StrictServer) -> Path:
    """A folder of tests with settings of its own, one folder below where pytest is started."""
    folder = pytester.mkdir("prompts")
    (folder / "test_shop.py").write_text(TESTS)
    (folder / "smile_trace.toml").write_text(
        f'[models."shop/planted"]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
    )
    return folder


def test_answers_are_recorded_once_and_then_nobody_is_asked(
    pytester: pytest.Pytester, project: Path, model: StrictServer
) -> None:
    missing = pytester.runpytest_subprocess()
    missing.assert_outcomes(passed=2, errors=2)
    how = "run `pytest --smile-record prompts/test_shop.py` once and commit*: 1 answer is not in*"
    missing.stdout.fnmatch_lines([how])
    missing.stdout.no_fnmatch_line("*During handling*")
    assert not model.bodies

    recorded = pytester.runpytest_subprocess("--smile-record", "-n", "2", "--dist", "load")
    recorded.assert_outcomes(passed=4)
    first = [(project / f"{worker}.json").read_text() for worker in range(2)]
    file = project / "test_shop.shop%2Fplanted.jsonl"
    keys = [json.loads(line)["key"] for line in file.read_text().splitlines()]
    assert len(keys) == len(set(keys)) <= len(model.bodies), "two workers record the same once"
    assert not list(project.glob(".*"))

    asked = len(model.bodies)
    pytester.runpytest_subprocess("-n", "2", "--dist", "load").assert_outcomes(passed=4)
    assert [(project / f"{worker}.json").read_text() for worker in range(2)] == first
    assert len(model.bodies) == asked


@pytest.mark.parametrize("options", [(), ("-p", "no:smile_trace.testing"), ("autoload",)])
def test_the_line_of_earlier_releases_registers_nothing_twice(
    options: tuple[str, ...], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if options == ("autoload",):
        options = ()
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["smile_trace.testing"]')
    pytester.makepyfile(
        "def test_it(smile_trace_captured):\n    assert not smile_trace_captured.calls"
    )
    done = pytester.runpytest_subprocess("--smile-record", *options)
    if options:  # who switches the plug-in off has neither fixtures nor option
        assert "unrecognized arguments: --smile-record" in done.stderr.str()
    else:
        done.assert_outcomes(passed=1)
