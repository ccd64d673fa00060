"""Each example runs as a user would run it, and its calls are captured as they were sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.dialects import read_calls
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Call
from smile_trace.records.formats.otlp import spans_from_line
from tests.support.mlflow_server import MLflowServer
from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples"
QUESTION = "Our shop opens at nine. When does the shop open?"


def run_example(name: str, home: Path, model: LocalModel, **variables: str) -> list[Call]:
    """Run an example against the local model; gives the calls that it left in the spool."""
    environment = {
        **os.environ,
        "SMILE_TRACE_HOME": str(home),
        "OPENAI_BASE_URL": model.start(),
        "OPENAI_API_KEY": "unused",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for file in (home / "spool").glob("*.jsonl") for line in file.open("rb")]
    return list(read_calls([span for line in lines for span in spans_from_line(line)]))


@pytest.mark.model
def test_plain_function(tmp_path: Path, chat_model: LocalModel) -> None:
    (call,) = run_example("plain_function.py", tmp_path, chat_model)
    assert [m.content for m in call.messages] == [QUESTION]
    assert call.answer is not None
    assert "nine" in call.answer
    assert call.form == "chat"
    assert call.usage is not None
    assert call.usage.output_tokens == 8
    assert call.parameters == {"max_tokens": 8, "temperature": 0}


@pytest.mark.slow
@pytest.mark.model
def test_async_chat(tmp_path: Path, chat_model: LocalModel) -> None:
    calls = run_example("async_chat.py", tmp_path, chat_model)
    assert sorted(call.messages[1].content for call in calls) == [
        "Question: When does the shop close?",
        "Question: When does the shop open?",
    ]
    for call in calls:
        assert call.form == "chat"
        assert [m.role for m in call.messages] == ["system", "user"]
        assert call.answer
        (use,) = call.prompts
        assert (use.name, use.version, use.message) == ("opening-hours", "1", 1)
        assert use.variables["question"] in call.messages[1].content


@pytest.mark.slow
@pytest.mark.model
def test_streaming(tmp_path: Path, chat_model: LocalModel) -> None:
    (call,) = run_example("streaming.py", tmp_path, chat_model)
    assert call.answer is not None
    assert "nine" in call.answer
    assert call.parameters["max_tokens"] == 8
    assert call.status == "returned"


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.mlflow
def test_mlflow_prompt(tmp_path: Path, chat_model: LocalModel, mlflow_server: MLflowServer) -> None:
    (call,) = run_example(
        "mlflow_prompt.py", tmp_path, chat_model, MLFLOW_TRACKING_URI=mlflow_server.uri
    )
    assert call.messages[0].content == QUESTION
    (use,) = call.prompts
    assert use.name == "hours"
    assert use.template == "Our shop opens at {hour}. When does the shop open?"
    assert use.variables == {"hour": "nine"}
