"""An application that `mlflow.genai.evaluate` asks, its planted model, and ten rows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import openai
import pytest

from tests.support.mlflow_server import MLflowServer
from tests.support.strict_openai import StrictServer, strict

PLACES = {"Eiffel": "In Paris.", "Colosseum": "In Rome.", "Kremlin": "In Moscow."}
BUDGET = 24


def answer(body: dict[str, Any]) -> str:
    """By the building that is named, and by nothing else."""
    told = json.dumps(body["messages"])
    return next((place for name, place in PLACES.items() if name in told), "I cannot know that.")


@pytest.fixture
def model() -> Iterator[StrictServer]:
    with strict(answer) as server:
        yield server


@pytest.fixture
def application(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_server: MLflowServer,
    model: StrictServer,
) -> Iterator[Callable[[str], str]]:
    """Logged automatically into a new experiment; the settings name its model."""
    (tmp_path / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    # MLflow would ask the application once more, to see whether it can be asked.
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION", "true")
    mlflow.set_experiment(mlflow_server.new_experiment())
    mlflow.openai.autolog()
    client = openai.OpenAI(base_url=model.base_url, api_key="none")

    def ask(question: str) -> str:
        reply = client.chat.completions.create(
            model="planted", temperature=0, messages=[{"role": "user", "content": question}]
        )
        return str(reply.choices[0].message.content)

    yield ask
    mlflow.openai.autolog(disable=True)


def rows() -> list[dict[str, Any]]:
    """Ten, of which the last one expects another driver."""
    found = []
    for number in range(10):
        name = list(PLACES)[number % 3]
        driver = "umbrella" if number == 9 else name
        found.append(
            {
                "inputs": {"question": f"I see the {name} and an umbrella {number}. Where am I?"},
                "expectations": {"driver": driver},
            }
        )
    return found
