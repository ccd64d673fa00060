"""A call site: one decorated function or one block, and what is said about it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smile_trace.capture.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Site:
    """What `trace` knows about one decorated function, or `span` about one block."""

    name: str
    parameters: Parameters | None = None
    model: str | None = None
    provider: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    session: str | None = None
    user: str | None = None
    capture_input: bool = True
    capture_output: bool = True
    rerun: str | None = None


def qualified_name(function: Any) -> str:
    """`module:qualified.name` of a function, a partial's function or an object's class."""
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(getattr(function, "__qualname__", None), str):
        function = type(function)
    return f"{getattr(function, '__module__', None) or ''}:{function.__qualname__}"


def short_name(function: Any) -> str:
    """The last part of a function's name."""
    return qualified_name(function).partition(":")[2].rpartition(".")[2]
