"""Which calls of a trace gave an answer to whoever asked, and which are steps towards one."""

import json
import re
from collections.abc import Collection, Iterator, Sequence

from smile_trace import semconv
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_json
from smile_trace.dialects.traces import around
from smile_trace.records import JSON, Call, Message, Span, ToolCall, Trace

SHORTEST_OUTPUT = 12
"""Minimum characters of an answer that is looked for in other texts: `yes` is everywhere."""
_AHEAD = 200
"""Later calls that are searched for a use of an answer."""
_OBSERVATION = re.compile(r"\s*observation\b", re.IGNORECASE)
"""The beginning of a tool's result that an agent without tool messages is sent (ReAct,
arXiv:2210.03629)."""

_OUTPUTS = (
    *(semconv.OUTPUT, "output.value", "mlflow.spanOutputs", "traceloop.entity.output"),
    *("langfuse.trace.output", "langfuse.observation.output", semconv.OUTPUT_MESSAGES),
    *("gen_ai.completion", "ai.response.text", "final_result"),
    *("genkit:output", "mastra.agent_run.output"),
)
"""Where emitters write what a span around calls returned."""
_KINDS = (
    *("openinference.span.kind", "mlflow.spanType", "langfuse.observation.type"),
    semconv.OPERATION_NAME,
)
_JUDGES = ("evaluator", "evaluate", "guardrail")


def final_answer(trace: Trace, among: Sequence[Call] | None = None) -> Call | None:
    """The call that gave the user the answer, of these calls of the trace, by default all: the last
    one whose answer the root returned, else the last one with a whole answer. Evaluators' calls
    come last. None if no call has an answer."""
    calls = trace.calls if among is None else among
    whole = [call for call in calls if call.answer is not None and not call.truncated]
    judged = _judges(trace, whole)
    whole = [call for call in whole if call.id not in judged] or whole
    if len(whole) > 1:
        texts = list(_returned(trace, calls))
        for call in reversed(whole):
            if any(_says(text, (call.answer or "").strip()) for text in texts):
                return call
    return whole[-1] if whole else None


def steps_of(trace: Trace) -> frozenset[str]:
    """The ids of the calls whose answer went into a later call, and not to a user.

    Such an answer calls tools, and a later call holds them or asks the same question; or it is a
    text that stands in a later request, other than as an earlier turn of the conversation. The
    final answer is no step, and neither is anything in a batch of independent calls.
    """
    if len(trace.calls) < 2:
        return frozenset()
    final, judged = final_answer(trace), _judges(trace, trace.calls)
    calls = [call for call in trace.calls if call.id not in judged]
    later = list(zip(calls, _fresh(calls), strict=True))
    return frozenset(
        call.id
        for number, call in enumerate(calls, 1)
        if call is not final and call.answer is not None
        if _goes_on(call, later[number : number + _AHEAD])
    )


def answers_of(trace: Trace) -> frozenset[str]:
    """The ids of the calls that gave an answer to whoever asked: the final one, those whose text
    the root returned, and earlier turns of the conversation. All, as of a batch, where the root
    returned none of them and there are no steps."""
    steps, final, judged = steps_of(trace), final_answer(trace), _judges(trace, trace.calls)
    texts = list(_returned(trace, trace.calls))
    answers = {
        call.id: call.answer.strip()
        for call in trace.calls
        if call.answer is not None and call.id not in steps | judged
    }
    given = {one for one, answer in answers.items() if any(_says(text, answer) for text in texts)}
    if not steps and not given:
        return frozenset(answers)
    replied = _replied_to(trace)
    turns = {one for one, answer in answers.items() if any(_says(text, answer) for text in replied)}
    return frozenset(given | turns | ({final.id} if final else set())) & answers.keys()


def makes(call: Call, called: ToolCall) -> bool:
    """Whether the call's answer made this tool call: by id, or by tool and arguments if one is
    missing."""
    for own in call.tool_calls:
        if own.name != called.name:
            continue
        same = own.arguments_text == called.arguments_text
        if own.id == called.id if own.id and called.id else same:
            return True
    return False


# -- what a later call holds ------------------------------------------------------------------


def _fresh(calls: Sequence[Call]) -> list[list[int]]:
    """For each call the indices of the messages that no earlier call was sent."""
    known: set[tuple[str, str]] = set()
    found: list[list[int]] = []
    for call in calls:
        keys = [(message.role, message.content) for message in call.messages]
        found.append([n for n, key in enumerate(keys) if key not in known or not key[1]])
        known.update(keys)
    return found


def _goes_on(call: Call, later: Sequence[tuple[Call, Sequence[int]]]) -> bool:
    """Whether one of these calls, each with its new messages, goes on with the call's answer."""
    if call.tool_calls:
        return any(_holds(one, new, call) or _asks_the_same(call, one) for one, new in later)
    texts = _written((call.answer or "").strip())
    return any(_is_used(texts, one.messages, n) for one, new in later for n in new)


def _holds(later: Call, fresh: Sequence[int], call: Call) -> bool:
    parts = (part for n in fresh for part in later.messages[n].parts)
    return any(isinstance(part, ToolCall) and makes(call, part) for part in parts)


def _asks_the_same(call: Call, later: Call) -> bool:
    """Whether another request holds all that the user and the tools had said in the call's."""
    asked = [m.content.strip() for m in call.messages if m.role != "system"]
    if later.messages == call.messages or not any(asked):
        return False
    sent = [message.content.strip() for message in later.messages]
    return all(any(_says(one, text) for one in sent) for text in asked if text)


def _is_used(texts: Collection[str], messages: Sequence[Message], number: int) -> bool:
    """Whether the message holds the answer, and is no earlier turn that a user replied to."""
    said = any(_says(messages[number].content, text) for text in texts)
    return said and not _is_replied_to(messages, number)


def _replied_to(trace: Trace) -> set[str]:
    """The texts that a user replied to in a request of the trace."""
    return {
        message.content
        for call in trace.calls
        for number, message in enumerate(call.messages)
        if _is_replied_to(call.messages, number)
    }


def _is_replied_to(messages: Sequence[Message], number: int) -> bool:
    """Whether the message is an assistant's, and what follows is a user's own."""
    if messages[number].role != "assistant" or number + 1 == len(messages):
        return False
    after = messages[number + 1]
    result = any(slot.result for slot in after.slots) or _OBSERVATION.match(after.content)
    return after.role == "user" and not result


def _written(answer: str) -> set[str]:
    """An answer as it is, and as it stands inside JSON."""
    return {answer, *(json.dumps(answer, ensure_ascii=ascii)[1:-1] for ascii in (True, False))}


def _says(text: str, answer: str) -> bool:
    if len(answer) >= SHORTEST_OUTPUT:
        return answer in text
    return bool(answer) and answer == text.strip()


# -- what is around the calls -----------------------------------------------------------------


def _returned(trace: Trace, calls: Sequence[Call]) -> Iterator[str]:
    """The texts that the root returned, unless it is one of these calls."""
    root = next((span for span in trace.spans if span.span_id == trace.root_span_id), None)
    if root is None or any(call.span_id == root.span_id for call in calls):
        return
    for name in _OUTPUTS:
        if (value := root.attributes.get(name)) is not None:
            try:
                yield from _leaves(read_json(value) if isinstance(value, str) else value)
            except ForeignDataError:
                continue
            if isinstance(value, str):
                yield value


def _leaves(value: JSON) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(members):
                waiting += members.values()
            case list(items):
                waiting += items


def _judges(trace: Trace, calls: Sequence[Call]) -> set[str]:
    """The calls inside a span that checks or evaluates an answer, as far as emitters say so."""
    spans = {span.span_id: span for span in trace.spans}
    return {
        call.id
        for call in calls
        if (own := spans.get(call.span_id)) is not None
        and any(map(_is_judge, (own, *around(own, spans))))
    }


def _is_judge(span: Span) -> bool:
    said = (span.attributes.get(name) for name in _KINDS)
    return any(isinstance(kind, str) and kind.strip('"').casefold() in _JUDGES for kind in said)
