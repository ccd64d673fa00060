"""A trace in CometLLM's format: one prompt, or a "chain" with a node per span.

Format: comet_llm 2.2.7, `prompts/api.py` and `chains/{chain,span}.py` (asset version 3). Its own
chains are kept per thread and mix up concurrent asyncio calls, so they are not used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from smile_trace import semconv
from smile_trace.dialects.answers import final_answer
from smile_trace.dialects.traces import read_alone
from smile_trace.records import JSON, Call, PromptUse, Span, Trace, chat_messages
from smile_trace.trackers.fields import (
    call_metadata,
    call_output,
    decoded,
    known,
    newest_feedback,
    strict_json,
    tags,
    token_usage,
    trace_times,
)

ASSET_VERSION = 3
USER_FEEDBACK = "user_feedback"
"""The metric that comet_llm's `log_user_feedback` writes and its query language knows."""
PARAMETER_CHARACTERS = 500
"""A parameter is a column of the project's list; the whole text is in the trace itself."""


@dataclass(frozen=True)
class LLMTrace:
    """One CometLLM trace, ready to be sent. Times are in milliseconds."""

    key: str
    data: dict[str, JSON]
    parameters: dict[str, JSON] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


def llm_trace(trace: Trace) -> LLMTrace:
    """Make the CometLLM trace of a stored trace; its key is the trace's id."""
    metadata = _trace_metadata(trace)
    single = len(trace.spans) == 1 and len(trace.calls) == 1
    data = _single_prompt(trace.calls[0]) if single else _nested(trace)
    start, end = (at // 1_000_000 for at in trace_times(trace))
    data |= {
        "version": ASSET_VERSION,
        "metadata": metadata,
        "start_timestamp": start,
        "end_timestamp": end,
        "chain_duration": end - start,
    }
    return LLMTrace(
        key=trace.trace_id,
        data=strict_json(data),
        parameters=strict_json(flat_parameters(metadata)),
        metrics={"chain_duration": end - start} | feedback_metrics(trace),
        tags=[str(strict_json(tag)) for tag in tags(trace.calls)],
    )


def feedback_metrics(trace: Trace) -> dict[str, float]:
    """Return the newest score of each name; the plain one has the name that CometLLM knows."""
    return {
        one.name if one.name == USER_FEEDBACK else f"feedback.{one.name}": one.score
        for one in newest_feedback(trace)
    }


# -- inputs and outputs ---------------------------------------------------------------------


def _single_prompt(call: Call) -> dict[str, JSON]:
    """Write a call as `comet_llm.log_prompt` does, plus the messages if there are several."""
    node = _node(1, call.name, call.start_ns, call.end_ns) | _call_fields(call)
    return {
        "chain_nodes": [{**node, "parent_ids": []}],
        "chain_inputs": node["inputs"],
        "chain_outputs": node["outputs"],
        "category": "single_prompt",
    }


def _nested(trace: Trace) -> dict[str, JSON]:
    """The root is the chain, the spans inside it are its nodes; a root that is a call is both."""
    calls = {call.span_id: call for call in trace.calls}
    root = trace.span(trace.root_span_id)
    inside = [span for span in trace.spans if span is not root or span.span_id in calls]
    numbers = {span.span_id: number for number, span in enumerate(inside, start=1)}
    parents = {span.span_id: span.parent_id for span in trace.spans}
    nodes = []
    for span in inside:
        call = calls.get(span.span_id)
        nodes.append(
            _node(numbers[span.span_id], span.name, span.start_ns, span.end_ns)
            | (_context_fields(span) if call is None else _call_fields(call))
            | {"parent_ids": _ancestors(span.span_id, parents, numbers)}
        )
    fields = _call_fields(calls[root.span_id]) if root.span_id in calls else _root_fields(trace)
    return {
        "chain_nodes": nodes,
        "chain_inputs": fields["inputs"],
        "chain_outputs": fields["outputs"],
        "category": "chain",
    }


def _node(number: int, name: str, start_ns: int, end_ns: int) -> dict[str, JSON]:
    start, end = start_ns // 1_000_000, end_ns // 1_000_000
    return {
        "id": number,
        "name": name,
        "duration": end - start,
        "start_timestamp": start,
        "end_timestamp": end,
    }


def _ancestors(
    span_id: str, parents: Mapping[str, str | None], numbers: Mapping[str, int]
) -> list[int]:
    around: list[int] = []
    seen = {span_id}
    parent = parents.get(span_id)
    while parent is not None and parent not in seen:
        seen.add(parent)
        if parent in numbers:
            around.insert(0, numbers[parent])
        parent = parents.get(parent)
    return around


def _call_fields(call: Call) -> dict[str, JSON]:
    """`final_prompt` is the message that holds the template, else the user's last message."""
    use = call.prompts[0] if call.prompts else None
    inputs: dict[str, JSON] = {
        "final_prompt": _final_prompt(call, use),
        "prompt_template": use.template if use else None,
        "prompt_template_variables": dict(use.variables) if use else None,
    }
    if len(call.messages) > 1 or any(message.role != "user" for message in call.messages):
        inputs["messages"] = chat_messages(call.messages)
    return {
        "category": "llm-call",
        "inputs": inputs,
        "outputs": {"output": call.answer},
        "metadata": _metadata(call),
    }


def _final_prompt(call: Call, use: PromptUse | None) -> str:
    if use is not None and use.message < len(call.messages):
        return call.messages[use.message].content
    of_user = [message.content for message in call.messages if message.role == "user"]
    return (of_user or [message.content for message in call.messages] or [""])[-1]


def _root_fields(trace: Trace) -> dict[str, JSON]:
    """The fields of a root around calls; an answer that it does not hold is the final one."""
    fields = _context_fields(trace.span(trace.root_span_id))
    if fields["outputs"] == {"output": None} and (final := final_answer(trace)) is not None:
        return {**fields, "outputs": call_output(final)}
    return fields


def _context_fields(span: Span) -> dict[str, JSON]:
    """A span around calls may hold messages itself, if its function took a single text."""
    sent, got = (decoded(span.attributes.get(n)) for n in (semconv.INPUT, semconv.OUTPUT))
    if (call := read_alone(span)) is not None:
        alone = len(call.messages) == 1 and call.messages[0].content
        sent = alone or chat_messages(call.messages)
        got = call.answer
    return {
        "category": "span",
        "inputs": sent if isinstance(sent, dict) else {"input": sent},
        "outputs": got if isinstance(got, dict) else {"output": got},
        "metadata": known(
            {
                "span_id": span.span_id,
                "status": span.attributes.get(semconv.STATUS),
                "error": span.status_message or None,
            }
        ),
    }


# -- metadata -------------------------------------------------------------------------------


def _metadata(call: Call) -> dict[str, JSON]:
    prompts = [{"name": use.name, "version": use.version} for use in call.prompts]
    return known(
        {
            **call_metadata(call),
            "model": call.model,
            "provider": call.provider,
            "usage": token_usage([call]),
            "prompt": prompts[0] if prompts else None,
            "other_prompts": [use.model_dump() for use in call.prompts[1:]],
            "error": call.error,
            "session": call.session,
            "tags": call.tags,
            "span_id": call.span_id,
            "metadata": call.metadata,
        }
    )


def _trace_metadata(trace: Trace) -> dict[str, JSON]:
    """Return the metadata of the only call, or what the calls have in common."""
    own = {
        "service": trace.service_name,
        "trace_id": trace.trace_id,
        "root_missing": trace.root_missing or None,
        "feedback": {
            one.name: known({"score": one.score, "comment": one.comment})
            for one in newest_feedback(trace)
        },
    }
    if len(trace.calls) == 1:
        return _metadata(trace.calls[0]) | known(own)
    fields = [_metadata(call) for call in trace.calls]
    common: dict[str, JSON] = {
        name: fields[0][name]
        for name in ("model", "provider", "prompt", "session", "user")
        if fields
        and all(one.get(name) == fields[0].get(name) for one in fields)
        and name in fields[0]
    }
    usage = token_usage(trace.calls)
    return known({**common, "calls": len(trace.calls), "usage": usage, **own})


def flat_parameters(metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """Flatten metadata into dotted parameters, without None; lists become JSON, long texts are cut.
    If a dotted and a nested name collide, at which comet_llm's flattening fails, the later wins."""
    parameters: dict[str, JSON] = {}
    for key, value in metadata.items():
        if isinstance(value, Mapping):
            for inner, leaf in flat_parameters(value).items():
                parameters[f"{key}.{inner}"] = leaf
        elif value is not None:
            parameters[key] = _leaf(value)
    return parameters


def _leaf(value: JSON) -> JSON:
    if isinstance(value, list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and len(value) > PARAMETER_CHARACTERS:
        return value[: PARAMETER_CHARACTERS - 1] + "…"
    return value
