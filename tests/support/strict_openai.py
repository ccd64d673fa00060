"""A planted server of chat completions and responses that refuses what OpenAI's refuses.

Each refusal is a 400: what the client's own types exclude (unknown roles and fields, values of a
wrong type), and what OpenAI's error messages say of the rest ("Create chat completion"): a call of
a tool that is not answered directly after it, a result without a call, ids that repeat, a choice of
a tool that is not offered, empty lists.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tests.support.planted import PlantedHandler, PlantedServer, running, usage_of
from tests.support.strict_responses import (
    Refused,
    check_responses,
    check_types,
    events,
    response,
)

Answering = Callable[[dict[str, Any]], str | dict[str, Any] | list[dict[str, Any]]]
"""The whole body to an answer: a text, the calls of tools (name and arguments), a refusal
(`[{"refusal": "…"}]`), or the message itself."""


class StrictServer(PlantedServer):
    """`bodies` has every request, `refused` the sentences of those that were refused."""

    def __init__(self, answer: Answering) -> None:
        super().__init__(lambda prompt: prompt, handler=_Handler)
        self.answer = answer
        self.refused: list[str] = []
        self.paths = {"/v1/chat/completions", "/v1/responses"}
        self.holds = False
        """Whether it keeps by id what it wrote in responses."""
        self.open_model = False
        """Whether it takes reasoning back, and demands it beside calls of tools, as DeepSeek's."""


def strict(answer: Answering) -> AbstractContextManager[StrictServer]:
    """A running server on a free port."""
    return running(StrictServer(answer))


class _Handler(PlantedHandler):
    server: StrictServer

    def do_POST(self) -> None:
        body = self.receive()
        try:
            if self.path not in self.server.paths:
                raise Refused(f"unknown request URL: POST {self.path}")
            responses = self.path.endswith("/responses")
            plain = _without_reasoning(body) if self.server.open_model and not responses else body
            check_responses(body, held=self.server.holds) if responses else check(plain)
        except Refused as error:
            with self.server.lock:
                self.server.refused.append(str(error))
            status = 400 if self.path in self.server.paths else 404
            detail = {"message": str(error), "type": "invalid_request_error"}
            self.send(status, {}, {"error": detail})
            return
        make: Callable[..., dict[str, Any]] = response if responses else reply
        whole = make(self.server.answer(body), body)
        if not body.get("stream"):
            self.send(200, {}, whole)
        else:
            told = _named(events(whole)) if responses else _unnamed(chunks(whole))
            self.send(200, {"content-type": "text/event-stream"}, told)


def _without_reasoning(body: dict[str, Any]) -> dict[str, Any]:
    for message in body["messages"]:
        if "tool_calls" in message and "reasoning_content" not in message:
            raise Refused(
                "The `reasoning_content` in the thinking mode must be passed back to the API."
            )
    messages = [{k: v for k, v in m.items() if k != "reasoning_content"} for m in body["messages"]]
    return {**body, "messages": messages}


def _named(told: Iterable[tuple[str, dict[str, Any]]]) -> bytes:
    """The events of a stream of responses."""
    lines = [
        f"event: {name}\ndata: {json.dumps({'type': name, 'sequence_number': number, **data})}\n\n"
        for number, (name, data) in enumerate(told)
    ]
    return "".join(lines).encode()


def _unnamed(told: Iterable[dict[str, Any]]) -> bytes:
    """The events of a stream of chat completions."""
    return "".join([*(f"data: {json.dumps(c)}\n\n" for c in told), "data: [DONE]\n\n"]).encode()


def reply(
    answer: str | dict[str, Any] | list[dict[str, Any]], body: Mapping[str, Any]
) -> dict[str, Any]:
    """A chat completion with that answer."""
    message: dict[str, Any] = {"role": "assistant", "content": answer, "refusal": None}
    reason = "stop"
    if isinstance(answer, dict):
        message |= {"content": None, **answer}
        reason = "tool_calls" if "tool_calls" in answer else "stop"
    elif isinstance(answer, list) and "refusal" in answer[0]:
        message |= {"content": None, **answer[0]}
    elif isinstance(answer, list):
        reason = "tool_calls"
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])},
            }
            for number, c in enumerate(answer)
        ]
        message |= {"content": None, "tool_calls": calls}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": usage_of(json.dumps(body["messages"]), json.dumps(answer)),
    }


def chunks(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A chat completion as the chunks of a stream: texts and arguments in pieces of a few letters,
    those of parallel calls in turn."""
    [choice] = whole["choices"]
    message, calls = choice["message"], choice["message"].get("tool_calls") or []
    head = {"id": whole["id"], "object": "chat.completion.chunk", "model": whole["model"]}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if not calls else None}]
    for name in ("content", "refusal"):
        deltas += [{name: piece} for piece in _pieces(message.get(name) or "")]
    arguments = [list(_pieces(call["function"]["arguments"])) for call in calls]
    for index, call in enumerate(calls):
        empty = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        deltas.append({"tool_calls": [empty]})
    for turn in range(max(map(len, arguments), default=0)):
        for index, found in enumerate(arguments):
            if turn < len(found):
                piece = {"index": index, "function": {"arguments": found[turn]}}
                deltas.append({"tool_calls": [piece]})
    for delta in deltas:
        yield {**head, "created": 1, "choices": [{"index": 0, "delta": delta}]}
    end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    yield {**head, "created": 1, "choices": [end]}


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + 4] for start in range(0, len(text), 4))


def check(body: Mapping[str, Any]) -> None:
    """Refuse an invalid request.

    Raises:
        Refused: it is one.
    """
    for name, value in body.items():
        wanted = {"stream": bool, "stream_options": dict}.get(name, object)
        if value is None or not isinstance(value, wanted):
            raise Refused(f"Invalid type for '{name}': got {type(value).__name__}")
    check_types({**body, "messages": [*map(_unnamed_result, body["messages"])]}, "chat")
    _check_tools(body)
    _check_messages(body["messages"])


def _unnamed_result(message: Any) -> Any:
    """Without the tool's name, which LangChain.js sends beside a result; OpenAI's own takes it."""
    if not isinstance(message, dict) or message.get("role") != "tool":
        return message
    return {name: value for name, value in message.items() if name != "name"}


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if tools is not None and not tools:
        raise Refused("Invalid 'tools': empty array. Expected an array with minimum length 1.")
    names = [tool["function"]["name"] for tool in tools or ()]
    if len(set(names)) < len(names):
        raise Refused("Tool names must be unique.")
    for name in {"tool_choice", "parallel_tool_calls"} & body.keys():
        if tools is None:
            raise Refused(f"'{name}' is only allowed when 'tools' are specified.")
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("function", {}).get("name") not in names:
        raise Refused("Tool choice not found in 'tools' parameter.")


def _check_messages(messages: list[Any]) -> None:
    if not messages:
        raise Refused("Invalid 'messages': empty array.")
    open_calls: list[str] = []
    seen: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused(
                    "messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'."
                )
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            raise Refused(
                "An assistant message with 'tool_calls' must be followed by tool messages "
                f"responding to each 'tool_call_id': {open_calls}"
            )
        unsaid = not message.keys() & {"tool_calls", "function_call", "refusal"}
        empty = any(message.get(name) in ([], {}) for name in ("content", "tool_calls"))
        if empty or (unsaid and message.get("content") is None):
            raise Refused(f"Invalid value for 'messages[{number}]': nothing is said.")
        for call in message.get("tool_calls", ()):
            if call["id"] in seen:
                raise Refused(f"Duplicate tool call id: {call['id']}")
            seen.add(call["id"])
            open_calls.append(call["id"])
    if open_calls:
        raise Refused(f"tool_call_ids did not have response messages: {open_calls}")
