"""What is known of a trace and its calls, in the shapes that most trackers take.

Input and output are JSON objects, token counts have OpenAI's names, tags are texts.
"""

import contextlib
import datetime
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import NamedTuple

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects import read_calls
from smile_trace.dialects.documents import read_documents
from smile_trace.dialects.traces import around
from smile_trace.records import JSON, Call, Document, Feedback, Span, Trace, chat_messages


def known(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """The fields that say something: those that are None or empty are left out."""
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


# -- input and output -----------------------------------------------------------------------


def call_input(call: Call) -> dict[str, JSON]:
    """`{"messages": […]}` of a chat, `{"prompt": …}` of a completion."""
    if call.form == "completion":
        return {"prompt": "".join(message.content for message in call.messages)}
    return {"messages": chat_messages(call.messages)}


def call_output(call: Call) -> dict[str, JSON] | None:
    """`{"output": answer}`; None where there is no answer."""
    return None if call.answer is None else {"output": call.answer}


def span_io(span: Span) -> tuple[dict[str, JSON] | None, dict[str, JSON] | None]:
    """What a span around calls took and gave; its function may have taken a single text, as a call
    does."""
    for call in read_calls([span]):
        return call_input(call), call_output(call)
    took = as_object(decoded(span.attributes.get(semconv.INPUT)), "input")
    return took, as_object(decoded(span.attributes.get(semconv.OUTPUT)), "output")


def retrievers(trace: Trace) -> dict[str, list[Document]]:
    """The spans that did nothing but retrieve documents, by their ids: calls, and what is around
    calls, may say what was retrieved for these, too."""
    spans = {span.span_id: span for span in trace.spans}
    calls = [spans[call.span_id] for call in trace.calls if call.span_id in spans]
    others = {span.span_id for call in calls for span in (call, *around(call, spans))}
    found: dict[str, list[Document]] = {}
    for span in trace.spans:
        with contextlib.suppress(ForeignDataError):
            if span.span_id not in others and (documents := read_documents(span)):
                found[span.span_id] = documents
    return found


def in_their_places(documents: Sequence[Document]) -> list[Document]:
    """What a span retrieved, each at its position; where the span had one without a text, or none
    that could be read, an empty one."""
    by_position = {document.position or 0: document for document in documents}
    empty = Document(text="")
    return [by_position.get(position, empty) for position in range(max(by_position) + 1)]


def decoded(value: JSON) -> JSON:
    """The value of an attribute that is JSON; any other text as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ForeignDataError):
            return foreign.decode(value, lenient=True)
    return value


def as_object(value: JSON, name: str) -> dict[str, JSON] | None:
    """A value as a JSON object: `{name: value}` where it is none; None stays None."""
    if value is None or isinstance(value, dict):
        return value
    return {name: value}


def json_text(value: JSON) -> str:
    """A value as the JSON text of an attribute, in the letters that it is written in."""
    return json.dumps(value, ensure_ascii=False, default=str)


_SURROGATE = re.compile("[\ud800-\udfff]")


def strict_json(value: JSON) -> JSON:
    """The value without what strict JSON (RFC 8259, sections 6 and 8.2) or UTF-8 cannot hold:
    numbers that are not finite become their names ("nan", "inf"), lone surrogates U+FFFD."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(strict_json(str(key))): strict_json(item) for key, item in value.items()}
        case list() | tuple():
            return [strict_json(item) for item in value]
    return value


def shown_text(value: Mapping[str, JSON] | None) -> str | None:
    """The input or output of a span as a text: a single text as it is, anything else as JSON."""
    if not value:
        return None
    [first, *more] = value.values()
    return first if isinstance(first, str) and not more else json_text(value)


def without_nul(value: JSON) -> JSON:
    """The value with a visible sign in place of NUL, at which PostgreSQL refuses whole requests."""
    if isinstance(value, str):
        return value.replace("\0", "␀")
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list | tuple) else value


# -- about calls ----------------------------------------------------------------------------

_FILE = re.compile(
    r"(?:file:/{2,})?(?:[~.]{0,2}/|[A-Za-z]:[\\/]|\\\\)|.*\.(?:gguf|bin|safetensors)$"
)


def call_label(call: Call) -> str:
    """`answer · gpt-4o-mini`: the function that made a call, and its model where it is known."""
    model = model_label(call.model)
    return f"{call.name} · {model}" if model else call.name


def model_label(model: str | None) -> str:
    """A model's name; of a file or folder its own name, never its path."""
    if not model or not _FILE.match(model):
        return model or ""
    path = PureWindowsPath(model) if "\\" in model else PurePosixPath(model)
    return path.stem if path.suffix in (".gguf", ".bin", ".safetensors") else path.name or model


def call_metadata(call: Call) -> dict[str, JSON]:
    """What is known of a call besides model, texts, usage, prompts and its own metadata."""
    return known(
        {
            "parameters": call.parameters,
            "status": call.status,
            "finish_reason": call.finish_reason,
            "response_id": call.response_id,
            "user": call.user,
            "external_trace": call.external_trace,
            "no_content": call.no_content,
            "truncated": call.truncated or None,
        }
    )


def prompt_uses(call: Call) -> list[dict[str, JSON]]:
    """The prompt versions that a call was made with, their templates and values."""
    return [
        {
            "name": use.name,
            "version": use.version,
            "template": use.template,
            "variables": dict(use.variables),
        }
        for use in call.prompts
    ]


def token_usage(calls: Iterable[Call]) -> dict[str, int]:
    """Token counts of calls together: `prompt_tokens`, `completion_tokens`, `total_tokens`; what
    no call reported is left out."""
    reported = [call.usage for call in calls if call.usage is not None]
    sent = [usage.input_tokens for usage in reported if usage.input_tokens is not None]
    received = [usage.output_tokens for usage in reported if usage.output_tokens is not None]
    return known(
        {
            "prompt_tokens": sum(sent) if sent else None,
            "completion_tokens": sum(received) if received else None,
            "total_tokens": sum(sent) + sum(received) if sent and received else None,
        }
    )


def tags(calls: Sequence[Call]) -> list[str]:
    """`key:value` of every tag and `name vVERSION` of every prompt, sorted."""
    return sorted(
        {
            *(f"{key}:{value}" for call in calls for key, value in call.tags.items()),
            *(f"{use.name} v{use.version}" for call in calls for use in call.prompts),
        }
    )


# -- about traces -------------------------------------------------------------------------


class SpanRole(NamedTuple):
    """A span of a trace, and what it is in it: a call, a retriever of documents, the root, or
    something around these."""

    span: Span
    call: Call | None
    documents: Sequence[Document] | None
    is_root: bool

    def showing(self, name: str, attributes: Mapping[str, JSON], **fields: JSON) -> Span:
        """A copy with another name, more attributes and other fields; the root of a trace whose
        own root is missing has no parent, for which backends would wait."""
        shown = {**self.span.attributes, **attributes}
        parent = None if self.is_root else self.span.parent_id
        update = {"name": name, "attributes": shown, "parent_id": parent, **fields}
        return self.span.model_copy(update=update)


def span_roles(trace: Trace) -> Iterator[SpanRole]:
    """The spans of a trace, each with what it is in it."""
    calls, retrieved = {call.span_id: call for call in trace.calls}, retrievers(trace)
    for span in trace.spans:
        is_root = span.span_id == trace.root_span_id
        yield SpanRole(span, calls.get(span.span_id), retrieved.get(span.span_id), is_root)


def timestamp(at_ns: int) -> str:
    """Unix nanoseconds as ISO 8601 with microseconds, UTC."""
    at = datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9 // 1000:06}Z"


def trace_times(trace: Trace) -> tuple[int, int]:
    """When its first span started and its last one ended, in Unix nanoseconds."""
    return min(span.start_ns for span in trace.spans), max(span.end_ns for span in trace.spans)


def external_traces(trace: Trace, *keys: str) -> list[str]:
    """The application's own traces, noted under one of the keys, where every call of ours was made
    inside of one."""
    noted = [[call.external_trace.get(key) for key in keys] for call in trace.calls]
    ids = [next(filter(None, of_call), None) for of_call in noted]
    return list(dict.fromkeys(i for i in ids if i is not None)) if all(ids) else []


def newest_feedback(trace: Trace) -> list[Feedback]:
    """What users thought of the trace: the newest score of each name."""
    by_name = {one.name: one for one in sorted(trace.feedback, key=lambda one: one.at_ns)}
    return list(by_name.values())
