"""OpenInference: what its instrumentors write (`smile_trace.instrument` uses them).

Source: Arize OpenInference, "Semantic Conventions" (`llm.input_messages`, `llm.prompts`, …).
"""

from smile_trace import semconv
from smile_trace.dialects.gen_ai import (
    NOT_CAPTURED,
    read_error,
    read_external_trace,
    read_object,
    read_prompts,
    read_status,
    read_text,
    read_truncated,
)
from smile_trace.dialects.indexed import read_indexed
from smile_trace.records.base import JSON
from smile_trace.records.call import Call, Form, Message, Span, Usage

_KIND = "openinference.span.kind"
_NOT_PARAMETERS = {"model", "messages", "prompt", "input", "stream", "stream_options", "user"}


def read_call(span: Span) -> Call | None:
    """The call that a span holds; None where it is no LLM span of OpenInference's."""
    a = span.attributes
    if a.get(_KIND) != "LLM":
        return None
    prompts = [str(item["prompt.text"]) for item in read_indexed(a, "llm.prompts")]
    messages = tuple(_message(item) for item in read_indexed(a, "llm.input_messages"))
    form: Form = "chat"
    if prompts and not messages:
        messages, form = (Message(role="user", content=prompts[0]),), "completion"
    answer, no_content = _answer(span)
    return Call(
        trace_id=span.trace_id,
        span_id=span.span_id,
        name=span.name,
        form=form,
        messages=messages,
        answer=answer,
        status=read_status(span),
        error=read_error(span),
        model=_model(a),
        provider=read_text(a.get("llm.provider")) or read_text(a.get("llm.system")),
        parameters=_parameters(a),
        usage=_usage(a),
        finish_reason=read_text(a.get("llm.finish_reason")),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        prompts=read_prompts(a.get(semconv.PROMPTS), messages),
        session=read_text(a.get(semconv.SESSION_ID)),
        user=read_text(a.get(semconv.USER_ID)),
        metadata=read_object(a.get("metadata")),
        external_trace=read_external_trace(a),
        truncated=read_truncated(a),
        no_content=no_content,
        unrepeatable=_unrepeatable(a),
    )


def _answer(span: Span) -> tuple[str | None, str | None]:
    """The first answer's text, or why there is none."""
    a = span.attributes
    outputs = read_indexed(a, "llm.output_messages")
    if outputs:
        content = _message(outputs[0]).content
        if not content and any(name.startswith("message.tool_calls.") for name in outputs[0]):
            return None, "the answer is no text but tool_call"
        return content, None
    choices = read_indexed(a, "llm.choices")
    if choices:
        return str(choices[0].get("completion.text", "")), None
    if read_status(span) != "returned":
        return None, None
    # A completion's text stands in the output alone where the instrumentor knows no choices.
    output = a.get("output.value")
    if isinstance(output, str) and a.get("output.mime_type") != "application/json":
        return output, None
    found = read_object(output).get("choices")
    text = found[0].get("text") if isinstance(found, list) and found else None
    return (text, None) if isinstance(text, str) else (None, NOT_CAPTURED)


def _message(item: dict[str, JSON]) -> Message:
    """A message's texts, one per line; capture looks for prompts in the same."""
    contents = read_indexed(item, "message.contents")
    texts = [item["message.content"]] if "message.content" in item else []
    texts += [c["message_content.text"] for c in contents if "message_content.text" in c]
    return Message(
        role=str(item.get("message.role") or "user"), content="\n".join(str(t) for t in texts)
    )


def _unrepeatable(attributes: dict[str, JSON]) -> str | None:
    """Why the texts of the messages alone are not the request that was sent."""
    for item in read_indexed(attributes, "llm.input_messages"):
        kinds = {
            c.get("message_content.type", "text") for c in read_indexed(item, "message.contents")
        }
        kinds |= {"tool_call" for name in item if name.startswith("message.tool_call")}
        other = sorted(kind for kind in map(str, kinds) if not kind.endswith("text"))
        if other:
            return f"its messages hold more than text: {', '.join(other)}"
    return None


def _model(attributes: dict[str, JSON]) -> str | None:
    """The model that was asked for; the name that answered may be a dated version of it."""
    request = read_object(attributes.get("llm.invocation_parameters"))
    for name in (request.get("model"), attributes.get("llm.request.model_name")):
        if isinstance(name, str) and name:
            return name
    return read_text(attributes.get("llm.model_name"))


def _parameters(attributes: dict[str, JSON]) -> dict[str, JSON]:
    request = read_object(attributes.get("llm.invocation_parameters"))
    return {name: value for name, value in request.items() if name not in _NOT_PARAMETERS}


def _usage(attributes: dict[str, JSON]) -> Usage | None:
    sent, got = (attributes.get(f"llm.token_count.{what}") for what in ("prompt", "completion"))
    if sent is None and got is None:
        return None
    return Usage(
        input_tokens=sent if isinstance(sent, int) else None,
        output_tokens=got if isinstance(got, int) else None,
    )
