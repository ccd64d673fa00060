"""`smile-trace explain` as a process: what it prints, what it refuses, and what it asks first."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

import smile_trace
from smile_trace.capture import runtime as capture_state
from smile_trace.cli import main
from smile_trace.explaining import Estimate, estimate
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.command_line import run_command
from tests.support.planted import serving
from tests.support.priced_models import PROMPT as QUESTION


@pytest.fixture
def server():
    with serving(lambda prompt: "Paris" if "Eiffel" in prompt else "nowhere") as running:
        yield running


@pytest.fixture
def home(tmp_path, server):
    (tmp_path / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
    )
    return tmp_path


def run(home, *arguments, stdin=b""):
    env = {**os.environ, "SMILE_TRACE_HOME": str(home / "state"), "NO_COLOR": "1"}
    return run_command("explain", *arguments, cwd=home, env=env, stdin=stdin)


PROMPT = ("--prompt", "the Eiffel Tower stands here", "--model", "planted", "--budget", "20")


def test_a_prompt_in_the_terminal_and_as_html(home):
    shown = run(home, *PROMPT)
    assert shown.returncode == 0, shown.stderr
    assert b"Eiffel" in shown.stdout
    written = run(home, *PROMPT, "--html", "page.html")
    assert written.returncode == 0, written.stderr
    assert "Eiffel" in (home / "page.html").read_text(encoding="utf-8")
    assert b"page.html" in written.stdout


def test_json_output(home):
    (home / "prompt.txt").write_text("the Eiffel Tower\n")
    arguments = ("--model", "planted", "--json", "--protect", "Tower", "--seed", "5")
    for source, stdin in (("prompt.txt", b""), ("-", b"the Eiffel Tower\n")):
        done = run(home, "--file", source, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""  # no terminal: no progress
        explanation = Explanation.model_validate(json.loads(done.stdout))
        assert explanation.messages[0].content == "the Eiffel Tower"
        assert explanation.settings.seed == 5
        assert [s.text for s in explanation.segments if s.protected] == ["Tower"]


def test_a_role_that_no_message_has_protects_nothing(home):
    done = run(home, *PROMPT, "--protect", "tool", "--json")
    assert done.returncode == 0, done.stderr
    said = b"no message has the role 'tool'; write /\\btool\\b/ to protect the word\n"
    assert done.stderr == said
    assert not any(s.protected for s in Explanation.model_validate_json(done.stdout).segments)


@pytest.mark.slow
def test_a_part_with_a_sanity_check(home):
    prompt = ("--prompt", "the Eiffel Tower stands here", "--model", "planted", "--budget", "13")
    done = run(home, *prompt, "--answer-part", "Paris", "--sanity-check", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer_part"] == [0, 5]
    check = told["metadata"]["sanity_check"]
    assert check["outcome"] == "inconclusive"  # it says Paris whatever it is told
    assert "did not follow" in check["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "exactly one"),
        (("--prompt", "a", "--file", "b"), 2, "exactly one"),
        (("--prompt", "a b"), 2, "--model"),
        (("--prompt", "a b", "--model", "gpt-none"), 1, '[models."gpt-none"]'),
        (
            ("--prompt", "a b", "--model", "gpt-none"),
            1,
            "(there are: planted, demo, demo-completion)",
        ),
        (("--prompt", "a b", "--model", "planted", "--distance", "far"), 2, "no distance 'far'"),
        (("--prompt", "", "--model", "planted"), 1, "empty"),
        (("--file", "none.txt", "--model", "planted"), 1, "cannot be read"),
        (("--file", "binary", "--model", "planted"), 1, "UTF-8"),
        (("f" * 32,), 1, "nothing of smile-trace in"),
        (("--prompt", "Hello!", "--model", "planted"), 1, "a single word"),
        (("--prompt", "a b", "--model", "planted", "--unit", "message"), 1, "unit 'word'"),
        (("--prompt", "a b c d", "--model", "planted", "--budget", "4"), 1, "give at least 13"),
        (
            ("--prompt", "a b", "--model", "planted", "--protect", "c"),
            1,
            "'c' is not in",
        ),
        (
            ("--prompt", "a b", "--model", "planted", "--protect", "/c/"),
            1,
            "'/c/' is not in",
        ),
        (("--prompt", "a b", "--model", "planted", "--html", "no/where.html"), 1, "written"),
    ],
)
def test_errors_are_one_sentence(home, arguments, code, says, monkeypatch, capsys):
    (home / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(home)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(home / "state"))
    monkeypatch.setattr(sys, "argv", ["smile-trace", "explain", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


@pytest.fixture
def captured(home):
    """The id of a captured trace."""
    state = home / "state"
    smile_trace.configure(home=state)
    try:

        @smile_trace.trace(model="planted")
        def ask(prompt: str) -> str:
            return "Paris"

        ask("the Eiffel Tower stands here")
    finally:
        capture_state.runtime().spool.close()
    with Store.open(Settings(home=state)) as store:
        Ingest(store, Settings(home=state)).run()
        [call_id] = store.traces.find_calls("")
    return call_id.partition(":")[0]


WITHOUT = ("numpy", "scipy", "sklearn", "openai", "xllamacpp", "alembic", "mlflow", "jinja2")
LIGHT = f"import sys; sys.modules.update(dict.fromkeys({WITHOUT})); import smile_trace.__main__"


@pytest.mark.slow
def test_a_captured_call_by_its_trace_costs_nothing_the_second_time(home, captured, server):
    done = run(home, captured, "--budget", "20", "--json")
    assert done.returncode == 0, done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert explanation.answer == "Paris"
    assert explanation.ranked[0].text == "Eiffel"
    asked = len(server.bodies)
    assert run(home, captured, "--json").stdout == done.stdout
    page = run(home, captured, "--html", "page.html").stdout.decode()
    assert page.startswith("Stored: ")
    assert "--fresh explains it again, in at most 20 calls" in page
    assert b"the stored explanation is shown" in run(home, captured, "--dry-run").stdout
    env = {**os.environ, "SMILE_TRACE_HOME": str(home / "state"), "NO_COLOR": "1"}
    light = subprocess.run(
        [sys.executable, "-c", LIGHT, "explain", captured],
        cwd=home, env=env, check=False, capture_output=True,
    )  # fmt: skip
    assert light.returncode == 0, light.stderr
    assert b"Eiffel" in light.stdout
    assert len(server.bodies) == asked


@pytest.mark.slow
def test_what_differs_is_said_before_it_is_asked(home, captured, server):
    assert run(home, captured, "--budget", "20").returncode == 0
    asked = len(server.bodies)
    differing = run(home, captured, "--budget", "13", "--dry-run")
    assert b"was made with --budget 20; you ask for --budget 13." in differing.stderr
    assert b"At most: 13 calls" in differing.stdout
    assert len(server.bodies) == asked
    assert run(home, captured, "--budget", "20", "--fresh").returncode == 0
    assert len(server.bodies) == 2 * asked


def test_in_python_the_stored_explanation_is_given(home, captured, server, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(home / "state"))
    first = smile_trace.explain(trace_id=captured, budget=20)
    asked = len(server.bodies)
    assert smile_trace.explain(trace_id=captured) == first
    assert smile_trace.explain(trace_id=captured, budget=20, unit="auto") == first
    assert estimate(trace_id=captured).calls == 0
    with pytest.raises(TypeError):
        smile_trace.explain("Paris?", trace_id=captured)
    assert estimate(trace_id=captured, budget=21).calls == 21
    assert len(server.bodies) == asked
    again = smile_trace.explain(trace_id=captured, budget=20, fresh=True)
    assert len(server.bodies) == 2 * asked
    assert smile_trace.explain(trace_id=captured) == again
    another = smile_trace.explain(trace_id=captured, budget=20, answer="Paris")
    assert another.cost.target_calls == 0, "its answers are kept"
    assert len(server.bodies) == 2 * asked


def explain_prompt(*arguments):
    return run_command("explain", "--prompt", QUESTION, *arguments, cwd=Path.cwd())


def test_a_dry_run_asks_nothing(priced_models):
    _, server = priced_models
    done = explain_prompt("--model", "near", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert Estimate.model_validate_json(done.stdout) == estimate(QUESTION, model="near")
    assert server.bodies == []


def test_without_a_terminal_the_bound_is_printed_and_the_model_asked(priced_models):
    done = explain_prompt("--model", "strange", "--budget", "13", "--json")
    assert done.returncode == 0, done.stderr
    assert "at most 13 calls" in done.stderr.decode()
    assert "cost unknown" in done.stderr.decode()
    assert Explanation.model_validate_json(done.stdout).cost.target_calls <= 13


def _at_a_terminal(arguments, answer):
    """Runs the command in a pseudo-terminal and types `answer` when it asks."""
    process, terminal = pty.fork()
    if process == 0:
        explain = [sys.executable, "-m", "smile_trace", "explain", "--prompt", QUESTION]
        os.execvp(sys.executable, [*explain, *arguments])
    shown, typed, until = b"", False, time.monotonic() + 120
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:  # it has ended
            break
        shown += read
        if b"Continue? [y/N]" in shown and not typed:
            typed = True
            os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


@pytest.mark.parametrize(
    ("answer", "code"), [(b"n\n", 1), pytest.param(b"y\n", 0, marks=pytest.mark.slow)]
)
def test_a_call_that_may_cost_money_is_confirmed_at_the_terminal(priced_models, answer, code):
    _, server = priced_models
    ended, shown = _at_a_terminal(("--model", "strange", "--budget", "13"), answer)
    assert ended == code, shown
    assert bool(server.bodies) == (code == 0)
    assert "Traceback" not in shown
