"""The definitions of tools as a message of their own, so that each is a part that can be removed.

It is the last message of a prompt that is explained by the unit `tool`, and of its explanation. It
is never sent: the definitions that are left in it become the request's `tools` again.
"""

import json
from collections.abc import Sequence

from smile_trace.records.base import JSON
from smile_trace.records.call import Prompted
from smile_trace.records.message import Message
from smile_trace.records.parts import TextPart

OFFERED = "tools offered"
"""The role of that message."""

_WITH_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
"""Parameters that are refused where no tool is offered."""


def with_offered_tools(prompted: Prompted) -> Prompted:
    """The prompt with the message of its tools, where it offers some."""
    tools = prompted.parameters.get("tools")
    if not isinstance(tools, list) or not tools or not all(isinstance(t, dict) for t in tools):
        return prompted
    parts = tuple(TextPart(content=json.dumps(tool, ensure_ascii=False)) for tool in tools)
    offered = Message(role=OFFERED, parts=parts)
    return prompted.model_copy(update={"messages": (*prompted.messages, offered)})


def is_offered(messages: Sequence[Message]) -> bool:
    """Whether the message of the tools is among these."""
    return any(message.role == OFFERED for message in messages)


def asked_with(
    messages: Sequence[Message], parameters: dict[str, JSON]
) -> tuple[tuple[Message, ...], dict[str, JSON]]:
    """What is sent for a perturbation of a prompt with that message: the messages without it, and
    the parameters with the tools that are left."""
    sent = tuple(message for message in messages if message.role != OFFERED)
    texts = [
        message.content[slot.start : slot.end]
        for message in messages
        if message.role == OFFERED
        for slot in message.slots
    ]
    if not texts:
        left = {name: value for name, value in parameters.items() if name not in _WITH_TOOLS}
        return sent, left
    return sent, {**parameters, "tools": [json.loads(text) for text in texts]}


def tool_name(definition: str) -> str | None:
    """The name of a tool, from the JSON text of its definition."""
    try:
        return name_of(json.loads(definition))
    except ValueError:
        return None


def name_of(tool: JSON) -> str | None:
    """The name of a tool, from its definition, or from the choice of it."""
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def chosen_tool(parameters: dict[str, JSON]) -> str | None:
    """The tool that the request asks for by name, which has to be offered."""
    return name_of(parameters.get("tool_choice"))
