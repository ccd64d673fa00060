"""What a server really got and gave, as rows like those of the recorded calls.

It reads requests by itself: what it is held against reads them with the code of the library.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.recorded_calls import Item, Row, Said

JSON = dict[str, Any]
_NO_PARAMETERS = {"model", "messages", "input", "instructions", "system", "tools"}
_HOW_IT_IS_SENT = {"stream", "stream_options", "store", "include"}
DEFAULTS = {"tool_choice": "auto", "parallel_tool_calls": True, "top_p": 1}
_RENAMED = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens"}
_RENAMED["stop_sequences"] = "stop"


def row(body: JSON, answer: str | list[JSON]) -> Row:
    """The call of a request (chat completions, responses or messages) and its answer."""
    if "input" in body:
        messages, form = _responses(body), "responses"
    else:
        messages, form = [said for m in body["messages"] for said in _message(m)], "chat"
    system = body.get("system")
    if system:
        messages = [("system", *_contents(system)), *messages]
    return Row(
        messages=tuple(messages),
        answer=answer if isinstance(answer, str) else _calls_text(answer),
        form=form,
        model=body["model"],
        tools=tuple(_tool(tool) for tool in body.get("tools") or ()),
        parameters=parameters(body),
        usage=None,
    )


def parameters(written: Mapping[str, Any]) -> JSON:
    """What was asked of the model, under one name in all APIs. What says no more than its default
    is left out."""
    found = {
        _RENAMED.get(name, name): value
        for name, value in written.items()
        if name not in _NO_PARAMETERS | _HOW_IT_IS_SENT and value not in (None, {})
    }
    stop = found.get("stop")
    if isinstance(stop, str):
        found["stop"] = [stop]
    return {k: v for k, v in found.items() if DEFAULTS.get(k) != v}


def _message(message: JSON) -> list[Said]:
    """One message; Anthropic's results of tools stand in messages of the user."""
    thought = message.get("reasoning_content")
    items: list[Item] = [("reasoning", thought)] if thought else []
    items += _contents(message.get("content"))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        items.append(_call(call["id"], function["name"], function["arguments"]))
    role = message["role"]
    if role == "tool":
        items = [("result", message["tool_call_id"], *(i for i in items if isinstance(i, str)))]
    return [(role, *items)]


def _contents(content: Any) -> Iterable[Item]:
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else ():
        match block.get("type"):
            case "tool_use":
                yield _call(block["id"], block["name"], json.dumps(block["input"]))
            case "tool_result":
                texts = [i for i in _contents(block.get("content")) if isinstance(i, str)]
                yield ("result", block["tool_use_id"], *texts)
            case "thinking":
                yield ("reasoning", block["thinking"])
            case "image_url":
                yield ("image", block["image_url"]["url"])
            case "input_image":
                yield ("image", block["image_url"])
            case "input_file":
                yield ("file", block["file_data"])
            case _:
                yield block["text"]


def _responses(body: JSON) -> list[Said]:
    messages: list[Said] = []
    if body.get("instructions"):
        messages.append(("system", body["instructions"]))
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in items:
        match item.get("type"):
            case "function_call":
                called = _call(item["call_id"], item["name"], item["arguments"])
                messages.append(("assistant", called))
            case "function_call_output":
                messages.append(("tool", ("result", item["call_id"], item["output"])))
            case _:
                messages.append((item["role"], *_contents(item["content"])))
    return messages


def _call(identity: str, name: str, arguments: str) -> Item:
    return ("call", identity, name, json.dumps(json.loads(arguments)))


def _calls_text(calls: list[JSON]) -> str:
    calls = [said for said in calls if said.get("type") != "thinking"]
    if "text" in calls[0]:
        return str(calls[0]["text"])
    named = [(c["name"], c.get("arguments", c.get("input"))) for c in calls]
    return json.dumps({"tool_calls": [{"name": n, "arguments": a} for n, a in named]})


def _tool(tool: JSON) -> tuple[str, str, tuple[str, ...]]:
    inner = tool.get("function", tool)
    schema = inner.get("parameters", inner.get("input_schema"))
    return (inner["name"], inner.get("description", ""), tuple(schema["properties"]))
