"""Parameters of a recorded request as Anthropic's Messages API takes them.

Those of OpenAI's APIs are put into its words; what it does not know is left out.
"""

from collections.abc import Iterator, Mapping, Sequence

from smile_trace.models.base import Request
from smile_trace.records import JSON, ToolCall

SAMPLING = ("temperature", "top_p", "top_k")
"""Taken by the version 2023-06-01 of the API alone, and not by every model."""

_SENT = frozenset(
    {*SAMPLING, "max_tokens", "stop_sequences", "tools", "tool_choice", "thinking"}
    | {"output_config", "service_tier", "speed", "inference_geo"}
)
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
"""OpenAI's choices of a tool, in Anthropic's words."""


def parameters(request: Request, *, max_tokens: int) -> dict[str, JSON]:
    """The request's own parameters as they are sent again.

    Args:
        request: what is asked.
        max_tokens: the longest answer where the request sets no limit.
    """
    given = _renamed(request.parameters)
    sent = {name: given[name] for name in _SENT & given.keys() if given[name] is not None}
    tools = [_tool(tool) for tool in sent.pop("tools", None) or ()]
    choice = _choice(sent.pop("tool_choice", None), given.get("parallel_tool_calls"))
    if not tools and (names := list(dict.fromkeys(_called(request)))):
        # A conversation with calls of tools is refused without definitions of tools.
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
        choice = {"type": "none"}
    if tools:
        sent["tools"] = tools
        if choice is not None:
            sent["tool_choice"] = choice
    limit = sent.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        sent["max_tokens"] = request.answer_limit or max_tokens
    return sent


def without_cache(extra: Mapping[str, JSON]) -> dict[str, JSON]:
    """Fields of a block or a tool without the wish to write it into the service's cache, which
    costs more than the prices of tokens say."""
    return {name: value for name, value in extra.items() if name != "cache_control"}


def _renamed(given: Mapping[str, JSON]) -> dict[str, JSON]:
    """With OpenAI's names for the same replaced by Anthropic's."""
    named = dict(given)
    for other in ("max_completion_tokens", "max_output_tokens"):
        if named.get(other) is not None:
            named.setdefault("max_tokens", named[other])
    stop = named.get("stop")
    if stop is not None:
        named.setdefault("stop_sequences", [stop] if isinstance(stop, str) else list(stop))
    if isinstance(named.get("temperature"), int | float):
        named["temperature"] = min(named["temperature"], 1)  # OpenAI's go up to 2
    asked = named.get("response_format")
    if isinstance(asked, dict) and isinstance(asked.get("json_schema"), dict):
        format_ = {"type": "json_schema", "schema": asked["json_schema"].get("schema")}
        named.setdefault("output_config", {"format": format_})
    return named


def _tool(tool: JSON) -> JSON:
    """A definition; OpenAI's are `{"type": "function", "function": {…}}`, or flat."""
    if not isinstance(tool, dict):
        return tool
    if tool.get("type") != "function":
        return without_cache(tool)
    inner = tool.get("function")
    function = inner if isinstance(inner, dict) else tool
    known: dict[str, JSON] = {"name": function.get("name")}
    if function.get("description") is not None:
        known["description"] = function["description"]
    return {**known, "input_schema": function.get("parameters") or {"type": "object"}}


def _choice(choice: JSON, parallel: JSON) -> JSON:
    if isinstance(choice, str):
        choice = {"type": _CHOICES.get(choice, choice)}
    elif isinstance(choice, dict) and choice.get("type") == "function":
        choice = {"type": "tool", "name": choice.get("function", choice).get("name")}
    if parallel is False and (choice is None or choice.get("type") != "none"):
        return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _called(request: Request) -> Iterator[str]:
    for message in request.messages:
        parts: Sequence[object] = message.parts
        yield from (part.name for part in parts if isinstance(part, ToolCall))
