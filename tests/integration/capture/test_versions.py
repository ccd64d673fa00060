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


def test_an_application_imports_it_without_the_workers_extra() -> None:
    heavy = ("numpy", "openai", "sqlalchemy", "pydantic_settings", "httpx")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({heavy!r}))
import smile_trace.testing
"""
    subprocess.run([sys.executable, "-c", code], check=True)
