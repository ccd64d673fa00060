"""Which calls of a trace are answers, and which are steps towards one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from smile_trace.dialects.answers import answers_of, final_answer, steps_of
from smile_trace.records import Call, Message, Span, ToolCall, ToolResult, Trace
from smile_trace.records.formats.answers import tool_calls_text

TRACE = "1" * 32
QUESTION, OTHER = "When does order 4711 arrive?", "And where is it now, please?"
FRIDAY = "Your order arrives on Friday."


def tool(number: int) -> ToolCall:
    return ToolCall(id=f"call_{number}", name="get_order", arguments={"number": number})


def sent(*said: str | ToolCall) -> tuple[Message, ...]:
    """`user` and `assistant` in turns, unless a text names its role; a tool call with its
    result."""
    messages: list[Message] = []
    for one in said:
        if isinstance(one, ToolCall):
            messages.append(Message(role="assistant", parts=(one,)))
            result = ToolResult(id=one.id, response='{"arrives": "Friday"}')
            messages.append(Message(role="tool", parts=(result,)))
            continue
        role, _, content = one.partition(": ")
        if role not in ("system", "user", "assistant"):
            role, content = "assistant" if messages and messages[-1].role == "user" else "user", one
        messages.append(Message(role=role, content=content))
    return tuple(messages)


Step = tuple[tuple[Message, ...], str | ToolCall]


def trace(*steps: Step, output: Any = None, kinds: Mapping[int, str] | None = None) -> Trace:
    """Calls below one root that returned `output`; `kinds` are those of spans around some."""
    calls, spans = [], []
    for number, (messages, answer) in enumerate(steps, 1):
        made = (answer,) if isinstance(answer, ToolCall) else ()
        calls.append(
            Call(
                trace_id=TRACE, span_id=f"{number:016x}", name="chat", messages=messages,
                answer=tool_calls_text(made) if isinstance(answer, ToolCall) else answer,
                tool_calls=made, start_ns=number, end_ns=number + 1,
            )
        )  # fmt: skip
        around = {"openinference.span.kind": (kinds or {}).get(number, "CHAIN")}
        for span_id, parent, has in ((number, number + 100, {}), (number + 100, 99, around)):
            spans.append(span(span_id, parent, number, has))
    returned = {} if output is None else {"smile_trace.output": json.dumps(output)}
    spans.append(span(99, None, 0, returned))
    return Trace(trace_id=TRACE, spans=tuple(spans), calls=tuple(calls), root_span_id=f"{99:016x}")


def span(number: int, parent: int | None, at: int, attributes: dict[str, Any]) -> Span:
    return Span(
        trace_id=TRACE, span_id=f"{number:016x}", name="s", start_ns=at, end_ns=at + 1,
        parent_id=None if parent is None else f"{parent:016x}", attributes=attributes,
    )  # fmt: skip


CHOSE: Step = (sent(QUESTION), tool(1))
SAID: Step = (sent(QUESTION, tool(1)), FRIDAY)
JUDGED: Step = (sent(f"Is this polite: {FRIDAY}"), "It is polite enough.")
CODE = "Thought: look it up. Action: get_order(4711)"
SUMMARY = "The customer asks for\n“order 4711”."

TRACES: dict[str, tuple[Trace, list[int], int]] = {
    "an agent": (trace(CHOSE, SAID), [1], 2),
    "several tools": (
        trace(
            CHOSE, (sent(QUESTION, tool(1)), tool(2)), (sent(QUESTION, tool(1), tool(2)), FRIDAY)
        ),
        [1, 2],
        3,
    ),
    "a batch of independent questions": (
        trace(*[(sent(f"How much is {n} plus {n}, in words?"), f"It is {n}.") for n in range(5)]),
        [],
        5,
    ),
    "a batch that answers with calls of a tool": (
        trace(*[(sent("system: Extract it.", f"user: order {n} of it"), tool(n)) for n in (1, 2)]),
        [],
        2,
    ),
    "several turns, each with a tool": (
        trace(
            CHOSE,
            SAID,
            (sent(QUESTION, tool(1), f"assistant: {FRIDAY}", f"user: {OTHER}"), tool(2)),
            (sent(QUESTION, tool(1), f"assistant: {FRIDAY}", f"user: {OTHER}", tool(2)), "Ulm."),
        ),
        [1, 3],
        4,
    ),
    "an agent that writes what it wants": (
        trace(
            (sent(QUESTION), CODE),
            (sent(QUESTION, CODE, "Observation: it arrives on Friday"), FRIDAY),
        ),
        [1],
        2,
    ),
    "an agent that answers by a tool": (
        trace(CHOSE, (sent(QUESTION, tool(1)), tool(9))),
        [1],
        2,
    ),
    "a tool that asks a model": (
        trace(CHOSE, (sent("Say it in short."), SUMMARY), (sent(QUESTION, SUMMARY), FRIDAY)),
        [1, 2],
        3,
    ),
    "a result that stands in JSON": (
        trace((sent("Summarise."), SUMMARY), (sent(json.dumps({"summary": SUMMARY})), FRIDAY)),
        [1],
        2,
    ),
    "a planner whose tool calls are not sent again": (
        trace(CHOSE, (sent("system: You reply.", f"user: {QUESTION} It is Friday."), FRIDAY)),
        [1],
        2,
    ),
    "the same question asked twice": (trace(CHOSE, (sent(QUESTION), tool(1))), [], 2),
    "what was returned goes before what came last": (
        trace(CHOSE, SAID, JUDGED, output={"answer": FRIDAY}),
        [1],
        2,
    ),
    "a judge that says so": (trace(CHOSE, SAID, JUDGED, kinds={3: "EVALUATOR"}), [1], 2),
}


TITLE: Step = (sent("A title for: where is it?"), "Where an order is")


@pytest.mark.parametrize(
    ("found", "answers"),
    [
        (TRACES["an agent"][0], [2]),
        (TRACES["a batch of independent questions"][0], [1, 2, 3, 4, 5]),
        (TRACES["several turns, each with a tool"][0], [2, 4]),
        (trace(TITLE, CHOSE, SAID), [3]),
        (trace((sent(QUESTION), FRIDAY), TITLE, output=FRIDAY), [1]),
        (trace(CHOSE, SAID, JUDGED, kinds={3: "EVALUATOR"}), [2]),
    ],
    ids=["agent", "batch", "turns", "title first", "title last", "judge"],
)
def test_what_was_answered_to_whoever_asked(found: Trace, answers: list[int]) -> None:
    assert sorted(int(one.partition(":")[2], 16) for one in answers_of(found)) == answers


@pytest.mark.parametrize("name", TRACES)
def test_the_calls_of_a_trace(name: str) -> None:
    found, steps, final = TRACES[name]
    ids = {call.id: number for number, call in enumerate(found.calls, 1)}
    assert sorted(ids[step] for step in steps_of(found)) == steps
    answered = final_answer(found)
    assert answered is not None
    assert ids[answered.id] == final


def test_a_call_without_a_whole_answer_gave_none() -> None:
    found = trace(CHOSE, SAID)
    first, last = found.calls
    for update in ({"answer": None}, {"truncated": True}):
        calls = (first, last.model_copy(update=update))
        assert final_answer(found.model_copy(update={"calls": calls})) == first
    nothing = first.model_copy(update={"answer": None})
    assert final_answer(found.model_copy(update={"calls": (nothing,)})) is None
