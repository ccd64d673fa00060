"""Reading of attributes that another program wrote: only JSON beyond the bounds raises, a
`ForeignDataError` of `smile_trace._guards.foreign`."""

import json
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace.records import CallStatus, Message, PromptUse, Span, ToolResult, Usage
from smile_trace.records.base import JSON

_FIRST = frozenset('{["-0123456789tfnNI \t\n\r')
"""With which JSON begins: the names and texts of an attribute mostly do not."""
NOT_CAPTURED = "no content captured"
_STATUSES: tuple[CallStatus, ...] = get_args(CallStatus)


def call_fields(span: Span) -> dict[str, Any]:
    """The fields of a Call that are read alike in every dialect."""
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "name": span.name,
        "status": read_status(span),
        "error": read_error(span),
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "external_trace": read_external_trace(span),
        "truncated": span.attributes.get(semconv.TRUNCATED) is True,
    }


def read_status(span: Span) -> CallStatus:
    """The end of the call as capture wrote it, else by the span's status."""
    written = span.attributes.get(semconv.STATUS)
    for status in _STATUSES if written is not None else ():
        if written == status:
            return status
    return "raised" if span.status == "error" else "returned"


def read_error(span: Span) -> str | None:
    """The error in words, or None."""
    if span.status != "error" and semconv.ERROR_TYPE not in span.attributes:
        return None
    said = span.status_message or exception_message(span)
    return said or read_text(span.attributes.get(semconv.ERROR_TYPE)) or "error"


def exception_message(span: Span) -> str | None:
    """The first line of the span's last exception message."""
    for event in reversed(span.events):
        attributes = event.get("attributes")
        if event.get("name") == "exception" and isinstance(attributes, dict):
            lines = (read_text(attributes.get("exception.message")) or "").splitlines()
            return lines[0] if lines else None
    return None


def read_external_trace(span: Span) -> dict[str, str]:
    """The ids of the application's own traces that were active around the call."""
    return {
        name.removeprefix(semconv.EXTERNAL_PREFIX): str(value)
        for name, value in span.attributes.items()
        if name.startswith(semconv.EXTERNAL_PREFIX)
    }


def read_prompts(span: Span, messages: tuple[Message, ...]) -> tuple[PromptUse, ...]:
    """The renderings that capture found in the messages, except those across several texts of a
    message or beside results of tools, whose texts capture does not count."""
    uses = []
    for item in read_list(span.attributes.get(semconv.PROMPTS)):
        try:
            use = PromptUse.model_validate(item)
        except ValidationError:
            continue
        if not 0 <= use.message < len(messages):
            continue
        use = _moved(messages[use.message], use)
        if _stands_in(messages[use.message], use):
            uses.append(use)
    return tuple(uses)


def _moved(message: Message, use: PromptUse) -> PromptUse:
    """Shift offsets to the message's content: capture counts texts without the titles of media."""
    slots = message.slots
    texts = 0
    for slot in slots:
        if slot.media:
            continue
        length = slot.end - slot.start
        if texts <= use.start <= use.end <= texts + length:
            by = slot.start - texts
            spans = tuple(
                span.model_copy(update={"start": span.start + by, "end": span.end + by})
                for span in use.variable_spans
            )
            update = {"start": use.start + by, "end": use.end + by, "variable_spans": spans}
            return use.model_copy(update=update) if by else use
        texts += length + 1
    return use


def _stands_in(message: Message, use: PromptUse) -> bool:
    if any(isinstance(part, ToolResult) for part in message.parts):
        return False
    return any(slot.start <= use.start <= use.end <= slot.end for slot in message.slots)


def read_usage(input_tokens: JSON, output_tokens: JSON) -> Usage | None:
    """The token counts, or None if both are missing."""
    if input_tokens is None and output_tokens is None:
        return None
    sent, got = (int(n) if isinstance(n, int) else None for n in (input_tokens, output_tokens))
    return Usage.trusted(input_tokens=sent, output_tokens=got)


def read_text(value: JSON) -> str | None:
    """The value if it is a text and not empty, else None."""
    return value if isinstance(value, str) and value else None


def first_text(attributes: Mapping[str, JSON], *names: str) -> str | None:
    """The first of these attributes that is a text and not empty."""
    for name in names:
        text = attributes.get(name)
        if isinstance(text, str) and text:
            return text
    return None


def read_json(value: JSON) -> JSON:
    """A structured attribute, maybe written as JSON text; None if that is no JSON."""
    if not isinstance(value, str):
        return value
    if value[:1] not in _FIRST:
        return None
    try:
        return foreign.decode(value, lenient=True)
    except foreign.NotJSON:
        return None


def stringified(value: JSON) -> JSON:
    """The value, if it is no text, as the JSON that JavaScript makes of it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_list(value: JSON) -> list[JSON]:
    """A JSON list, maybe written as text; empty for anything else."""
    if type(value) is list or value is None:  # mostly
        return value or []
    loaded = read_json(value)
    return loaded if isinstance(loaded, list) else []


def read_object(value: JSON) -> dict[str, JSON]:
    """A JSON object, maybe written as text; empty for anything else."""
    if type(value) is dict or value is None:  # mostly
        return value or {}
    loaded = read_json(value)
    return loaded if isinstance(loaded, dict) else {}


def read_indexed(attributes: Mapping[str, JSON], prefix: str) -> list[dict[str, JSON]]:
    """A list spread over numbered names: `prefix.0.role`, `prefix.1.role`, …

    >>> read_indexed({"p.1.role": "user", "p.0.role": "system"}, "p")
    [{'role': 'system'}, {'role': 'user'}]
    """
    items: dict[int, dict[str, JSON]] = {}
    start = prefix + "."
    for key, value in attributes.items():
        if key.startswith(start):
            number, dot, name = key[len(start) :].partition(".")
            if dot and number.isdecimal() and len(number) < 7:
                items.setdefault(int(number), {})[name] = value
    return [items[number] for number in sorted(items)]
