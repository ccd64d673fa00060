"""OpenInference: what its instrumentors write (`smile_trace.instrument` uses them).

Source: Arize OpenInference, "Semantic Conventions" (`llm.input_messages`, `llm.prompts`, …).
"""

from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import (
    NOT_CAPTURED,
    call_fields,
    read_indexed,
    read_object,
    read_prompts,
    read_status,
    read_text,
    read_usage,
)
from smile_trace.records.base import JSON
from smile_trace.records.call import Call, Form, Message, Span

_KIND = "openinference.span.kind"
_NOT_PARAMETERS = {"model", "messages", "prompt", "input", "stream", "stream_options", "user"}


class OpenInference:
    """A call is a span of the kind LLM."""

    name: ClassVar[str] = "openinference"

    def recognises(self, span: Span) -> bool:
        """Whether the span is of the kind LLM."""
        return span.attributes.get(_KIND) == "LLM"

    def read_call(self, span: Span) -> Call:
        """The call; a completion where there are prompts in place of messages."""
        a = span.attributes
        prompts = [i["prompt.text"] for i in read_indexed(a, "llm.prompts") if "prompt.text" in i]
        messages = tuple(_message(item) for item in read_indexed(a, "llm.input_messages"))
        form: Form = "chat"
        if prompts and not messages:
            messages, form = (Message(role="user", content=str(prompts[0])),), "completion"
        answer, no_content = _answer(span)
        return Call(
            **call_fields(span),
            form=form,
            messages=messages,
            answer=answer,
            model=_model(a),
            provider=read_text(a.get("llm.provider")) or read_text(a.get("llm.system")),
            parameters=_parameters(a),
            usage=read_usage(a.get("llm.token_count.prompt"), a.get("llm.token_count.completion")),
            finish_reason=read_text(a.get("llm.finish_reason")),
            prompts=read_prompts(span, messages),
            session=read_text(a.get(semconv.SESSION_ID)),
            user=read_text(a.get(semconv.USER_ID)),
            metadata=read_object(a.get("metadata")),
            no_content=no_content,
            not_repeatable=_not_repeatable(a),
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
    # Instrumentors that write no choices have a completion's text in the output only.
    output = a.get("output.value")
    if isinstance(output, str) and a.get("output.mime_type") != "application/json":
        return output, None
    found = read_object(output).get("choices")
    text = read_object(found[0]).get("text") if isinstance(found, list) and found else None
    return (text, None) if isinstance(text, str) else (None, NOT_CAPTURED)


def _message(item: dict[str, JSON]) -> Message:
    """A message's texts, one per line; capture looks for prompts in the same."""
    contents = read_indexed(item, "message.contents")
    texts = [item["message.content"]] if "message.content" in item else []
    texts += [c["message_content.text"] for c in contents if "message_content.text" in c]
    return Message(
        role=str(item.get("message.role") or "user"), content="\n".join(str(t) for t in texts)
    )


def _not_repeatable(attributes: dict[str, JSON]) -> str | None:
    """Why the texts of the messages alone are not the request that was sent."""
    for item in read_indexed(attributes, "llm.input_messages"):
        contents = read_indexed(item, "message.contents")
        kinds = {str(content.get("message_content.type", "text")) for content in contents}
        kinds |= {"tool_call" for name in item if name.startswith("message.tool_call")}
        other = sorted(kind for kind in kinds if not kind.endswith("text"))
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
