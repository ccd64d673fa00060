"""Parameters of OpenAI's Responses API, of the GenAI conventions and of Anthropic, as chat
completions take them.

Source: OpenAI's guide "Migrate to the Responses API": functions are tagged internally there
(`{"type": "function", "name": …}`), and a format is `text.format`.
"""

from collections.abc import Mapping

from smile_trace.records import JSON

_FUNCTION = ("name", "description", "parameters", "strict")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
"""Anthropic's choices of a tool, in OpenAI's words."""
_RESPONSES_ONLY = ("include", "max_tool_calls", "truncation")
"""Parameters that say how a response is delivered, or what chat completions do not have."""


def chat_parameters(parameters: Mapping[str, JSON]) -> dict[str, JSON]:
    """The parameters with tools, the choice of one and the answer's format in the shape of chat
    completions; what is in it already, and everything else, stays as it is."""
    sent = dict(parameters)
    if isinstance(sent.get("tools"), list):
        sent["tools"] = [_tool(tool) for tool in sent["tools"]]
        if not sent["tools"]:  # refused
            del sent["tools"]
    choice = sent.get("tool_choice")
    if isinstance(choice, dict) and "name" in choice and "function" not in choice:
        sent["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif isinstance(choice, dict) and (kind := str(choice.get("type"))) in _CHOICES:
        sent["tool_choice"] = _CHOICES[kind]
    if "max_output_tokens" in sent:
        sent.setdefault("max_completion_tokens", sent.pop("max_output_tokens"))
    text, reasoning = sent.get("text"), sent.get("reasoning")
    if isinstance(text, dict):
        del sent["text"]
        if isinstance(text.get("format"), dict):
            sent["response_format"] = _format(text["format"])
        if "verbosity" in text:
            sent.setdefault("verbosity", text["verbosity"])
    if isinstance(reasoning, dict):
        del sent["reasoning"]
        if "effort" in reasoning:
            sent.setdefault("reasoning_effort", reasoning["effort"])
    return {name: value for name, value in sent.items() if name not in _RESPONSES_ONLY}


def responses_parameters(parameters: Mapping[str, JSON]) -> dict[str, JSON]:
    """The parameters of a call of the Responses API. The conventions have one name for the limit,
    and instrumentors write tools in either shape."""
    sent = dict(parameters)
    for name in ("max_tokens", "max_completion_tokens"):
        if name in sent:
            sent.setdefault("max_output_tokens", sent.pop(name))
    if isinstance(sent.get("tools"), list):
        sent["tools"] = [_flat(tool) for tool in sent["tools"]]
    return sent


def _flat(tool: JSON) -> JSON:
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        return tool
    # Unlike chat completions, it is strict by default.
    return {"type": "function", "strict": False, **tool["function"]}


def _tool(tool: JSON) -> JSON:
    if not isinstance(tool, dict) or "function" in tool or not isinstance(tool.get("name"), str):
        return tool
    if "input_schema" in tool:  # Anthropic's name
        tool = {**tool, "parameters": tool["input_schema"]}
    known = {name: tool[name] for name in _FUNCTION if tool.get(name) is not None}
    return {"type": "function", "function": known}


def _format(given: Mapping[str, JSON]) -> JSON:
    if given.get("type") != "json_schema":
        return dict(given)
    schema = {name: value for name, value in given.items() if name != "type"}
    return {"type": "json_schema", "json_schema": schema}
