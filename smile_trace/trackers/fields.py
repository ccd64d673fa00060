"""Facts about a trace and its calls in the shapes that most trackers take."""

import contextlib
import datetime
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import NamedTuple

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.answers import final_answer
from smile_trace.dialects.documents import read_documents
from smile_trace.dialects.traces import around, read_alone
from smile_trace.records import JSON, Call, Document, Feedback, Span, Trace, chat_messages


def known(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """Drop the fields that are None or empty."""
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}


# -- input and output -----------------------------------------------------------------------


def call_input(call: Call) -> dict[str, JSON]:
    """Return `{"messages": […]}` for a chat, `{"prompt": …}` for a completion."""
    if call.form == "completion":
        return {"prompt": "".join(message.content for message in call.messages)}
    return {"messages": chat_messages(call.messages)}


def call_output(call: Call) -> dict[str, JSON] | None:
    """Return `{"output": answer}`; None if there is no answer."""
    return None if call.answer is None else {"output": call.answer}


def span_io(span: Span) -> tuple[dict[str, JSON] | None, dict[str, JSON] | None]:
    """Return the input and output of a span around calls; a single text is shown like a call."""
    if (call := read_alone(span)) is not None:
        return call_input(call), call_output(call)
    took = as_object(decoded(span.attributes.get(semconv.INPUT)), "input")
    return took, as_object(decoded(span.attributes.get(semconv.OUTPUT)), "output")


def trace_io(trace: Trace) -> tuple[dict[str, JSON] | None, dict[str, JSON] | None]:
    """Return the input and output of a trace's root. What it does not hold is taken from the calls:
    the first one's request, and the final answer."""
    root = trace.span(trace.root_span_id)
    own = next((call for call in trace.calls if call.span_id == root.span_id), None)
    took, gave = span_io(root) if own is None else (call_input(own), call_output(own))
    if took is None and trace.calls:
        took = call_input(trace.calls[0])
    if gave is None and (final := final_answer(trace)) is not None:
        gave = call_output(final)
    return took, gave


def retrievers(trace: Trace) -> dict[str, list[Document]]:
    """Return the documents of spans that only retrieve, by span id; calls and spans around calls
    may repeat what was retrieved for them, and are left out."""
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
    """Return a span's documents by position, empty ones at positions without a readable text."""
    by_position = {document.position or 0: document for document in documents}
    empty = Document(text="")
    return [by_position.get(position, empty) for position in range(max(by_position) + 1)]


def decoded(value: JSON) -> JSON:
    """Decode an attribute that is JSON; any other text is returned as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ForeignDataError):
            return foreign.decode(value, lenient=True)
    return value


def as_object(value: JSON, name: str) -> dict[str, JSON] | None:
    """Return a value as a JSON object: `{name: value}` if it is none; None stays None."""
    if value is None or isinstance(value, dict):
        return value
    return {name: value}


json_text = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""Returns a value as JSON text, with non-ASCII letters unescaped."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def strict_json(value: JSON) -> JSON:
    """Replace what strict JSON (RFC 8259, sections 6 and 8.2) or UTF-8 cannot hold: numbers that
    are not finite become their names ("nan", "inf"), lone surrogates U+FFFD."""
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


def json_bytes(value: JSON) -> bytes:
    """Return a value as strict JSON in UTF-8; see `strict_json`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # which few values need: going through all of them takes longer
        return json.dumps(strict_json(value), ensure_ascii=False).encode()


def shown_text(value: Mapping[str, JSON] | None) -> str | None:
    """Return a span's input or output as text: a single text as it is, anything else as JSON."""
    if not value:
        return None
    [first, *more] = value.values()
    return first if isinstance(first, str) and not more else json_text(value)


def without_nul(value: JSON) -> JSON:
    """Replace NUL, for which PostgreSQL refuses whole requests, by a visible sign."""
    if isinstance(value, str):
        return value.replace("\0", "␀")
    if isinstance(value, dict):
        return {
            name.replace("\0", "␀"): item.replace("\0", "␀")
            if type(item) is str  # as most are
            else without_nul(item)
            for name, item in value.items()
        }
    return [without_nul(item) for item in value] if isinstance(value, list | tuple) else value


# -- about calls ----------------------------------------------------------------------------

_FILE = re.compile(
    r"(?:file:/{2,})?(?:[~.]{0,2}/|[A-Za-z]:[\\/]|\\\\)|.*\.(?:gguf|bin|safetensors)$"
)


def call_label(call: Call) -> str:
    """`answer · gpt-4o-mini`: the function that made a call, and its model if known."""
    model = model_label(call.model)
    return f"{call.name} · {model}" if model else call.name


def model_label(model: str | None) -> str:
    """A model's name; for a file or folder its own name, never its path."""
    if not model or not _FILE.match(model):
        return model or ""
    path = PureWindowsPath(model) if "\\" in model else PurePosixPath(model)
    return path.stem if path.suffix in (".gguf", ".bin", ".safetensors") else path.name or model


def call_metadata(call: Call) -> dict[str, JSON]:
    """Return a call's facts besides model, texts, usage, prompts and its own metadata."""
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
    """Return the prompt versions that a call was made with, their templates and values."""
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
    """Sum `prompt_tokens`, `completion_tokens` and `total_tokens`, as far as they are reported."""
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
    """Return `key:value` of every tag and `name vVERSION` of every prompt, sorted."""
    return sorted(
        {
            *(f"{key}:{value}" for call in calls for key, value in call.tags.items()),
            *(f"{use.name} v{use.version}" for call in calls for use in call.prompts),
        }
    )


# -- about traces -------------------------------------------------------------------------


class SpanRole(NamedTuple):
    """A span and its role: a call, a retriever of documents, the root, or a span around these."""

    span: Span
    call: Call | None
    documents: Sequence[Document] | None
    is_root: bool

    def showing(self, name: str, attributes: Mapping[str, JSON], **fields: JSON) -> Span:
        """Copy the span with another name, more attributes and other fields. If the trace's own
        root is missing, the root has no parent: backends would wait for it."""
        shown = {**self.span.attributes, **attributes}
        parent = None if self.is_root else self.span.parent_id
        update = {"name": name, "attributes": shown, "parent_id": parent, **fields}
        return self.span.model_copy(update=update)


def span_roles(trace: Trace) -> Iterator[SpanRole]:
    """Yield the spans of a trace with their roles."""
    calls, retrieved = {call.span_id: call for call in trace.calls}, retrievers(trace)
    for span in trace.spans:
        is_root = span.span_id == trace.root_span_id
        yield SpanRole(span, calls.get(span.span_id), retrieved.get(span.span_id), is_root)


def timestamp(at_ns: int) -> str:
    """Format Unix nanoseconds as ISO 8601 with microseconds, UTC."""
    return f"{_to_the_second(at_ns // 10**9)}.{at_ns % 10**9 // 1000:06}Z"


@lru_cache(256)  # what is sent together was captured together
def _to_the_second(at: int) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%dT%H:%M:%S}"


def trace_times(trace: Trace) -> tuple[int, int]:
    """Return the start of the first span and the end of the last, in Unix nanoseconds."""
    return min(span.start_ns for span in trace.spans), max(span.end_ns for span in trace.spans)


def external_traces(trace: Trace, *keys: str) -> list[str]:
    """Return the ids of the application's own traces, noted under one of the keys; empty unless
    every call was made inside such a trace."""
    noted = [[call.external_trace.get(key) for key in keys] for call in trace.calls]
    ids = [next(filter(None, of_call), None) for of_call in noted]
    return list(dict.fromkeys(i for i in ids if i is not None)) if all(ids) else []


def newest_feedback(trace: Trace) -> list[Feedback]:
    """Return the newest feedback of each name."""
    by_name = {one.name: one for one in sorted(trace.feedback, key=lambda one: one.at_ns)}
    return list(by_name.values())
