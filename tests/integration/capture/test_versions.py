"""What an application has installed: OpenTelemetry, oldest and newest, and no worker's extra."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.paths import ROOT

APPLICATION = """
import asyncio, sys
import opentelemetry.sdk.version
import smile_trace
from smile_trace.testing import captured

@smile_trace.trace(model="m")
def ask(prompt):
    return "answer"

@smile_trace.trace
async def around(question):
    yield ask(question)

async def main():
    return [item async for item in around("q")]

with captured() as found:
    assert asyncio.run(main()) == ["answer"]
    smile_trace.feedback(found.calls[0].trace_id, 1)
    [call] = found.calls
    assert (call.model, call.answer) == ("m", "answer")
    assert len(found.spans) == 3
    provider = __import__("opentelemetry.sdk.trace").sdk.trace.TracerProvider()
    provider.add_span_processor(smile_trace.span_processor())
    provider.get_tracer("x").start_span("y").end()
    assert found.spans[-1].name == "y"
print(opentelemetry.sdk.version.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("packages", "version"),
    [
        (["opentelemetry-api==1.27.0", "opentelemetry-sdk==1.27.0"], "1.27.0"),
        (
            ["opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"],
            "1.",
        ),
    ],
    ids=["lowest", "newest"],
)
def test_opentelemetry(packages: list[str], version: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--upgrade", str(ROOT), *packages], check=True
    )
    done = subprocess.run(
        [python, "-c", APPLICATION],
        cwd=tmp_path,
        env={"SMILE_TRACE_HOME": str(tmp_path), "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip().startswith(version)


def test_what_is_heavy_is_loaded_where_it_is_needed(tmp_path: Path) -> None:
    code = """
import sys, smile_trace
print({"opentelemetry", "pydantic", "pydantic_core", "asyncio"} & sys.modules.keys())
smile_trace.trace(lambda prompt: "an answer")("a prompt")
print({"opentelemetry", "pydantic"} & sys.modules.keys())
smile_trace.instrument
print({"opentelemetry", "pydantic"} & sys.modules.keys())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"SMILE_TRACE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["set()", "set()", "{'opentelemetry'}"]


def test_an_application_imports_it_without_the_workers_extra() -> None:
    heavy = ("numpy", "openai", "sqlalchemy", "pydantic_settings", "httpx")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({heavy!r}))
import smile_trace.testing
"""
    subprocess.run([sys.executable, "-c", code], check=True)
