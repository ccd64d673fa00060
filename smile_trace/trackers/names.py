"""What calls and findings are called where people see them."""

import re
from pathlib import PurePosixPath, PureWindowsPath

from smile_trace.records import Call

DRIVER, VERDICT, FIDELITY, PATH = (
    "smile.driver",
    "smile.verdict",
    "smile.fidelity_r2",
    "smile.path",
)
"""What drove the answer; how sure that is, or why there is no explanation; the held-out R²; where
the path of a trace ends. Few fixed names: each is a column of a list."""

PROBE = "smile."
"""What the name of a probe follows: `smile.order`."""
PROBED = tuple(
    PROBE + name
    for name in (
        *("stability", "paraphrase", "format", "order", "length", "grounding", "pushback", "swap"),
        "hijack",
    )
)
"""The names of all probes that the worker may ask: what forgetting looks for."""

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
