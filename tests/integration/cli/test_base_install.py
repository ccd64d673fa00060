"""Commands on a base install: without an extra, one sentence says which to install."""

import json
import os
import subprocess
import sys
from pathlib import Path

COMMANDS = {
    ("status",): "worker",
    ("receive",): "receive",
    ("doctor",): "worker",
    ("worker", "--once"): "worker",
    ("worker", "--dry-run"): "worker",
    ("retry", "--failed"): "worker",
    ("reread", "--since", "7d"): "worker",
    ("deliver", "--to", "mlflow", "--since", "7d"): "worker",
    ("store", "export"): "worker",
    ("store", "copy", "--to", "postgresql://h/d"): "worker",
    ("store", "import", "file"): "worker",
    ("explain", "--prompt", "a b", "--model", "demo"): "worker",
    ("compare", "greet"): "worker",
    ("replay", "f" * 32): "worker",
    ("demo", "--exit"): "demo",
}
COMPLETE = {
    ("health",): "no worker has ever run on ",
    ("ship", "--once"): "set the receiver's address: ",
}
"""Commands that a base install has, with the beginning of what they say here."""

PROGRAM = """
import contextlib, io, json, sys

EXTRA = set(
    "alembic dbos genai_prices httpx icu4py jinja2 mlflow numpy openai ot prometheus_client "
    "pydantic_settings scipy sqlalchemy starlette threadpoolctl uvicorn wordllama "
    "xllamacpp".split()
)


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRA:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
import smile_trace
from smile_trace.cli import main

results = []
try:
    smile_trace.explain
except smile_trace.SmileTraceError as error:
    results.append((error.code, str(error)))
for arguments in json.load(sys.stdin):
    sys.argv = ["smile-trace", *arguments]
    error = io.StringIO()
    try:
        with contextlib.redirect_stderr(error):
            main()
    except SystemExit as ended:
        results.append((ended.code, error.getvalue()))
print(json.dumps(results))
"""


def test_every_command_and_explain_say_which_extra_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([*COMMANDS, *COMPLETE]),
        cwd=tmp_path,
        env=os.environ | {"SMILE_TRACE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (code, error), *results = json.loads(done.stdout)
    assert code == "extra_missing"
    assert error.startswith("smile_trace.explain needs more than is installed (")
    assert error.endswith("pip install 'smile-trace[worker]'")
    missing, complete = results[: len(COMMANDS)], results[len(COMMANDS) :]
    for (command, extra), (code, error) in zip(COMMANDS.items(), missing, strict=True):
        assert code == 1, (command, error)
        assert error.startswith(f"smile-trace: smile-trace {command[0]} ")
        assert " needs more than is installed (" in error
        assert error.endswith(f"pip install 'smile-trace[{extra}]'\n")
        assert error.count("\n") == 1
    for (command, said), (code, error) in zip(COMPLETE.items(), complete, strict=True):
        assert code == 1, (command, error)
        assert error.startswith(f"smile-trace: {said}")
