"""Logfire's version 1 of its instrumentation of clients: `request_data`, `response_data`, and for
OpenAI's responses `events`. Later versions write the GenAI conventions. Source: logfire 5,
`_internal/integrations/llm_providers/`."""

from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import read_object, read_text
from smile_trace.dialects.call import SpanContent, call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.kinds.gen_ai import IN_ATTRIBUTE, with_attribute
from smile_trace.dialects.parts import message_of, text_part
from smile_trace.records import Call, Message, Part, Span

_REQUEST, _RESPONSE = "request_data", "response_data"
_SENT = ("messages", "prompt", "input")


class Logfire:
    """A call has a request with messages."""

    name: ClassVar[str] = "logfire"
    marks: ClassVar[tuple[str, ...]] = ("logfire",)

    def recognises(self, span: Span) -> bool:
        """Whether the span's request was sent to a model that answers with text."""
        a = span.attributes
        if not span.scope.startswith("logfire") or semconv.INPUT_MESSAGES in a:
            return False
        if a.get("gen_ai.operation.name") == "embeddings":
            return False
        if IN_ATTRIBUTE in a:
            return gen_ai.GenAI().recognises(span)
        request = read_object(a.get(_REQUEST))
        return any(name in request for name in _SENT) and "encoding_format" not in request

    def read_call(self, span: Span) -> Call:
        """The call; a stream's text is in `combined_chunk_content`."""
        a = span.attributes
        if IN_ATTRIBUTE in a:
            return call_of(span, self.name, _response(span))
        content = gen_ai.read(span)
        request = provider_json.sent(read_object(a.get(_REQUEST)))
        response = read_object(a.get(_RESPONSE))
        said = response.get("message", response.get("text"))
        if said is None:
            said = read_text(response.get("combined_chunk_content"))
        answer = provider_json.answered(said)
        content.messages, content.form = request.messages, request.form
        content.answers, content.parameters = answer.answers, request.parameters
        content.model = request.model or content.model
        return call_of(span, self.name, content)


def _response(span: Span) -> SpanContent:
    """Split off the response's items, which follow the request as messages of the assistant."""
    content = gen_ai.read(with_attribute(span))
    sent = list(content.messages)
    answered: list[Message] = []
    while sent and sent[-1].role == "assistant":
        answered.insert(0, sent.pop())
    parts: list[Part] = []
    for message in answered:
        parts += message.parts or [text_part(message.content)]
    content.messages, content.form = sent, "responses"
    content.answers = [message_of("assistant", parts)] if parts else ()
    return content


def is_streamed(span: Span) -> bool:
    """Whether the span is the request of a stream in either version, without a response: logfire
    writes that into another span when the stream has ended."""
    a = span.attributes
    return (
        span.scope.startswith("logfire")
        and a.get("logfire.span_type") == "span"
        and _REQUEST in a
        and span.status != "error"
        and a.keys().isdisjoint((_RESPONSE, semconv.OUTPUT_MESSAGES, semconv.RESPONSE_ID))
    )
