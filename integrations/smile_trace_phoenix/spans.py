"""Our spans as Phoenix shows them: copies with OpenInference's attributes.

Source: OpenInference's semantic conventions. Phoenix itself reads a part of the GenAI conventions,
but no answer without a finish reason.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smile_trace import semconv
from smile_trace.records import JSON, Call, Document, Message, Span, Trace, chat_messages
from smile_trace.trackers.fields import (
    SpanRole,
    call_label,
    call_metadata,
    in_their_places,
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
    without_nul,
)

PROJECT = "openinference.project.name"
"""Resource attribute: the project of a new trace."""
KIND = "openinference.span.kind"
_TOKENS = {"prompt_tokens": "prompt", "completion_tokens": "completion", "total_tokens": "total"}


def spans_for_phoenix(traces: Iterable[Trace], project: str) -> Iterator[Span]:
    """Yield the traces' spans with OpenInference's attributes; spans that have them are kept."""
    resources: dict[int, dict[str, JSON]] = {}
    for trace in traces:
        for role in span_roles(trace):
            yield in_project(_shown_span(role, trace), project, resources)


def _shown_span(role: SpanRole, trace: Trace) -> Span:
    span, shown, name = role.span, dict[str, JSON](), role.span.name
    if KIND not in span.attributes:
        if role.call is not None:
            shown, name = _of_call(role.call), call_label(role.call)
        elif role.documents is not None:
            shown = _of_retriever(span, role.documents)
        else:
            shown = _of_context(span, trace, is_root=role.is_root)
    if role.is_root:
        shown |= _of_trace(trace)
    return role.showing(name, shown)


def in_project(
    span: Span, project: str, resources: dict[int, dict[str, JSON]] | None = None
) -> Span:
    """Return the span for a project, if its trace is new; without NUL, for which Phoenix drops
    spans. `resources`: those made already, by the one of the span, which others share."""
    made = {} if resources is None else resources
    resource = made.get(id(span.resource))
    if resource is None:
        resource = made[id(span.resource)] = {**without_nul(span.resource), PROJECT: project}
    cleaned, name = without_nul(span.attributes), without_nul(span.name)
    return span.model_copy(update={"name": name, "attributes": cleaned, "resource": resource})


def _of_call(call: Call) -> dict[str, JSON]:
    said = Message(role="assistant", content=call.answer or "", parts=call.tool_calls)
    answered = call.answer is not None or call.tool_calls
    return known(
        {
            KIND: "LLM",
            "llm.model_name": model_label(call.model),
            "llm.provider": call.provider,
            "llm.invocation_parameters": json_text(call.parameters) if call.parameters else None,
            "input.value": call.messages[-1].content if call.messages else None,
            "output.value": call.answer or None,
            **_messages("llm.input_messages", call.messages),
            **(_messages("llm.output_messages", [said]) if answered else {}),
            **{f"llm.token_count.{_TOKENS[k]}": v for k, v in token_usage([call]).items()},
            **_prompt(call),
            semconv.SESSION_ID: call.session,
            semconv.USER_ID: call.user,
            "metadata": json_text({**call_metadata(call), **call.metadata}),
            "tag.tags": tags([call]),
        }
    )


def _prompt(call: Call) -> dict[str, JSON]:
    """OpenInference has a place for the first prompt; all of them are kept as JSON."""
    if not call.prompts:
        return {}
    first = call.prompts[0]
    return {
        semconv.TEMPLATE: first.template,
        semconv.TEMPLATE_VARIABLES: json_text(first.variables),
        semconv.TEMPLATE_VERSION: first.version,
        "llm.prompt_template.name": first.name,
        semconv.PROMPTS: json_text(prompt_uses(call)),
    }


def _messages(prefix: str, messages: Sequence[Message]) -> dict[str, JSON]:
    """Flatten messages of OpenAI's shape, as OpenInference has them."""
    flat: dict[str, JSON] = {}
    for number, message in enumerate(chat_messages(messages)):
        at = f"{prefix}.{number}.message"
        flat[f"{at}.role"] = message["role"]
        flat |= {
            f"{at}.{name}": message[name] for name in ("name", "tool_call_id") if message.get(name)
        }
        content = message.get("content")
        if isinstance(content, str):
            flat[f"{at}.content"] = content
        for place, part in enumerate(content if isinstance(content, list) else ()):
            flat |= _part(f"{at}.contents.{place}.message_content", part)
        for place, call in enumerate(message.get("tool_calls") or ()):
            flat |= _tool_call(f"{at}.tool_calls.{place}.tool_call", call)
    return flat


def _part(at: str, part: Mapping[str, JSON]) -> dict[str, JSON]:
    if part["type"] == "image_url":
        return {f"{at}.type": "image", f"{at}.image.image.url": part["image_url"]["url"]}
    text = part["text"] if part["type"] == "text" else f"({part['type'].replace('_', ' ')})"
    return {f"{at}.type": "text", f"{at}.text": text}


def _tool_call(at: str, call: Mapping[str, JSON]) -> dict[str, JSON]:
    called = call.get("function") or call.get("custom") or {}
    return {
        f"{at}.id": call.get("id"),
        f"{at}.function.name": called.get("name"),
        f"{at}.function.arguments": called.get("arguments", called.get("input")),
    }


def _of_context(span: Span, trace: Trace, *, is_root: bool) -> dict[str, JSON]:
    """Return a context span's attributes; a root without input or output borrows from its calls."""
    took, gave = map(_shown, trace_io(trace) if is_root else span_io(span))
    return known({KIND: "CHAIN", "input.value": took, "output.value": gave})


def _shown(value: Mapping[str, JSON] | None) -> str | None:
    """Return `shown_text`, or the last message's text."""
    messages = value.get("messages") if value and len(value) == 1 else None
    last = messages[-1] if isinstance(messages, list) and messages else None
    said = last.get("content") if isinstance(last, dict) else None
    return said if isinstance(said, str) else shown_text(value)


def _of_retriever(span: Span, documents: Sequence[Document]) -> dict[str, JSON]:
    """Return the retrieved documents, each at the position by which it is annotated."""
    shown: dict[str, JSON] = {KIND: "RETRIEVER", "input.value": _shown(span_io(span)[0])}
    for position, document in enumerate(in_their_places(documents)):
        at, source = f"retrieval.documents.{position}.document", document.source
        shown |= {
            f"{at}.content": document.text,
            f"{at}.id": document.id,
            f"{at}.score": document.score,
            f"{at}.metadata": json_text({"source": source}) if source else None,
        }
    return {key: value for key, value in shown.items() if value is not None}


def _of_trace(trace: Trace) -> dict[str, JSON]:
    """Return the session of the calls: Phoenix groups traces by the root's session."""
    sessions = (call.session for call in trace.calls)
    users = (call.user for call in trace.calls)
    return known(
        {
            semconv.SESSION_ID: next(filter(None, sessions), None),
            semconv.USER_ID: next(filter(None, users), None),
        }
    )
