"""A reply of OpenAI's Responses API, read as a choice of a chat completion.

Source: OpenAI's API reference, "The Response object".
"""

from collections.abc import Iterator
from typing import Any

from smile_trace.records import JSON

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def why_no_answer(reply: dict[str, Any]) -> str | None:
    """Why the reply, whose HTTP status is 200, holds no answer: it failed, was cancelled, or is not
    made yet. None where it holds one, cut short or not."""
    status = reply.get("status") or "completed"
    if status in ("completed", "incomplete"):
        return None
    said = (reply.get("error") or {}).get("message")
    return f"the server's response is {status}" + (f": {said}" if said else "")


def as_completion(reply: dict[str, Any]) -> dict[str, JSON]:
    """The reply as a chat completion of one choice: its texts, refusal and calls of tools."""
    texts: list[str] = []
    logprobs: list[JSON] = []
    message: dict[str, JSON] = {"role": "assistant", "content": None}
    for part in _contents(reply["output"]):
        if part.get("type") == "output_text":
            texts.append(part["text"])
            logprobs += part.get("logprobs") or []
        elif part.get("type") == "refusal":
            message["refusal"] = part["refusal"]
    if texts:
        message["content"] = "\n".join(texts)
    if calls := [_call(item) for item in reply["output"] if item.get("type") in _CALLS]:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": _finish_reason(reply),
        "logprobs": {"content": logprobs} if logprobs else None,
    }
    used = reply.get("usage") or {}
    names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    return {"choices": [choice], "usage": {name: used.get(theirs) for name, theirs in names}}


def _contents(output: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in output:
        if item.get("type") == "message":
            yield from item["content"]


def _call(item: dict[str, Any]) -> JSON:
    return {"function": {"name": item["name"], "arguments": item[_CALLS[item["type"]]]}}


def _finish_reason(reply: dict[str, Any]) -> str:
    """In the words of chat completions."""
    why = (reply.get("incomplete_details") or {}).get("reason")
    return {None: "stop", "max_output_tokens": "length"}.get(why, str(why))
