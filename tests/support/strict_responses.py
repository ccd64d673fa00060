"""What OpenAI's Responses API refuses, beside what its client's own types exclude.

Source: OpenAI's API reference, "Create a model response"; the sentences are those of the service
(seen in its error messages: a call without its output, an output without its call, reasoning
without the item that followed it, an item that came after reasoning without that).
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tests.support.planted import usage_of

CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


class Refused(Exception):
    """The request is invalid; the message says why."""


@cache
def _types(of: str) -> TypeAdapter[Any]:
    """What the client's types say of a body: generated from the API's description."""
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
    from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

    chat = of == "chat"
    return TypeAdapter(
        CompletionCreateParamsNonStreaming if chat else ResponseCreateParamsNonStreaming
    )


def check_types(body: Mapping[str, Any], of: str) -> None:
    """Refuse fields that are unknown, and values of a wrong type.

    Raises:
        Refused: there are some.
    """
    asked = {name: value for name, value in body.items() if not name.startswith("stream")}
    try:
        _consume(_types(of).validate_python(asked, strict=True, extra="forbid"))
    except ValidationError as error:
        first = error.errors()[-1]
        where = ".".join(str(step) for step in first["loc"] if not str(step).startswith("list["))
        raise Refused(f"Invalid '{where[-200:]}': {first['msg']}") from None


def _consume(value: Any) -> None:
    """Iterables are validated as they are read."""
    if isinstance(value, dict):
        for item in value.values():
            _consume(item)
    elif not isinstance(value, str | bytes) and hasattr(value, "__iter__"):
        for item in value:
            _consume(item)


def check_responses(body: Mapping[str, Any], *, held: bool = False) -> None:
    """Refuse an invalid request of the Responses API. `held`: what the model wrote is kept by id.

    Raises:
        Refused: it is one.
    """
    filled = {name: _filled(body[name]) for name in ("input", "tools") if name in body}
    check_types({**body, **filled}, "responses")
    if "input" not in body:
        raise Refused("Missing required parameter: 'input'.")
    if (limit := body.get("max_output_tokens")) is not None and limit < 16:
        raise Refused("Invalid 'max_output_tokens': integer below minimum value. Expected >= 16.")
    _check_choice(body)
    items = body["input"]
    if isinstance(items, list):
        if not items:
            raise Refused("Invalid 'input': empty array.")
        _check_calls(items)
        _check_reasoning(items, held)


_OPTIONAL = {"input_image": {"detail": "auto"}, "function": {"strict": True}}
"""Fields that the types want, and the service does not."""


def _filled(value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return _OPTIONAL.get(str(value.get("type")), {}) | {k: _filled(v) for k, v in value.items()}


def _check_choice(body: Mapping[str, Any]) -> None:
    tools = body.get("tools") or ()
    choice = body.get("tool_choice")
    names = [tool.get("name") for tool in tools]
    if isinstance(choice, dict) and choice.get("type") == "function":
        if choice["name"] not in names:
            raise Refused("Tool choice 'function' not found in 'tools' parameter.")
    elif choice == "required" and not tools:
        raise Refused("Tool choice 'required' must be specified with 'tools' parameter.")


def _check_calls(items: list[dict[str, Any]]) -> None:
    called: dict[str, str] = {}
    answered: set[str] = set()
    for number, item in enumerate(items):
        kind = item.get("type")
        if kind in CALLS:
            if item["call_id"] in called:
                raise Refused(f"Duplicate call_id '{item['call_id']}' in 'input[{number}]'.")
            called[item["call_id"]] = CALLS[kind]
        elif kind in CALLS.values():
            if called.get(item["call_id"]) != kind:
                raise Refused(
                    f"No tool call found for function call output with call_id {item['call_id']}."
                )
            answered.add(item["call_id"])
    if missing := called.keys() - answered:
        raise Refused(f"No tool output found for function call {sorted(missing)[0]}.")


def _check_reasoning(items: list[dict[str, Any]], held: bool) -> None:
    """Reasoning wants the item that the model wrote after it, and that item its reasoning."""
    for number, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        if not item.get("encrypted_content") and not held:
            raise Refused(
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is "
                "set to false. Try again with `store` set to true, or remove this item from your "
                "input."
            )
        after = items[number + 1] if number + 1 < len(items) else {}
        written = after.get("type") in ("reasoning", *CALLS) or after.get("role") == "assistant"
        if not written:
            raise Refused(
                f"Item '{item['id']}' of type 'reasoning' was provided without its required "
                "following item."
            )
    for number, item in enumerate(items):
        # The planted model thinks before every call that has an id of this form.
        if str(item.get("id")).startswith("fc_thought") and not any(
            before.get("type") == "reasoning" for before in _said_before(items, number)
        ):
            raise Refused(
                f"Item '{item['id']}' of type 'function_call' was provided without its required "
                "'reasoning' item."
            )


def _said_before(items: list[dict[str, Any]], number: int) -> Iterator[dict[str, Any]]:
    """What the model wrote directly before an item."""
    for item in reversed(items[:number]):
        if item.get("type") not in ("reasoning", *CALLS) and item.get("role") != "assistant":
            return
        yield item


def response(answer: str | list[dict[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """A response with that answer: a text, `{"refusal": …}` in a list, or the calls of tools."""
    output = list(_output(answer))
    used = usage_of(json.dumps(body["input"]), json.dumps(answer))
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "temperature": body.get("temperature", 1.0),
        "top_p": body.get("top_p", 1.0),
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "text": body.get("text", {"format": {"type": "text"}, "verbosity": "medium"}),
        "reasoning": body.get("reasoning", {"effort": None, "summary": None}),
        "max_output_tokens": body.get("max_output_tokens"),
        "truncation": body.get("truncation", "disabled"),
        "output": output,
        "usage": {
            "input_tokens": used["prompt_tokens"],
            "output_tokens": used["completion_tokens"],
            "total_tokens": used["total_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _output(answer: str | list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(answer, str):
        yield _message({"type": "output_text", "text": answer, "annotations": []})
        return
    for number, said in enumerate(answer):
        if "refusal" in said:
            yield _message({"type": "refusal", "refusal": said["refusal"]})
            continue
        yield {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": said["name"],
            "arguments": json.dumps(said["arguments"]),
            "status": "completed",
        }


def _message(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }


def events(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The response as the events of a stream: texts and arguments in pieces of a few letters,
    those of parallel calls in turn."""
    begun = {**whole, "output": [], "status": "in_progress"}
    yield "response.created", {"response": begun}
    deltas = []
    for index, item in enumerate(whole["output"]):
        there = {"output_index": index, "item_id": item["id"]}
        calls = item["type"] == "function_call"
        empty = {**item, "arguments": ""} if calls else {**item, "content": []}
        yield "response.output_item.added", {"output_index": index, "item": empty}
        content = {} if calls else item["content"][0]
        text = item.get("arguments") or content.get("text") or content.get("refusal") or ""
        kind = "function_call_arguments" if calls else content["type"]
        if not calls:
            there["content_index"] = 0
        pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
        deltas.append([(f"response.{kind}.delta", {**there, "delta": p}) for p in pieces])
    for turn in range(max(map(len, deltas), default=0)):
        yield from (found[turn] for found in deltas if turn < len(found))
    for index, item in enumerate(whole["output"]):
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield "response.completed", {"response": whole}
