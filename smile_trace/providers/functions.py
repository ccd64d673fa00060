"""A function as a provider: which of its arguments is the prompt, and its name for finding it
again."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_trace._guards.internal_errors import keep_inside
from smile_trace.providers import MessageDict, read_messages

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMES = ("prompt", "messages")


class Parameters:
    """The parameters of a decorated function; none if its signature cannot be read. `prompt` names
    the prompt's parameter."""

    def __init__(self, function: Callable[..., Any], prompt: str | None = None) -> None:
        self._prompt = prompt
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (ValueError, TypeError):
            self._signature = None
        parameters = [] if self._signature is None else list(self._signature.parameters.values())
        self.names = tuple(parameter.name for parameter in parameters)
        self._known = frozenset(self.names)
        self.own = self.names[0] if self.names and self.names[0] in ("self", "cls") else None
        kinds = {parameter.kind for parameter in parameters}
        self.takes_any = inspect.Parameter.VAR_KEYWORD in kinds
        self._extra = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
        self._simple = kinds <= {
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        }
        positional = [p for p in parameters if p.kind in _BY_POSITION]
        self._positional = tuple(p.name for p in positional)
        self._defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        texts = [p for p in positional if p.name != self.own]
        self._required = tuple(p.name for p in texts if p.default is p.empty)
        self._candidates = tuple(p.name for p in texts)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the arguments by name, defaults included; None if they do not fit the signature;
        empty if the signature cannot be read."""
        if self._signature is None:
            return {}
        if self._simple and len(args) <= len(self._positional):
            given = {**dict(zip(self._positional, args, strict=False)), **kwargs}
            bound = {**self._defaults, **given}
            # None is missing, unknown or given twice.
            if bound.keys() == self._known and len(given) == len(args) + len(kwargs):
                return bound
        try:
            slow = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            keep_inside(error)
            return None
        slow.apply_defaults()
        return slow.arguments

    def find_prompt(self, arguments: Mapping[str, Any]) -> tuple[str, list[MessageDict]] | None:
        """Return the argument that holds the prompt, and its messages; None makes the span context.
        It is the argument named by `prompt=`; else `prompt` or `messages`; else the only text among
        the positional parameters without a default, or, if there is none, among all positional
        ones."""
        for name in _NAMES if self._prompt is None else (self._prompt,):
            messages = read_messages(self._value(arguments, name))
            if messages is not None:
                return name, messages
        if self._prompt is not None:
            return None
        for names in (self._required, self._candidates):
            texts = [name for name in names if isinstance(arguments.get(name), str)]
            if len(texts) == 1:
                return texts[0], read_messages(arguments[texts[0]]) or []
            if texts:
                return None
        return None

    def others(self, arguments: Mapping[str, Any], prompt: str | None) -> dict[str, Any]:
        """Return the arguments besides the prompt and `self`."""
        return {k: v for k, v in arguments.items() if k != prompt and k != self.own}

    def _value(self, arguments: Mapping[str, Any], name: str) -> Any:
        if name in arguments or self._extra is None:
            return arguments.get(name)
        return arguments.get(self._extra, {}).get(name)


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A function that may be called again without its decorator, with its parameters."""

    function: Callable[..., Any]
    parameters: Parameters


def importable_name(function: Any) -> str:
    """Return the qualified name under which another process finds the function: a script's module
    has the name of its file."""
    module, _, name = qualified_name(function).partition(":")
    if module == "__main__":
        main = sys.modules[module]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec is not None else Path(file or module).stem
    return f"{module}:{name}"


def qualified_name(function: Any) -> str:
    """Return `module:qualified.name` of a function, a partial's function or an object's class."""
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(getattr(function, "__qualname__", None), str):
        function = type(function)
    return f"{getattr(function, '__module__', None) or ''}:{function.__qualname__}"


def short_name(function: Any) -> str:
    """Return the last part of a function's name."""
    return qualified_name(function).partition(":")[2].rpartition(".")[2]
