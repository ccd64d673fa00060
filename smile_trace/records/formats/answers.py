"""Answers that are not plain text, as texts that can be stored, compared and shown.

Calls of tools are JSON of the form `{"tool_calls": [{"name": "get_order", "arguments": {"number":
4711}}]}`, without their ids, which differ at every request. A refusal is `{"refusal": "I cannot do
that."}` if the server says that the model refused (OpenAI's `refusal`) or held the answer back (a
content filter: the text is empty). A text that merely reads like a refusal is an answer.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.base import JSON
from smile_trace.records.message import ToolCall

_CALLS_KEY = "tool_calls"


class Called(NamedTuple):
    """A called tool: its name and arguments (an object, or the text if it is not one)."""

    name: str
    arguments: JSON

    def __str__(self) -> str:
        given = self.arguments
        if isinstance(given, dict):
            given = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{self.name}({given})"


def tool_calls_text(calls: Iterable[ToolCall]) -> str:
    """Return the text of these calls, in their order."""
    written = [{"name": call.name, "arguments": _arguments(call)} for call in calls]
    return json.dumps({_CALLS_KEY: written}, ensure_ascii=False)


def read_tool_calls(answer: str) -> tuple[Called, ...] | None:
    """Return the calls of a text of exactly that form; None for any other answer."""
    calls = _only(_CALLS_KEY, answer, "[")
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


_REFUSAL_KEY = "refusal"


def refusal_text(said: str) -> str:
    """Return the text of a refusal in these words."""
    return json.dumps({_REFUSAL_KEY: said}, ensure_ascii=False)


def read_refusal(answer: str) -> str | None:
    """Return the words of a refusal of exactly that form; None for any other answer."""
    said = _only(_REFUSAL_KEY, answer, '"')
    return said if isinstance(said, str) else None


def _only(key: str, answer: str, opening: str) -> JSON:
    """Return the value of an object with only this key, if it opens so, else None. Every response
    is asked: what opens otherwise is not decoded."""
    if not answer.startswith(f'{{"{key}": {opening}'):
        return None
    try:
        whole = foreign.decode(answer, lenient=True)
    except ForeignDataError:
        return None
    return whole[key] if list(whole) == [key] else None
