"""`smile-trace explain` bounds its cost, and asks for a yes where it may cost money."""

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest

from smile_trace.explaining import Estimate, estimate
from smile_trace.records import Explanation
from tests.support.command_line import run_command
from tests.support.priced_models import PROMPT


def run(*arguments):
    return run_command("explain", "--prompt", PROMPT, *arguments, cwd=Path.cwd())


def test_a_dry_run_asks_nothing(priced_models):
    _, server = priced_models
    done = run("--model", "near", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert Estimate.model_validate_json(done.stdout) == estimate(PROMPT, model="near")
    assert server.bodies == []


def test_a_part_missing_from_the_answer_is_reported_before_anything_is_asked(priced_models):
    _, server = priced_models
    for more in (["--dry-run"], []):
        done = run("--model", "near", "--answer", "Paris", "--part", "Rome", *more)
        assert done.returncode == 1
        assert "does not hold the part “Rome”" in done.stderr.decode()
    assert server.bodies == []


def test_without_a_terminal_the_bound_is_printed_and_the_model_asked(priced_models):
    done = run("--model", "strange", "--budget", "13", "--json")
    assert done.returncode == 0, done.stderr
    assert "at most 13 calls" in done.stderr.decode()
    assert "cost not known" in done.stderr.decode()
    assert Explanation.model_validate_json(done.stdout).cost.target_calls <= 13


def _at_a_terminal(arguments, answer):
    """Runs the command in a pseudo-terminal and types `answer` when it asks."""
    process, terminal = pty.fork()
    if process == 0:
        explain = [sys.executable, "-m", "smile_trace", "explain", "--prompt", PROMPT]
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
        if b"Ask? [y/N]" in shown and not typed:
            typed = True
            os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_call_that_may_cost_money_is_confirmed_at_the_terminal(priced_models, answer, code):
    _, server = priced_models
    ended, shown = _at_a_terminal(("--model", "strange", "--budget", "13"), answer)
    assert ended == code, shown
    assert bool(server.bodies) == (code == 0)
    assert "Traceback" not in shown
