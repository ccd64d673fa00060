"""Inputs of a template: confirmed failures with their expected answers, and varied requests."""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace._text.prompts import VARIABLE
from smile_trace.comparison.version_replay import Input
from smile_trace.dialects.templates import filled_in
from smile_trace.probes import Probe, Variant
from smile_trace.probes.kinds.contexts import Hijack
from smile_trace.probes.review.tasks import confirmed_tasks
from smile_trace.records import Call, Message, Prompted, PromptUse
from smile_trace.store import Store


@dataclass(frozen=True)
class ConfirmedCase:
    """A confirmed failure: the request of the logged `call`, changed. Cases of one `request` (its
    id) are not independent; `planted`: with an instruction in it."""

    call: Call
    input: Input
    expected: str
    failed: str
    request: str
    planted: bool


def cases_of(
    store: Store, prompt: str, version: str, template: str, traffic: Sequence[Call]
) -> list[ConfirmedCase]:
    """The confirmed failures whose changed request still holds the template; others say nothing
    about another template. A case takes the parameters of its call in `traffic`."""
    by_trace = {call.trace_id: call for call in traffic}
    found = []
    for task in confirmed_tasks(store, name=prompt):
        call = by_trace.get(task.item.trace_id)
        use = None if call is None else use_in(task.changed_messages, prompt, version, template)
        if call is not None and use is not None:
            asked = call.model_copy(update={"messages": task.changed_messages, "prompts": (use,)})
            case = ConfirmedCase(
                call=call,
                input=Input(asked, use),
                expected=task.answer,
                failed=task.changed_answer,
                request=task.item.prompt,
                planted=task.item.probe == Hijack.words.name,
            )
            found.append(case)
    return found


def without_document(item: Input, text: str) -> Input | None:
    """The input without a document's text; None if it does not hold the text."""
    messages = list(item.call.messages)
    for m, message in enumerate(messages):
        at = message.content.find(text)
        if at >= 0:
            messages[m] = message.replaced(at, at + len(text), "")
            use = use_in(messages, item.use.name, item.use.version, item.use.template)
            if use is not None:
                return Input(item.call.model_copy(update={"messages": tuple(messages)}), use)
    return None


def use_in(messages: Sequence[Message], name: str, version: str, template: str) -> PromptUse | None:
    """The template's place in these messages, with its variables' values; None if not certain."""
    for m, message in enumerate(messages):
        if VARIABLE.search(template):
            place = filled_in(template, message.content)
        else:
            start = message.content.find(template)
            place = None if start < 0 else (start, start + len(template), [])
        if place is not None:
            start, end, spans = place
            return PromptUse(
                name=name,
                version=version,
                template=template,
                variables={one.name: message.content[one.start : one.end] for one in spans},
                message=m,
                start=start,
                end=end,
                variable_spans=tuple(spans),
            )
    return None


@dataclass(frozen=True)
class Varied:
    """A variant of a call's request that still holds the template; `of` is the request."""

    of: Input
    input: Input
    variant: Variant


def varied_by(probe: Probe, inputs: Sequence[Input], seed: int) -> list[Varied]:
    """One variant of each call that the probe can vary, another from call to call."""
    found = []
    for number, item in enumerate(inputs):
        every = [
            Varied(item, Input(item.call.model_copy(update={"messages": one.messages}), use), one)
            for one in probe.variants(Prompted.of(item.call), seed + number)
            if (use := use_in(one.messages, item.use.name, item.use.version, item.use.template))
        ]
        if every:
            found.append(every[number % len(every)])
    return found
