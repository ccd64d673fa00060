"""The packaged language models, each served once for the whole test session."""

from collections.abc import Iterator

import pytest

from smile_trace.models.kinds.local import LocalModel
from smile_trace.settings import LocalSettings


@pytest.fixture(scope="session")
def local_model() -> Iterator[LocalModel]:
    """A running LocalModel of the base model; `local_model.start()` gives its OpenAI address."""
    model = LocalModel(
        "demo-completion", LocalSettings(kind="local", packaged="demo-completion", max_tokens=8)
    )
    model.start()
    yield model
    model.close()


@pytest.fixture(scope="session")
def chat_model() -> Iterator[LocalModel]:
    """A running SmolLM2 135M Instruct, which answers chats by its own template."""
    model = LocalModel("demo", LocalSettings(kind="local"))
    model.start()
    yield model
    model.close()
