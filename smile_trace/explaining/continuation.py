"""A step of a trace asked again, and continued to the end of the trace without running a tool.

The next request is the next logged one, with the new answer in place of the logged one: in a loop
of tools with the new calls and their results, elsewhere with the new text where the logged one
stands. A part that a step is asked without stays away from the conversation that grows from it.
"""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile
from typing import Literal

from smile_trace._guards.presentable import presentable
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.dialects.answers import SHORTEST_OUTPUT, makes
from smile_trace.models import Model, Request
from smile_trace.models.base import Capabilities
from smile_trace.records import (
    JSON,
    Call,
    Message,
    Prompted,
    Response,
    ToolCall,
    ToolResult,
    Trace,
    Usage,
)
from smile_trace.records.formats.answers import Called, read_tool_calls, tool_calls_text

Stub = Callable[[str, JSON], JSON]
"""What a tool of this name returns for these arguments, which no logged call had; None if that is
unknown."""

Ask = Callable[[Call, Request], Awaitable[Response]]
"""Asks the model of a call."""

UNKNOWN = "open: no result is known for "
"""How a response begins that called a tool with other arguments than the trace."""
EARLY = (
    "it ended with another answer before it called a tool, so it does not show whether the error "
    "was avoided"
)
LIKE = 0.5
"""The largest change of an end that is the logged one, corrected; others are another answer."""


class RecordedTools:
    """What the tools of a trace returned, by name and arguments; `stub` for other arguments, and
    for all if the results are `by_stub`."""

    def __init__(self, trace: Trace, stub: Stub | None = None) -> None:
        self._known: dict[str, JSON] = {}
        self._stub, self._stub_first = stub, False
        for call in trace.calls:
            parts = [part for message in call.messages for part in message.parts]
            made = {one.id: one for one in parts if isinstance(one, ToolCall)}
            for one in parts:
                if isinstance(one, ToolResult) and one.id is not None and one.id in made:
                    [key] = _keys(tool_calls_text([made[one.id]]))
                    self._known[key] = one.response

    def result(self, called: Called) -> JSON:
        """The result, None if it is unknown."""
        known = self._known.get(_key(called))
        if self._stub is None or (known is not None and not self._stub_first):
            return known
        try:
            told = self._stub(called.name, called.arguments)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise ValueError(
                f"the stub has no result for {called} ({why}): let it return None for what it "
                "does not know"
            ) from error
        return known if told is None else told

    def confirms(self, called: Called) -> bool:
        """Whether the stub knows this result, and says the same."""
        stub = self._stub is not None and self._stub(called.name, called.arguments)
        return stub not in (False, None) and stub == self.result(called)

    def by_stub(self) -> "RecordedTools":
        """The same, with the stub's results before the recorded."""
        other = copy.copy(self)
        other._stub_first = True
        return other


@dataclass(frozen=True)
class Continuation:
    """A Model whose responses to the request of a step are the ends that its trace then has.

    A response that is the logged answer has the logged end.

    Attributes:
        trace: its calls in order of start.
        step, final: the calls that are asked, and whose answer is the end.
        ask: asks the model of any of its calls; `like` is that of the step.
        tools: the results of its tools.
        calls_first: whether an end is none where a tool was called, and is not now, unless it is
            like the logged one.
        unknown: what an open end is: a failure, which is missing data, or a text.
    """

    trace: Trace
    step: Call
    final: Call
    ask: Ask
    like: Model
    tools: RecordedTools
    calls_first: bool = False
    unknown: Literal["failure", "text"] = "failure"
    identity: None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.like.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of a model that only answers."""
        return Capabilities(remote=self.like.capabilities.remote)

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the same request gives the same answer."""
        return self.like.deterministic(parameters)

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return the ends after these requests of the step."""
        return list(await asyncio.gather(*map(self._end, requests)))

    async def aclose(self) -> None:
        """Nothing to close."""

    async def corrected(self, replicate: int) -> Response:
        """The end after the logged answer, if the stub's results stand in place of the recorded."""
        request = self._asked(self.step, self.step.messages, replicate)
        answer = Response(text=self.step.answer_without_reasoning, cached=True)
        return await replace(self, tools=self.tools.by_stub())._go_on(request, answer)

    async def _end(self, request: Request) -> Response:
        first = await self.ask(self.step, request)
        if first.ok and _says_the_same(first.text or "", self.step.answer_without_reasoning):
            return _summed([first], text=self.final.answer_without_reasoning)
        return await self._go_on(request, first)

    async def _go_on(self, request: Request, first: Response) -> Response:
        place, changed, asked = self.step, dict[str, str](), [first]
        for _ in range(2 * len(self.trace.calls)):
            if not asked[-1].ok:
                return _summed(asked, failure=asked[-1].failure)
            text = asked[-1].text or ""
            called = read_tool_calls(text)
            if called is not None:
                results = [self.tools.result(one) for one in called]
                if None in results:
                    told = presentable(", ".join(map(str, called)), longest=200)
                    return _summed(asked, **{self.unknown: UNKNOWN + told})
                place, messages = self._with_results(place, request.messages, called, results)
            elif self.calls_first and place.tool_calls and not self._is_like(text):
                return _summed(asked, failure=EARLY)
            else:
                last = self._last_of_loop(place)
                following = self._holding(last.answer_without_reasoning.strip(), last)
                if last.id == self.final.id:
                    return _summed(asked, text=text)
                if following is None:
                    return _summed(asked, failure="no later request contains its answer")
                changed[last.answer_without_reasoning.strip()] = text.strip()
                place, messages = following, tuple(_replaced(following.messages, changed))
            request = self._asked(place, messages, request.replicate)
            asked.append(await self.ask(place, request))
        return _summed(asked, failure="it did not end")

    def _is_like(self, text: str) -> bool:
        change = text_comparison(self.final.answer_without_reasoning, None, "words").changes
        return change([text])[0] <= LIKE

    def _asked(self, place: Call, messages: Sequence[Message], replicate: int) -> Request:
        update = {"messages": tuple(messages), "replicate": replicate}
        return Request.of(Prompted.of(place)).model_copy(update=update)

    def _following(self, place: Call) -> tuple[Call, int] | None:
        """The next request that holds this call of tools, and where."""
        for later in self._after(place):
            for number, message in enumerate(later.messages):
                if any(isinstance(p, ToolCall) and makes(place, p) for p in message.parts):
                    return later, number
        return None

    def _with_results(
        self, place: Call, sent: Sequence[Message], called: Sequence[Called], results: list[JSON]
    ) -> tuple[Call, tuple[Message, ...]]:
        """The next request of a loop: what was sent, the new calls and their results."""
        later, rest = place, list[Message]()
        if place.tool_calls and (found := self._following(place)) is not None:
            later, at = found
            rest = list(later.messages[at + 1 :])
            if later.messages[: len(place.messages)] != place.messages:
                sent = later.messages[:at]
        role = rest[0].role if rest else "tool"
        as_text = all(isinstance(one.arguments, str) for one in place.tool_calls)
        calls = [
            ToolCall(
                id=f"call_{len(sent)}_{number}",
                name=one.name,
                arguments=json.dumps(one.arguments) if as_text else one.arguments,
            )
            for number, one in enumerate(called)
        ]
        pairs = zip(calls, results, strict=True)
        answers = tuple(ToolResult(id=call.id, response=result) for call, result in pairs)
        together = [answers] if role != "tool" else [(one,) for one in answers]
        return later, (
            *sent,
            Message(role="assistant", parts=tuple(calls)),
            *(Message(role=role, parts=parts) for parts in together),
            *dropwhile(_holds_result, rest),
        )

    def _last_of_loop(self, place: Call) -> Call:
        """The call that ended the loop of tools in which a call stands."""
        while place.tool_calls and (found := self._following(place)) is not None:
            place = found[0]
        return place

    def _holding(self, text: str, place: Call) -> Call | None:
        """The next request that holds this answer."""
        if len(text) < SHORTEST_OUTPUT:
            return None
        later = self._after(place)
        return next((c for c in later if any(text in m.content for m in c.messages)), None)

    def _after(self, place: Call) -> Sequence[Call]:
        ids = [one.id for one in self.trace.calls]
        return self.trace.calls[ids.index(place.id) + 1 :]


def _says_the_same(text: str, logged: str) -> bool:
    """Whether it is the same text, or the same calls of tools."""
    calls = _keys(text)
    return calls == _keys(logged) if calls else text.strip() == logged.strip()


def _keys(answer: str) -> list[str]:
    """A text for each call of a tool, the same for the same arguments."""
    return sorted(map(_key, read_tool_calls(answer) or ()))


def _key(called: Called) -> str:
    return json.dumps([called.name, called.arguments or {}], sort_keys=True)


def _holds_result(message: Message) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


def _replaced(messages: Sequence[Message], changed: Mapping[str, str]) -> Sequence[Message]:
    found = list(messages)
    for number, message in enumerate(found):
        for old, new in changed.items():
            if (at := message.content.find(old)) >= 0:
                message = message.replaced(at, at + len(old), new)
        found[number] = message
    return found


def _summed(asked: Sequence[Response], **end: str | None) -> Response:
    """The end of a run, with what all its requests cost."""
    paid = [one for one in asked if not one.cached]
    used = [usage for one in paid if (usage := one.usage) is not None]
    prices = [one.usd for one in paid if one.usd is not None]
    usage = Usage(
        input_tokens=sum(one.input_tokens or 0 for one in used),
        output_tokens=sum(one.output_tokens or 0 for one in used),
    )
    return Response(
        **end,
        requests=sum(one.requests for one in paid),
        cached=not paid,
        usage=usage if used else None,
        usd=sum(prices) if len(prices) == len(paid) else None,
    )
