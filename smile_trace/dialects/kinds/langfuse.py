"""Langfuse's SDK (`langfuse.observation.*`). Source: langfuse 5, `_client/attributes.py`, and its
wrapper of the OpenAI client."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import (
    first_text,
    read_json,
    read_list,
    read_object,
    read_text,
    read_usage,
)
from smile_trace.dialects.call import call_of
from smile_trace.dialects.templates import Template
from smile_trace.records import JSON, Call, Span, Usage

_PREFIX = "langfuse.observation."
_INVENTED: dict[str, JSON] = {
    "temperature": 1,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}
"""Values written for parameters that the request lacks; `max_tokens` is then "Infinity"."""
_TOOL = "function"


class Langfuse:
    """A call is an observation of the type generation."""

    name: ClassVar[str] = "langfuse"
    marks: ClassVar[tuple[str, ...]] = (_PREFIX + "type",)
    content_switches: ClassVar[Mapping[str, str]] = {
        "langfuse-sdk": "unset LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED, capture_input and "
        "capture_output"
    }

    def recognises(self, span: Span) -> bool:
        return span.attributes.get(_PREFIX + "type") == "generation"

    def read_call(self, span: Span) -> Call:
        """The call; LangChain's requested model stands in the metadata."""
        a = span.attributes
        written = a.get(_PREFIX + "input")
        request, tools = _without_tools(_read(written))
        content = provider_json.sent(request)
        output = _read(a.get(_PREFIX + "output"))
        answer = provider_json.answered(output)
        content.answers = answer.answers
        parameters = read_object(a.get(_PREFIX + "model.parameters"))
        if isinstance(request, str) and "max_tokens" in parameters:
            content.form = "completion"
        if _is_item(output):
            content.form = "responses"
        asked = read_json(a.get(_PREFIX + "metadata.ls_model_name"))
        content.model = read_text(asked) or read_text(a.get(_PREFIX + "model.name"))
        content.provider = read_text(read_json(a.get(_PREFIX + "metadata.ls_provider")))
        content.parameters, content.invented = {**content.parameters, **parameters}, _INVENTED
        content.tools = tools
        content.usage = _usage(read_object(a.get(_PREFIX + "usage_details")))
        reason = read_json(a.get(_PREFIX + "metadata.finish_reason"))
        content.finish_reason = answer.finish_reason or read_text(reason)
        content.session = first_text(a, semconv.SESSION_ID, "langfuse.session.id")
        content.user = first_text(a, semconv.USER_ID, "langfuse.user.id")
        name, version = a.get(_PREFIX + "prompt.name"), a.get(_PREFIX + "prompt.version")
        if isinstance(name, str) and name:
            content.template = Template(name, None if version is None else str(version))
        return call_of(span, self.name, content)


def _read(value: JSON) -> JSON:
    """The value of JSON text, or the text itself if it is none."""
    if isinstance(value, str) and not value.lstrip().startswith(("{", "[")):
        return value
    read = read_json(value)
    return value if read is None else read


def _is_item(output: JSON) -> bool:
    """Whether an answer is an item of the Responses API, or a list of some."""
    first = next(iter(read_list(output)), output)
    return read_object(first).get("type") in ("message", "function_call")


def _without_tools(request: JSON) -> tuple[JSON, list[JSON]]:
    """Separate the tools, which LangChain's handler appends as messages of the role "tool"."""
    if not isinstance(request, list):
        return request, []
    tools = [c for item in request if (c := _offered(item)) is not None]
    return [item for item in request if _offered(item) is None], tools


def _offered(item: JSON) -> JSON:
    content = item.get("content") if isinstance(item, dict) and item.get("role") == "tool" else None
    return content if isinstance(content, dict) and content.get("type") == _TOOL else None


def _usage(details: dict[str, JSON]) -> Usage | None:
    def count(*names: str) -> JSON:
        return next((details[name] for name in names if name in details), None)

    sent = count("input", "input_tokens", "prompt_tokens")
    return read_usage(sent, count("output", "output_tokens", "completion_tokens"))
