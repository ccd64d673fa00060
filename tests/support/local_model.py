"""The packaged language models: their recorded answers, and the real ones for what is slow."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from smile_trace.models.kinds.local import LocalModel, LocalSettings

REPLAYING = str(Path(__file__).parent / "replaying")
"""First on PYTHONPATH, it stands in for llama.cpp in the processes that a test starts."""
SETTINGS = {
    "demo": LocalSettings(kind="local"),
    "demo-completion": LocalSettings(kind="local", packaged="demo-completion", max_tokens=8),
}


@pytest.fixture(autouse=True)
def _recorded_answers(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the models' answers are the recorded ones, as they are unless a test is marked
    `slow` or `real_model`."""
    node = request.node
    recorded = not node.get_closest_marker("slow") and not node.get_closest_marker("real_model")
    with pytest.MonkeyPatch.context() as patched:  # a test may undo what its own one has done
        if recorded:
            patched.setenv("PYTHONPATH", REPLAYING, prepend=os.pathsep)
        yield recorded


@pytest.fixture(scope="session")
def _models() -> Iterator[Callable[[str, bool], LocalModel]]:
    started: dict[tuple[str, bool], LocalModel] = {}
    with ExitStack() as models:

        def model(name: str, recorded: bool) -> LocalModel:
            if (name, recorded) not in started:
                made = LocalModel(name, SETTINGS[name])
                made.start()
                started[name, recorded] = models.enter_context(closing(made))
            return started[name, recorded]

        yield model


@pytest.fixture
def local_model(_recorded_answers: bool, _models: Callable[[str, bool], LocalModel]) -> LocalModel:
    """A running LocalModel of the base model; `local_model.start()` gives its OpenAI address."""
    return _models("demo-completion", _recorded_answers)


@pytest.fixture
def chat_model(_recorded_answers: bool, _models: Callable[[str, bool], LocalModel]) -> LocalModel:
    """A running SmolLM2 135M Instruct, which answers chats by its own template."""
    return _models("demo", _recorded_answers)
