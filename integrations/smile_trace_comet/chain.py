"""A stored trace as CometLLM keeps it: one prompt, or a chain with a node per span.

Format: comet_llm 2.2.7, `prompts/api.py` and `chains/{chain,span}.py` (asset version 3). We
build it from the stored trace, because comet_llm's own chains are kept per thread and mix up
concurrent asyncio calls.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from smile_trace import semconv
from smile_trace.dialects import read_calls
from smile_trace.records import JSON, Call, Feedback, PromptUse, Span, Trace
from smile_trace.records.sanitize import plain
from smile_trace_comet.parameters import flat_parameters

ASSET_VERSION = 3
USER_FEEDBACK = "user_feedback"
"""The metric that comet_llm's `log_user_feedback` writes and its query language knows."""


@dataclass(frozen=True)
class LLMTrace:
    """One CometLLM trace, ready to be sent. Times are in milliseconds."""

    key: str
    data: dict[str, JSON]
    parameters: dict[str, JSON] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


def llm_trace(trace: Trace) -> LLMTrace:
    """The CometLLM trace of a stored trace; its key is the trace's id."""
    metadata = _trace_metadata(trace)
    single = len(trace.spans) == 1 and len(trace.calls) == 1
    data = _single_prompt(trace.calls[0]) if single else _chain(trace)
    start, end = _times(trace)
    data |= {
        "version": ASSET_VERSION,
        "metadata": metadata,
        "start_timestamp": start,
        "end_timestamp": end,
        "chain_duration": end - start,
    }
    return LLMTrace(
        key=trace.trace_id,
        data=plain(data),
        parameters=plain(flat_parameters(metadata)),
        metrics={"chain_duration": end - start} | feedback_metrics(trace.feedback),
        tags=[str(plain(tag)) for tag in _tags(trace)],
    )


def feedback_metrics(feedback: Iterable[Feedback]) -> dict[str, float]:
    """The newest score of each name; the plain one under the name that CometLLM knows."""
    return {
        one.name if one.name == USER_FEEDBACK else f"feedback.{one.name}": one.score
        for one in sorted(feedback, key=lambda one: one.at_ns)
    }


# -- inputs and outputs ---------------------------------------------------------------------


def _single_prompt(call: Call) -> dict[str, JSON]:
    """As `comet_llm.log_prompt` writes it, plus the messages where there are several."""
    node = _node(1, call.name, call.start_ns, call.end_ns) | _call_fields(call)
    return {
        "chain_nodes": [{**node, "parent_ids": []}],
        "chain_inputs": node["inputs"],
        "chain_outputs": node["outputs"],
        "category": "single_prompt",
    }


def _chain(trace: Trace) -> dict[str, JSON]:
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
    fields = _call_fields(calls[root.span_id]) if root.span_id in calls else _context_fields(root)
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
    """The nodes around a span, outermost first."""
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
    """`final_prompt` is the message that holds the template, else the last one of the user."""
    use = call.prompts[0] if call.prompts else None
    inputs: dict[str, JSON] = {
        "final_prompt": _final_prompt(call, use),
        "prompt_template": use.template if use else None,
        "prompt_template_variables": dict(use.variables) if use else None,
    }
    if len(call.messages) > 1 or any(message.role != "user" for message in call.messages):
        inputs["messages"] = [message.model_dump() for message in call.messages]
    return {
        "category": "llm-call",
        "inputs": inputs,
        "outputs": {"output": call.answer},
        "metadata": call_metadata(call),
    }


def _final_prompt(call: Call, use: PromptUse | None) -> str:
    if use is not None and use.message < len(call.messages):
        return call.messages[use.message].content
    of_user = [message.content for message in call.messages if message.role == "user"]
    return (of_user or [message.content for message in call.messages] or [""])[-1]


def _context_fields(span: Span) -> dict[str, JSON]:
    """A span around calls may hold messages itself, where its function took a single text."""
    sent, got = (_loads(span.attributes.get(n)) for n in (semconv.INPUT, semconv.OUTPUT))
    for around in read_calls([span]):
        alone = len(around.messages) == 1 and around.messages[0].content
        sent = alone or [message.model_dump() for message in around.messages]
        got = around.answer
    return {
        "category": "span",
        "inputs": _as_object(sent, "input"),
        "outputs": _as_object(got, "output"),
        "metadata": _known(
            {
                "span_id": span.span_id,
                "status": span.attributes.get(semconv.STATUS),
                "error": span.status_message or None,
            }
        ),
    }


def _loads(value: JSON) -> JSON:
    """The value of an attribute that travels as JSON; a text that is none is taken as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


def _as_object(value: JSON, name: str) -> dict[str, JSON]:
    """An object, as comet_llm wants inputs and outputs."""
    return value if isinstance(value, dict) else {name: value}


# -- metadata -------------------------------------------------------------------------------


def call_metadata(call: Call) -> dict[str, JSON]:
    """What is known of a call besides its texts."""
    prompts = [{"name": use.name, "version": use.version} for use in call.prompts]
    usage = call.usage
    counts = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
    return _known(
        {
            "model": call.model,
            "provider": call.provider,
            "parameters": call.parameters,
            "usage": _usage([counts]),
            "prompt": prompts[0] if prompts else None,
            "other_prompts": [use.model_dump() for use in call.prompts[1:]] or None,
            "status": call.status,
            "error": call.error,
            "finish_reason": call.finish_reason,
            "response_id": call.response_id,
            "session": call.session,
            "user": call.user,
            "tags": call.tags,
            "external_trace": call.external_trace,
            "cut": call.truncated or None,
            "no_content": call.no_content,
            "span_id": call.span_id,
            "metadata": call.metadata,
        }
    )


def _trace_metadata(trace: Trace) -> dict[str, JSON]:
    """The metadata of the whole: of its only call, or what its calls have in common."""
    own = {
        "service": trace.service_name,
        "trace_id": trace.trace_id,
        "root_missing": trace.root_missing or None,
        "feedback": {
            one.name: _known({"score": one.score, "comment": one.comment})
            for one in sorted(trace.feedback, key=lambda one: one.at_ns)
        },
    }
    if len(trace.calls) == 1:
        return call_metadata(trace.calls[0]) | _known(own)
    fields = [call_metadata(call) for call in trace.calls]
    common: dict[str, JSON] = {
        name: fields[0][name]
        for name in ("model", "provider", "prompt", "session", "user")
        if fields
        and all(one.get(name) == fields[0].get(name) for one in fields)
        and name in fields[0]
    }
    counts = [
        (call.usage.input_tokens, call.usage.output_tokens) for call in trace.calls if call.usage
    ]
    return _known({**common, "calls": len(trace.calls), "usage": _usage(counts), **own})


def _usage(counts: Sequence[tuple[int | None, int | None]]) -> dict[str, JSON]:
    """Token counts under the names that CometLLM's documentation uses."""
    sent = [i for i, _ in counts if i is not None]
    received = [o for _, o in counts if o is not None]
    return _known(
        {
            "prompt_tokens": sum(sent) if sent else None,
            "completion_tokens": sum(received) if received else None,
            "total_tokens": sum(sent) + sum(received) if sent and received else None,
        }
    )


def _known(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


def _tags(trace: Trace) -> list[str]:
    of_calls = {f"{key}:{value}" for call in trace.calls for key, value in call.tags.items()}
    of_prompts = {f"{use.name} v{use.version}" for call in trace.calls for use in call.prompts}
    return sorted(of_calls | of_prompts)


def _times(trace: Trace) -> tuple[int, int]:
    start = min(span.start_ns for span in trace.spans) // 1_000_000
    return start, max(span.end_ns for span in trace.spans) // 1_000_000
