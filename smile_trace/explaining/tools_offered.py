"""What the tools offered have to do with the call of one of them, asked in two requests.

Without its definition no tool is called, so that a study of the definitions says little beside one
of the messages. It is made where the call is another one without the descriptions.
"""

import json
from typing import Any

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed
from smile_trace.records import JSON, Call, Response
from smile_trace.records.formats.answers import Called, read_tool_calls
from smile_trace.records.formats.requests import chosen_tool, name_of


class OfferedTools:
    """The tools of a request whose answer calls some of them.

    Attributes:
        names: of the tools that are called, in their order.
        others: the definitions of the others.
    """

    def __init__(self, call: Call) -> None:
        self._parameters = call.parameters
        self._called = read_tool_calls(call.answer or "") or ()
        self.names = tuple(dict.fromkeys(one.name for one in self._called))
        held = call.parameters.get("tools")
        self._all = [tool for tool in held if isinstance(tool, dict)] if self.names and held else []
        self.others = [tool for tool in self._all if name_of(tool) not in self.names]

    def __bool__(self) -> bool:
        return len(self.others) < len(self._all)

    def undescribed(self) -> dict[str, JSON]:
        """The parameters with every tool, without the texts that describe them."""
        return {**self._parameters, "tools": [_undescribed(tool) for tool in self._all]}

    def without(self) -> dict[str, JSON] | None:
        """The parameters with the other tools; None where there are none, or the request asks for
        a tool by name."""
        if not self.others or chosen_tool(self._parameters) is not None:
            return None
        return {**self._parameters, "tools": self.others}

    def is_kept(self, response: Response) -> bool:
        """Whether it is the logged call."""
        return _sorted(read_tool_calls(response.text or "") or ()) == _sorted(self._called)

    def instead(self, response: Response) -> str:
        """Which tool is called where those that were called are not offered.

        “Of the 3 tools offered none of the others would be called in its place.”
        """
        alone = len(self.names) == 1
        place = "its place" if alone else "their place"
        calls = read_tool_calls(response.text or "")
        if calls and {call.name for call in calls} <= set(self.names):
            them = "it where it is" if alone else "them where they are"
            return f"The model calls {them} not offered, too."
        if calls:
            called = listed([presentable(call.name, longest=60) for call in calls])
            it = "it" if alone else "they"
            return f"Were {it} not offered, {called} would be called in {place}."
        if len(self.others) == 1:
            return f"The other tool offered would not be called in {place}."
        count = len(self._all)
        return f"Of the {count} tools offered none of the others would be called in {place}."


def _undescribed(value: Any) -> Any:
    """A definition without the texts that describe it and its parameters."""
    if isinstance(value, list):
        return [_undescribed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _undescribed(item)
        for name, item in value.items()
        if not (name == "description" and isinstance(item, str))
    }


def _sorted(calls: tuple[Called, ...]) -> list[str]:
    return sorted(json.dumps(call, sort_keys=True) for call in calls)
