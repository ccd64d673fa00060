"""What a call is called where people see it: its function and its model."""

import re
from pathlib import PurePosixPath, PureWindowsPath

from smile_trace.records import Call

_FILE = re.compile(
    r"(?:file:/{2,})?(?:[~.]{0,2}/|[A-Za-z]:[\\/]|\\\\)|.*\.(?:gguf|bin|safetensors)$"
)


def call_label(call: Call) -> str:
    """`answer · gpt-4o-mini`: the function that made a call, and its model where it is known."""
    model = model_label(call.model)
    return f"{call.name} · {model}" if model else call.name


def model_label(model: str | None) -> str:
    """A model's name; of a file or folder its own name, never its path."""
    if not model or not _FILE.match(model):
        return model or ""
    path = PureWindowsPath(model) if "\\" in model else PurePosixPath(model)
    return path.stem if path.suffix in (".gguf", ".bin", ".safetensors") else path.name or model
