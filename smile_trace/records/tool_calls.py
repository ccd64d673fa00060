"""An answer that is calls of tools, as a text: JSON of the form
`{"tool_calls": [{"name": "get_order", "arguments": {"number": 4711}}]}`.

It is what is stored, compared and shown as the answer. The ids of the calls are not in it: they
are others at every request.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.base import JSON
from smile_trace.records.parts import ToolCall

_KEY = "tool_calls"


class Called(NamedTuple):
    """A tool that is called: its name and arguments (an object, or the text where it is none)."""

    name: str
    arguments: JSON


def tool_calls_text(calls: Iterable[ToolCall]) -> str:
    """The text of these calls, in their order."""
    written = [{"name": call.name, "arguments": _arguments(call)} for call in calls]
    return json.dumps({_KEY: written}, ensure_ascii=False)


def read_tool_calls(answer: str) -> tuple[Called, ...] | None:
    """The calls of a text of exactly that form; None for any other answer."""
    if not answer.startswith(f'{{"{_KEY}": ['):
        return None
    try:
        whole = foreign.decode(answer, lenient=True)
    except ForeignDataError:
        return None
    calls = whole[_KEY] if list(whole) == [_KEY] else []
    return tuple(Called(**call) for call in calls) if calls and all(map(_is_call, calls)) else None


def _is_call(value: JSON) -> bool:
    fields = list(value) if isinstance(value, dict) else []
    return fields == ["name", "arguments"] and isinstance(value["name"], str)


def _arguments(call: ToolCall) -> JSON:
    if not isinstance(call.arguments, str):
        return call.arguments or {}
    try:
        return foreign.decode(call.arguments or "{}", lenient=True)
    except ForeignDataError:
        return call.arguments
