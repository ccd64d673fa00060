"""Our spans as Langfuse shows them: copies with the attributes of its own SDK.

Source: langfuse 5, `_client/attributes.py`.
"""

from collections.abc import Iterator

from smile_trace import semconv
from smile_trace.records import JSON, Call, Message, Span, Trace, chat_messages
from smile_trace.trackers.fields import (
    SpanRole,
    call_input,
    call_label,
    call_metadata,
    json_text,
    known,
    model_label,
    prompt_uses,
    shown_text,
    span_io,
    span_roles,
    tags,
    token_usage,
    trace_io,
)

_OBSERVATION, _TRACE = "langfuse.observation.", "langfuse.trace."
_TOKENS = {"prompt_tokens": "input", "completion_tokens": "output", "total_tokens": "total"}
_OURS = ("langfuse.", "smile", "gen_ai.evaluation.")


def spans_for_langfuse(trace: Trace) -> Iterator[Span]:
    """Yield the trace's spans with Langfuse's attributes; spans of its SDK keep their own."""
    for role in span_roles(trace):
        shown: dict[str, JSON] = {}
        name = role.span.name
        if f"{_OBSERVATION}type" not in role.span.attributes:
            if role.call is not None:
                shown, name = _of_call(role.call), call_label(role.call)
            else:
                shown = _of_context(role, trace)
        if role.is_root:
            shown |= _of_trace(trace, name)
        yield role.showing(name, shown)


def evaluator(span: Span, output: str) -> Span:
    """Strip a late span to what Langfuse reads; the rest would end up in its metadata."""
    kept = {name: value for name, value in span.attributes.items() if name.startswith(_OURS)}
    return span.model_copy(update={"attributes": {**kept, f"{_OBSERVATION}output": output}})


def _of_call(call: Call) -> dict[str, JSON]:
    prompt = call.prompts[0] if call.prompts else None
    version = int(prompt.version) if prompt and str(prompt.version).isdecimal() else None
    usage = {_TOKENS[name]: count for name, count in token_usage([call]).items()}
    [asked] = call_input(call).values()
    metadata = {**call_metadata(call), **call.metadata, "prompts": prompt_uses(call)}
    about: dict[str, JSON] = {
        "type": "generation",
        "input": asked if isinstance(asked, str) else json_text(asked),
        "output": _answer(call),
        "model.name": model_label(call.model),
        "model.parameters": json_text(call.parameters) if call.parameters else None,
        "usage_details": json_text(usage) if usage else None,
        # Langfuse links its own prompts, which it numbers.
        "prompt.name": prompt.name if prompt and version is not None else None,
        "prompt.version": version,
        "level": "ERROR" if call.error else None,
        "status_message": call.error,
    }
    about |= {
        f"metadata.{name}": value if isinstance(value, str) else json_text(value)
        for name, value in known(metadata).items()
    }
    return {f"{_OBSERVATION}{name}": value for name, value in known(about).items()}


def _answer(call: Call) -> str | None:
    if not call.tool_calls:
        return call.answer
    said = Message(role="assistant", content="", parts=call.tool_calls)
    return json_text(chat_messages([said])[0])


def _of_context(role: SpanRole, trace: Trace) -> dict[str, JSON]:
    took, gave = map(shown_text, trace_io(trace) if role.is_root else span_io(role.span))
    kind = "span" if role.documents is None else "retriever"
    about = {"type": kind, "input": took, "output": gave}
    return {f"{_OBSERVATION}{name}": value for name, value in known(about).items()}


def _of_trace(trace: Trace, name: str) -> dict[str, JSON]:
    first = trace.calls[0] if trace.calls else None
    return known(
        {
            f"{_TRACE}name": name,
            f"{_TRACE}tags": tags(trace.calls),
            semconv.SESSION_ID: first.session if first else None,
            semconv.USER_ID: first.user if first else None,
        }
    )
