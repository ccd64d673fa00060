"""The packaged language model, served once for the whole test session."""

from collections.abc import Iterator

import pytest

from smile_trace.models.kinds.local import LocalModel
from smile_trace.settings import LocalSettings


@pytest.fixture(scope="session")
def local_model() -> Iterator[LocalModel]:
    """A running LocalModel; `local_model.start()` gives its OpenAI address."""
    model = LocalModel("demo", LocalSettings(kind="local", max_tokens=8))
    model.start()
    yield model
    model.close()
