"""The packaged language models, each served once for the whole test session."""

from collections.abc import Iterator

import pytest

from smile_trace.models.kinds.local import LocalModel
from smile_trace.models.llama_cpp.chat_model import chat_model_path
from smile_trace.settings import LocalSettings


@pytest.fixture(scope="session")
def local_model() -> Iterator[LocalModel]:
    """A running LocalModel; `local_model.start()` gives its OpenAI address."""
    model = LocalModel("demo", LocalSettings(kind="local", max_tokens=8))
    model.start()
    yield model
    model.close()


@pytest.fixture(scope="session")
def chat_model() -> Iterator[LocalModel]:
    """A running SmolLM2 135M Instruct, which answers chats by its own template."""
    settings = LocalSettings(kind="local", path=chat_model_path(), form="chat", slots=1)
    model = LocalModel("smollm2", settings)
    model.start()
    yield model
    model.close()
