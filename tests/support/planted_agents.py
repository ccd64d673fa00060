"""Planted agents: traces of one to five calls in which one text alone decides the final answer.

A code (`K-4711`) is handed on: the first call reads it from the driver, every tool gives back
another one, and the final answer holds what the last call read. Where a call does not find its
code, it says so. Nothing else in the requests has an effect.

The driver is in a user's message, in the system message, in one of the retrieved documents, in a
key of the first tool's result (then the first call needs nothing but its tool), or it is the
definition of the tool whose description holds a word. `nothing`: every answer is always the same.

Where the driver is in a user's message and the seed is odd, the first call rewrites the request,
and its answer is part of the next one's prompt.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import smile_trace
from smile_trace.records.path import ExplanationPath
from smile_trace.testing import captured
from tests.support.strict_openai import reply

Kind = Literal["user", "system", "document", "tool_result", "tool", "nothing"]
KINDS: tuple[Kind, ...] = ("user", "system", "document", "tool_result", "tool")

_CODE = re.compile(r"\b[A-Z]-\d{4}\b")
_SMALL_TALK = (
    "I have been a customer for years.",
    "The weather is lovely today.",
    "My sister recommended your shop.",
    "I hope you had a good weekend.",
    "Please take your time.",
)
_RULES = (
    "You are the assistant of a shop.",
    "Answer in one sentence.",
    "Be friendly.",
    "Never promise a refund.",
    "Write in plain English.",
)
_FACTS = (
    "The shop opens at nine and closes at six.",
    "Lamps come with a guarantee of two years.",
    "Parcels are handed to the carrier in Hamburg.",
    "Gift cards are valid for three years.",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True)
class PlantedAgent:
    """An agent and what decides its final answer.

    `calls` is how many calls it makes; `driver` a text of the request that decides, `None` where
    nothing does; `answer` says what a request's body is answered. `lines` are the spool lines of
    its trace.
    """

    kind: Kind
    calls: int
    rewrites: bool
    driver: str | None
    trace_id: str
    lines: tuple[bytes, ...]
    answer: Callable[[dict[str, Any]], str | list[dict[str, Any]]]
    texts: tuple[str, ...]
    """Everything that a driver of some step has to hold: the codes that are handed on, the day."""

    def named_by(self, path: ExplanationPath) -> bool | None:
        """Whether the path names the driver, where it is; None where there is none."""
        if self.driver is None:
            return None
        kinds = {"system": "message", "user": "message"}
        wanted = kinds.get(self.kind, self.kind)
        for step in path.steps:
            for source in step.sources:
                if (
                    source.open is not None
                    or source.kind != wanted
                    or (wanted == "message" and self.kind not in source.name)
                ):
                    continue
                if any(self.driver in driver.text for driver in source.drivers):
                    return True
        return False


def wrongly_named(agent: PlantedAgent, path: ExplanationPath) -> list[str]:
    """The drivers of the path that hold nothing of what is handed on."""
    certain = [s for step in path.steps for s in step.sources if s.open is None]
    drivers = [driver.text for source in certain for driver in source.drivers]
    return [text for text in drivers if not any(held in text for held in agent.texts)]


def planted_agent(seed: int, kind: Kind, calls: int) -> PlantedAgent:
    """The agent of that seed; `calls` in 1 to 5, and 2 or more where a tool is the driver."""
    random = Random(seed)
    world = _World(random, kind, calls, rewrites=kind == "user" and calls > 1 and seed % 2 == 1)
    with captured() as found:
        trace_id = world.run()
    return PlantedAgent(
        kind=kind,
        calls=calls,
        rewrites=world.rewrites,
        driver=world.driver,
        trace_id=trace_id,
        lines=tuple(found.lines),
        answer=world.answer,
        texts=(*world.codes, world.day, *world.names[:1]),
    )


class _World:
    def __init__(self, random: Random, kind: Kind, calls: int, *, rewrites: bool) -> None:
        self.kind = kind
        self.calls = calls
        self.rewrites = rewrites
        self.tools = calls - 1 - self.rewrites
        self.codes = [f"{random.choice('KRT')}-{random.randint(1000, 9999)}" for _ in range(6)]
        self.day = random.choice(_DAYS)
        self.names = [f"look_up_{random.choice(('order', 'parcel', 'depot', 'tour'))}_{k}"
                      for k in range(self.tools)]  # fmt: skip
        self.word = random.choice(("live", "current", "nightly"))
        self._random = random

    @property
    def driver(self) -> str | None:
        """What decides, as it stands in a request."""
        match self.kind:
            case "nothing":
                return None
            case "tool":
                return self.names[0]
            case "tool_result":
                return self.codes[1] if self.tools > 1 else self.day
        return self.codes[0]

    # -- the application ------------------------------------------------------------------------

    def run(self) -> str:
        """The application, traced; the trace's id."""

        @smile_trace.trace
        def ask(body: dict[str, Any], number: int) -> Any:
            said = self.answer(body)
            response = reply(said, body)
            for call in response["choices"][0]["message"].get("tool_calls", ()):
                call["id"] = f"call_{number}"
            smile_trace.record(parameters=body, response=response)
            return response["choices"][0]["message"]

        @smile_trace.trace
        def rewrite(body: dict[str, Any]) -> str:
            said = self.answer(body)
            smile_trace.record(parameters=body, response=reply(said, body))
            return str(said)

        @smile_trace.trace
        def agent() -> str:
            request = self._request()
            if self.rewrites:
                asked = f"Rewrite the request of a customer.\n\n{request}"
                request = rewrite(_body([{"role": "user", "content": asked}]))
                request = f"Here is what the customer wants.\n\n{request}\n\n{self._talk(1)}"
            messages: list[dict[str, Any]] = [
                {"role": "system", "content": self._system()},
                {"role": "user", "content": request},
            ]
            for number in range(self.tools):
                message = ask(_body(list(messages), self._offered()), number)
                made = message["tool_calls"]
                result = json.dumps(self._result(number))
                messages += [
                    {"role": "assistant", "content": None, "tool_calls": made},
                    {"role": "tool", "tool_call_id": made[0]["id"], "content": result},
                ]
            ask(_body(messages, self._offered()), self.tools)
            return str(smile_trace.current_trace_id())

        return agent()

    def _talk(self, count: int) -> str:
        return " ".join(self._random.sample(_SMALL_TALK, count))

    def _request(self) -> str:
        about = f"My order is {self.codes[0]}." if self.kind == "user" else "I have an order."
        said = f"{self._talk(2)} {about} When does it arrive? {self._talk(1)}"
        if self.kind != "document":
            return said
        facts = list(_FACTS[:3])
        facts.insert(self._random.randrange(4), f"The order of this customer is {self.codes[0]}.")
        shown = "\n".join(
            f'<document id="{k}">\n{fact}\n</document>' for k, fact in enumerate(facts, 1)
        )
        return f"{shown}\n\n{said}"

    def _system(self) -> str:
        rules = self._random.sample(_RULES, 4)
        if self.kind == "system":
            rules.insert(2, f"The customer's order is {self.codes[0]}.")
        return " ".join(rules)

    def _offered(self) -> list[dict[str, Any]]:
        names = [*self.names, "cancel_order", "send_letter"]
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": self._description(number, name),
                    "parameters": {"type": "object", "properties": {"code": {"type": "string"}}},
                },
            }
            for number, name in enumerate(names)
        ]

    def _description(self, number: int, name: str) -> str:
        words = name.rstrip("_0123456789").replace("_", " ")
        return f"Can {words}" + (f", from {self.word} data." if number == 0 else ".")

    def _result(self, number: int) -> dict[str, Any]:
        last = number == self.tools - 1
        found = {"arrives": self.day} if last else {"next": self.codes[number + 1]}
        return {
            "status": "open",
            "weight": 3 + number,
            **found,
            "notes": ["fragile", "gift"],
            "carrier": "Parcel Post",
        }

    # -- the model ------------------------------------------------------------------------------

    def answer(self, body: dict[str, Any]) -> str | list[dict[str, Any]]:
        """What the model says."""
        messages = body["messages"]
        said = [str(m["content"]) for m in messages if m["role"] in ("system", "user")]
        results = [str(m["content"]) for m in messages if m["role"] == "tool"]
        if self.rewrites and "tools" not in body:
            code = _CODE.search(" ".join(said))
            return f"The customer asks when order {code[0]} arrives." if code else "No order given."
        number = sum(m["role"] == "tool" for m in messages)
        if number < self.tools:
            return self._call(number, " ".join(said), results, body)
        if self.kind == "nothing":
            return "Thank you for your message."
        if not self.tools:
            code = _CODE.search(" ".join(said))
            return f"Order {code[0]} is on its way." if code else "Which order is it?"
        day = re.search(r'"arrives": "(\w+)"', results[-1])
        return f"It arrives on {day[1]}." if day else "That is not known to me."

    def _call(
        self, number: int, said: str, results: list[str], body: dict[str, Any]
    ) -> str | list[dict[str, Any]]:
        offered = [tool["function"] for tool in body.get("tools", ())]
        if number == 0 and self.kind == "tool":
            named = [tool["name"] for tool in offered if self.word in tool["description"]]
            return [{"name": named[0], "arguments": {}}] if named else "I have no such tool."
        if self.names[number] not in [tool["name"] for tool in offered]:
            return "I have no such tool."
        if self.kind == "nothing" or (number == 0 and self.kind == "tool_result"):
            return [{"name": self.names[number], "arguments": {}}]
        code = _CODE.search(said if number == 0 else results[-1])
        if code is None:
            return "Which one is it?"
        return [{"name": self.names[number], "arguments": {"code": code[0]}}]


def _body(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> Any:
    body: dict[str, Any] = {"model": "planted", "temperature": 0, "messages": messages}
    return body if tools is None else {**body, "tools": tools}
