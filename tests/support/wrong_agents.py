"""Planted agents whose final answer is wrong from a known step on.

The agent of a shop finds a customer, their orders, an order, its article and the warranty, each by
what the last tool returned, and answers in four sentences. It makes three to six calls. The error
enters at one of them: by the result of a *tool*, which the agent believes though its user's own
papers say otherwise; by a *tool alone*, where nothing else says it; by an *instruction*; by the
*model*, which writes a key that stands nowhere; or by *chance*, where the model mostly does better.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from smile_trace.models import Request
from smile_trace.models.base import Capabilities
from smile_trace.records import (
    JSON,
    Call,
    Message,
    Response,
    Span,
    ToolCall,
    ToolResult,
    Trace,
)
from smile_trace.records.formats.answers import tool_calls_text
from smile_trace.records.path import ExplanationPath

KINDS = ("tool", "tool alone", "instruction", "model", "chance")

# Each tool takes the key of its line, and returns that of the next.
_TOOLS = (
    ("find_customer", "address", r"[\w.]+@[\w.]+\w", "My address is {}."),
    ("list_orders", "customer", r"C-\d{4}", "My customer card says {}."),
    ("get_order", "order", r"O-\d{5}", "My invoice is about order {}."),
    ("get_article", "article", r"K-\d{4}", "On the label I can read {}."),
    ("get_warranty", "family", r"F-\d{3}", "The box says that it belongs to the family {}."),
    ("", "months", r"\b\d\d months", "The leaflet in the box speaks of {}."),
)
_RULES = (
    "You are the assistant of a shop for lamps and furniture in Bremen.",
    "Answer in plain English, in full sentences, and never in more than five of them.",
    "Be friendly, and thank customers for their question before you answer it.",
    "Look everything up with the tools that you have, one step after the other.",
    "Never promise a voucher, a discount or a repair that nobody has agreed to.",
    "Do not mention other shops, and do not compare our prices with theirs.",
    "Say that colleagues in the shop are glad to help if a question stays open.",
    "If a customer is angry, stay calm and offer a call by the head of the shop.",
)
_FACTS = (
    "# Opening hours\nThe shop opens at nine and closes at six. It is closed on all Sundays.",
    "# Payment\nPay by card, by invoice or in instalments. Invoices are due after two weeks.",
    "# Care\nWipe wooden tables with a dry cloth. Never use bleach on leather or on brass.",
    "# Members\nMembers collect points. A point is worth one cent and expires after a year.",
)
_TALK = (
    "I have been a customer of yours for many years.",
    "My sister recommended your shop to me when she moved.",
    "The weather has been lovely here all week long.",
    "I hope that you had a good weekend with your family.",
    "Please excuse that I write to you so late in the day.",
)
QUESTION = "How long is the warranty of the lamp that I bought from you?"


@dataclass
class WrongAgent:
    """A planted agent: `culprit` is the text to blame, None for tools and the model; `step` is the
    number of the call where the error enters. It is also the Model that answers, and counts what
    its stub is asked."""

    kind: str
    calls: int
    step: int
    random: Random
    noise: float = 0.0
    name: str = "planted"
    identity: None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    culprit: str | None = None

    def __post_init__(self) -> None:
        draw = self.random
        self.tools = _TOOLS[6 - self.calls : 5]
        self.right, self.wrong = _chain(draw), _chain(draw)
        months = draw.sample(("12 months", "24 months", "36 months", "60 months"), 2)
        self.right[-1], self.wrong[-1] = months
        self.right, self.wrong = self.right[6 - self.calls :], self.wrong[6 - self.calls :]
        rules, talk = list(_RULES), draw.sample(_TALK, 3)
        if self.kind == "instruction":
            right, wrong = self.right[self.step - 1], self.wrong[self.step - 1]
            self.culprit = f"Whoever asks about {right} is told about {wrong} since the new year."
            if self.step == self.calls:
                self.culprit = f"Every customer is told that the warranty is {wrong} long."
            rules.insert(draw.randint(2, 8), self.culprit)
        about = [_TOOLS[6 - self.calls][3].format(self.right[0])]
        if self.kind == "tool":
            about.append(_TOOLS[6 - self.calls + self.step][3].format(self.right[self.step]))
        facts = "\n\n".join(draw.sample(_FACTS, 3))
        said = " ".join([talk[0], *about, *talk[1:], QUESTION])
        self.asked = (
            Message(role="system", content=f"{' '.join(rules)}\n\n{facts}"),
            Message(role="user", content=said),
        )
        self.trace = self._trace()

    @property
    def answer(self) -> str:
        """The final answer."""
        return str(self.trace.calls[-1].answer)

    @property
    def wrong_end(self) -> str:
        """What the final answer says, and should not."""
        return re.findall(r"\d\d months", self.answer)[0]

    def stub(self, tool: str, arguments: JSON) -> JSON:
        """What the tools would really return."""
        number = [name for name, *_ in self.tools].index(tool)
        key = _TOOLS[6 - self.calls + number][1]
        given = arguments.get(key) if isinstance(arguments, dict) else None
        chain = self.right if given == self.right[number] else self.wrong
        return self._result(number, chain[number + 1])

    def named_by(self, path: ExplanationPath) -> str:
        """Whether the path names step and part: `right`, `step` (not the part), `wrong`, `none`;
        `open` before it where it was not confirmed because a result is unknown."""
        found = path.culprit
        if found is None:
            return "none"
        if found.call != self.trace.calls[self.step - 1].id:
            return "wrong"
        kinds = {"tool": "tool", "tool alone": "tool", "instruction": "part"}
        part = self.culprit is None or any(self.culprit in one.text for one in found.parts)
        said = "right" if found.kind == kinds.get(self.kind, "model") and part else "step"
        return f"open {said}" if found.open else said

    # -- the model ------------------------------------------------------------------------------

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether it repeats itself."""
        return self.noise == 0

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """See `Model`."""
        return [Response(text=self.says(request.messages)) for request in requests]

    async def aclose(self) -> None:
        """Nothing to close."""

    def says(self, messages: Sequence[Message], *, errs: bool | None = None) -> str:
        """The answer to a request; `errs`: whether it errs by chance, by default drawn."""
        given = "\n".join(m.content for m in messages if m.role in ("system", "user"))
        results = [p for m in messages for p in m.parts if isinstance(p, ToolResult)]
        number = len(results)
        kind, key, pattern, _ = _TOOLS[6 - self.calls + min(number, self.calls - 1)]
        believed = str(results[-1].response) if results else ""
        user = "\n".join(m.content for m in messages if m.role == "user")
        found = re.search(pattern, believed) or re.search(pattern, user)
        value = found[0] if found else None
        if self.kind == "instruction" and number == self.step - 1 and str(self.culprit) in given:
            value = self.wrong[number] if value or not kind else None
        if QUESTION[-20:] not in given or value is None:
            return "I am glad to help. Could you tell me more about what you bought? Thank you."
        if errs is None:
            errs = self.random.random() < self.noise
        if errs or (self.kind == "model" and number == self.step - 1):
            value = f"{value[1]}{value[0]}{value[2:]}" if not kind else _swapped(value)
        if kind:
            arguments = {key: value, "detail": "full"}
            return tool_calls_text([ToolCall(name=kind, arguments=json.dumps(arguments))])
        return (
            f"Thank you for your question. The warranty of your lamp is {value} long. "
            "It begins on the day on which it was delivered. Have a nice day."
        )

    # -- the trace ------------------------------------------------------------------------------

    def _trace(self) -> Trace:
        messages, calls = list(self.asked), list[Call]()
        for number in range(self.calls):
            by_chance = self.kind == "chance" and number == self.step - 1
            answer = self.says(messages, errs=by_chance)
            made: tuple[ToolCall, ...] = ()
            if number < self.calls - 1:
                [called] = json.loads(answer)["tool_calls"]
                made = (
                    ToolCall(
                        id=f"call_{number}",
                        name=called["name"],
                        arguments=json.dumps(called["arguments"]),
                    ),
                )
            calls.append(
                Call(
                    trace_id="1" * 32,
                    span_id=f"{number + 1:016x}",
                    name="agent",
                    messages=tuple(messages),
                    answer=answer,
                    tool_calls=made,
                    model="planted",
                    parameters={"tools": self._offered()},
                    start_ns=number,
                    end_ns=number,
                )
            )
            if made:
                result = self.stub(called["name"], called["arguments"])
                if self.kind.startswith("tool") and number == self.step - 1:
                    result = self._result(number, self.wrong[number + 1])
                messages += [
                    Message(role="assistant", parts=made),
                    Message(role="tool", parts=(ToolResult(id=made[0].id, response=result),)),
                ]
        spans = tuple(
            Span(trace_id=c.trace_id, span_id=c.span_id, name=c.name, start_ns=0, end_ns=0)
            for c in calls
        )
        return Trace(trace_id="1" * 32, root_span_id="0" * 16, spans=spans, calls=tuple(calls))

    def _offered(self) -> list[dict[str, Any]]:
        detail = {"type": "string", "enum": ["full", "short"]}
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": f"Looks something up by {key}.",
                    "parameters": {
                        "type": "object",
                        "properties": {key: {"type": "string"}, "detail": detail},
                    },
                },
            }
            for name, key, *_ in self.tools
        ]

    def _result(self, number: int, value: str) -> str:
        key = _TOOLS[6 - self.calls + number + 1][1]
        notes = ["gift", "fragile"]
        return json.dumps({"status": "found", "sources": 2 + number, key: value, "notes": notes})


def wrong_agent(seed: int, *, noise: float = 0.0, kinds: Sequence[str] = KINDS) -> WrongAgent:
    """The agent of a number, of the kinds in turns."""
    random, kind = Random(seed), kinds[seed % len(kinds)]
    calls = random.randint(3, 6)
    of_tool, of_any = random.randint(1, calls - 1), random.randint(1, calls)
    step = of_tool if kind.startswith("tool") else of_any
    return WrongAgent(kind, calls, step, random, noise)


def _chain(draw: Random) -> list[str]:
    def code(letter: str, digits: int) -> str:
        return f"{letter}-{''.join(map(str, draw.sample(range(1, 10), digits)))}"

    address = f"{draw.choice(('ann', 'ben', 'cleo', 'dora'))}.{draw.randint(100, 999)}@post.example"
    return [address, code("C", 4), code("O", 5), code("K", 4), code("F", 3), ""]


def _swapped(value: str) -> str:
    """The value with its last two digits exchanged."""
    [(head, tail)] = re.findall(r"(.*\d)(\d\D*)$", value)
    return f"{head[:-1]}{tail[0]}{head[-1]}{tail[1:]}"
