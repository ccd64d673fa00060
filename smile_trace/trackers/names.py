"""What a call is called where people see it: its function and its model."""

import re
from pathlib import PurePosixPath, PureWindowsPath

from smile_trace import semconv
from smile_trace.records import Call, Trace

_FILE = re.compile(
    r"(?:file:/{2,})?(?:[~.]{0,2}/|[A-Za-z]:[\\/]|\\\\)|.*\.(?:gguf|bin|safetensors)$"
)


def call_label(trace: Trace, call: Call) -> str:
    """`answer · gpt-4o-mini`: the function that made a call, and its model where it is known."""
    model = model_label(call.model)
    function = function_label(trace, call)
    return f"{function} · {model}" if model else function


def function_label(trace: Trace, call: Call) -> str:
    """The decorated function of a call; of one without, what its trace is called."""
    spans = {span.span_id: span for span in trace.spans}
    for span in (spans.get(call.span_id), spans.get(trace.root_span_id)):
        name = None if span is None else span.attributes.get(semconv.NAME)
        if isinstance(name, str) and name:
            return name
    return call.name


def model_label(model: str | None) -> str:
    """A model's name; of a file or folder its own name, never its path."""
    if not model or not _FILE.match(model):
        return model or ""
    path = PureWindowsPath(model) if "\\" in model else PurePosixPath(model)
    return path.stem if path.suffix in (".gguf", ".bin", ".safetensors") else path.name or model
