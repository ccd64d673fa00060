"""Requests of agents that somebody made up to do harm, and hostile ways to break a conversation.

Each is the body of a chat completion with its answer; what a service would refuse of it is refused
by tests/support/strict_openai.py, too.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smile_trace.records import JSON
from smile_trace_contracts.samples import HOSTILE
from tests.support import order_agent

Message = dict[str, Any]
Answer = str | list[dict[str, Any]]

ARRIVES = "It arrives on Friday."
LARGE = 10 * 2**20
DEEP = 10_000


@dataclass(frozen=True)
class HostileAgent:
    """A request, its answer, and a text of it that must be found again.

    `valid`: whether a service would take the request.
    """

    messages: list[Message]
    keeps: str
    valid: bool = True
    tools: list[dict[str, Any]] | None = None
    answer: Answer = ARRIVES

    @property
    def body(self) -> dict[str, Any]:
        """The request, as a client sends it."""
        tools = {} if self.tools is None else {"tools": self.tools}
        return {"model": "planted", "messages": self.messages, "temperature": 0, **tools}


def call(name: str, arguments: str, call_id: str = "call_1") -> Message:
    """A message of the assistant that calls a tool."""
    function = {"name": name, "arguments": arguments}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(content: str, call_id: str = "call_1") -> Message:
    """What the tool gave back."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def step(arguments: str, content: str, name: str = "get_order") -> list[Message]:
    """A valid conversation of one call of a tool."""
    return [USER, call(name, arguments), result(content)]


def offered(name: str, description: str = "Looks an order up.") -> dict[str, Any]:
    """The definition of a tool."""
    function = {"name": name, "description": description, "parameters": {"type": "object"}}
    return {"type": "function", "function": function}


USER: Message = {"role": "user", "content": order_agent.QUESTION}
NUMBER = '{"number": 4711}'
RESULT = json.dumps({"arrives": "Friday", "carrier": "Parcel Post"})
_SCRIPT = json.dumps({HOSTILE: [HOSTILE], "arrives": "Friday"}, ensure_ascii=False)


def _nested(opening: str, closing: str) -> str:
    return opening * DEEP + '"Friday"' + closing * DEEP


AGENTS: dict[str, Callable[[], HostileAgent]] = {
    "scripts": lambda: HostileAgent(step(_SCRIPT, _SCRIPT), "smile-alarm"),
    "no JSON": lambda: HostileAgent(step("{]", '{"arrives": Friday'), '{"arrives": Friday'),
    "keys that repeat": lambda: HostileAgent(
        step('{"a": 1, "a": 2}', '{"arrives": "Friday", "arrives": "Monday"}'), "Monday"
    ),
    "numbers beyond all bounds": lambda: HostileAgent(
        step('{"number": 1e999}', '{"n": NaN, "m": ' + "9" * 400 + ', "arrives": "Friday"}'),
        "9" * 400,
    ),
    "nothing in it": lambda: HostileAgent(step("", ""), "get_order", answer="I found nothing."),
    "nested lists": lambda: HostileAgent(step(_nested("[", "]"), _nested("[", "]")), "[" * 900),
    "nested objects": lambda: HostileAgent(
        step(_nested('{"a":', "}"), _nested('{"a":', "}")), '{"a":' * 200
    ),
    "half a character": lambda: HostileAgent(step('{"x": "\ud83d"}', "Friday \ud83d"), "Friday"),
    "NUL": lambda: HostileAgent(step('{"x": "\0"}', "Fri\0day Friday"), "Friday"),
    "a large result": lambda: HostileAgent(step(NUMBER, "word " * (LARGE // 5) + "Friday"), "word"),
    "large arguments": lambda: HostileAgent(
        step(json.dumps({"x": "y" * LARGE}), RESULT), "Parcel Post"
    ),
    "many values": lambda: HostileAgent(
        step(NUMBER, '{"arrives": "Friday", "x": [' + "0," * 200_000 + "0]}"), "arrives"
    ),
    "a name of Python": lambda: HostileAgent(
        step(NUMBER, RESULT, "__proto__"), "__proto__", tools=[offered("__proto__")]
    ),
    "a name with quotes": lambda: HostileAgent(
        step(NUMBER, RESULT, 'x"\'><b>'), 'x"\'><b>', tools=[offered('x"\'><b>', HOSTILE)]
    ),
    "no tools at all": lambda: HostileAgent(step(NUMBER, RESULT), "Parcel Post", False, tools=[]),
    "an id that repeats": lambda: HostileAgent(
        [*step(NUMBER, RESULT), *step(NUMBER, "Sunday")], "Sunday", valid=False
    ),
    "a result without a call": lambda: HostileAgent([USER, result(RESULT)], "Parcel Post", False),
    "a call without a result": lambda: HostileAgent(
        [USER, call("get_order", NUMBER), USER], "4711", False
    ),
    "a result before its call": lambda: HostileAgent(
        [USER, result(RESULT), call("get_order", NUMBER)], "Parcel Post", False
    ),
    "a call as the answer": lambda: HostileAgent(
        [USER], "4711", answer=[{"name": "__proto__", "arguments": {HOSTILE: HOSTILE}}],
        tools=[offered("__proto__")],
    ),
}  # fmt: skip
"""By what is hostile in them. They are functions: some are large."""


def answer(agent: HostileAgent) -> Callable[[dict[str, Any]], Answer]:
    """What the model says: the agent's answer, where the day is in the request or in neither."""

    def say(body: dict[str, Any]) -> Answer:
        told, asked = _from_tools(body["messages"]), _from_tools(agent.messages)
        return agent.answer if "Friday" in told or "Friday" not in asked else "I do not know."

    return say


def _from_tools(messages: list[Message]) -> str:
    return "".join(m["content"] for m in messages if m["role"] == "tool")


def as_conventions(agent: HostileAgent) -> dict[str, JSON]:
    """The request as the GenAI conventions write it into a span, whole."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "planted",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.input.messages": json.dumps([_with_parts(m) for m in agent.messages]),
        "gen_ai.tool.definitions": json.dumps(agent.tools),
        "gen_ai.output.messages": json.dumps(
            [_with_parts({"role": "assistant", "content": ARRIVES})]
        ),
    }


def _with_parts(message: Message) -> Message:
    if message["role"] == "tool":
        given = {"id": message["tool_call_id"], "response": message["content"]}
        return {"role": "tool", "parts": [{"type": "tool_call_response", **given}]}
    parts = [
        {"type": "tool_call", "id": one["id"], **one["function"]}
        for one in message.get("tool_calls", ())
    ]
    text = message["content"]
    return {
        "role": message["role"],
        "parts": ([] if text is None else [{"type": "text", "content": text}]) + parts,
    }


def as_openinference(agent: HostileAgent) -> dict[str, JSON]:
    """The request as OpenInference writes it into a span, an attribute for every field."""
    held: dict[str, JSON] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "planted",
        "llm.invocation_parameters": json.dumps({"model": "planted", "temperature": 0}),
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": ARRIVES,
    }
    for number, tool in enumerate(agent.tools or ()):
        held[f"llm.tools.{number}.tool.json_schema"] = json.dumps(tool)
    for number, message in enumerate(agent.messages):
        start = f"llm.input_messages.{number}.message."
        held[f"{start}role"] = message["role"]
        for name in ("content", "tool_call_id"):
            if message.get(name) is not None:
                held[f"{start}{name}"] = message[name]
        for place, one in enumerate(message.get("tool_calls", ())):
            called = f"{start}tool_calls.{place}.tool_call."
            held[f"{called}id"] = one["id"]
            held[f"{called}function.name"] = one["function"]["name"]
            held[f"{called}function.arguments"] = one["function"]["arguments"]
    return held
