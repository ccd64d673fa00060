"""A call site: one decorated function, what is said about it, and which argument is the prompt."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smile_trace.capture.jsonable import jsonable
from smile_trace.capture.messages import MessageDict, read_messages

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
PROMPT_NAMES = ("prompt", "messages")


@dataclass(frozen=True, slots=True)
class Site:
    """What `trace` knows about one decorated function or `span` about one block."""

    name: str
    model: str | None = None
    provider: str | None = None
    prompt: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    session: str | None = None
    user: str | None = None
    capture_input: bool = True
    capture_output: bool = True
    rerun: str | None = None
    signature: inspect.Signature | None = None

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """The arguments by name, defaults included; None where the call does not fit."""
        if self.signature is None:
            return None
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            return None  # the function itself will say so
        bound.apply_defaults()
        return bound.arguments

    def find_prompt(self, arguments: Mapping[str, Any]) -> tuple[str, list[MessageDict]] | None:
        """Which argument holds what is sent, and its messages; None makes it context.

        The one named by `prompt=`; else `prompt` or `messages`; else the only text among the
        positional parameters without a default, or, where there is none, among all of them.
        """
        names = [self.prompt] if self.prompt is not None else list(PROMPT_NAMES)
        for name in names:
            messages = read_messages(self._argument(arguments, name))
            if messages is not None:
                return name, messages
        if self.prompt is not None or self.signature is None:
            return None
        for required in (True, False):
            texts = [
                parameter.name
                for parameter in _positional(self.signature)
                if isinstance(arguments.get(parameter.name), str)
                and (not required or parameter.default is inspect.Parameter.empty)
            ]
            if len(texts) == 1:
                return texts[0], read_messages(arguments[texts[0]]) or []
            if texts:
                return None
        return None

    def _argument(self, arguments: Mapping[str, Any], name: str) -> Any:
        if name in arguments:
            return arguments[name]
        for parameter in self.signature.parameters.values() if self.signature else ():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                return arguments.get(parameter.name, {}).get(name)
        return None

    def others(self, arguments: Mapping[str, Any], prompt: str | None) -> dict[str, Any]:
        """The arguments besides the prompt and `self`, as JSON."""
        hidden = {prompt, _first_self(self.signature)}
        return {k: jsonable(v) for k, v in arguments.items() if k not in hidden}


def _positional(signature: inspect.Signature) -> list[inspect.Parameter]:
    own = _first_self(signature)
    return [p for p in signature.parameters.values() if p.kind in _POSITIONAL and p.name != own]


def _first_self(signature: inspect.Signature | None) -> str | None:
    """`self` or `cls` where the first parameter is called so."""
    first = next(iter(signature.parameters.values()), None) if signature else None
    return first.name if first and first.name in ("self", "cls") else None


def read_signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """The signature; None where the function has none that can be read (some of C's)."""
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None


def qualified_name(function: Any) -> str:
    """`module:qualified.name` of a function, a partial's function or an object's class."""
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__qualname__"):
        function = type(function)
    return f"{getattr(function, '__module__', None) or ''}:{function.__qualname__}"


def short_name(function: Any) -> str:
    """The last part of a function's name."""
    return qualified_name(function).partition(":")[2].rpartition(".")[2]
