"""Finished spans as OTLP/JSON lines (OTLP 1.x, JSON Protobuf encoding).

Ids are hex, 64-bit integers are strings, enums are numbers, and fields with their default value are
omitted, as in the Collector's file exporter. A general encoder would be far slower.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext

    _Last = tuple[Resource | None, InstrumentationScope | None, str, str]

KNOWS_REMOTE = 0x100
IS_REMOTE = 0x200
"""OTLP's flags: whether the parent's or link's remoteness is known, and whether it is remote."""

Sanitize = Callable[[str], str]
"""Gives the text that may be written in another's place."""


_KNOWN_KEY = re.compile(
    r"(?:gen_ai|llm|openinference|input|output|retrieval|embedding|tool|session|user|smile_trace"
    r"|exception|error|service|telemetry|process|host|os)(?:\.(?:[a-z_]{1,40}|\d{1,6}))*"
)
"""A key of the conventions, which the user's redaction must not change."""


class Escaped(str):
    """A text as it stands inside a JSON string."""

    __slots__ = ()


_UNUSUAL = [chr(code) for code in (*range(32), 127) if chr(code) != "\n"]
_USUAL = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"))
LONG = 1000


def escaped(text: str) -> str:
    """The text as it stands inside a JSON string, in ASCII. In a long text, looking for each of the
    characters that are escaped takes a fifth of the time."""
    if len(text) < LONG or not text.isascii() or any(map(text.__contains__, _UNUSUAL)):
        return quote(text)[1:-1]
    for character, escape in _USUAL:
        if character in text:
            text = text.replace(character, escape)
    return text


class LineEncoder:
    """Encodes spans; caches the last resource and scope, whose texts pass through `sanitize`."""

    def __init__(self, sanitize: Sanitize | None = None) -> None:
        self._sanitize = sanitize
        self._last: _Last = (None, None, "", "")

    def line(
        self,
        span: "ReadableSpan",
        sanitize: Sanitize | None = None,
        more: Callable[[], Mapping[str, Any]] | None = None,
    ) -> bytes:
        """A span of OpenTelemetry's with its resource and scope, as one line without a newline.

        `sanitize` is applied to every text of the span, None if they are sanitized already; `more`,
        called after that, gives further attributes.
        """
        head, tail = self._frame(span)
        return f"{head}{encode_span(span, sanitize, more)}{tail}".encode("ascii")

    def _frame(self, span: "ReadableSpan") -> tuple[str, str]:
        resource, scope, head, tail = self._last
        if resource is not span.resource or scope is not span.instrumentation_scope:
            resource, scope = span.resource, span.instrumentation_scope
            attributes = encode_attributes(resource.attributes, self._sanitize)
            schemas = [_schema(owner, self._sanitize) for owner in (scope, resource)]
            head, tail = frame(attributes, _scope(scope, self._sanitize), *schemas)
            self._last = (resource, scope, head, tail)
        return head, tail


def encode_span(
    span: "ReadableSpan",
    sanitize: Sanitize | None = None,
    more: Callable[[], Mapping[str, Any]] | None = None,
) -> str:
    """The span as the text of an OTLP/JSON object."""
    context, parent, status = span.get_span_context(), span.parent, span.status
    assert context is not None
    remote = IS_REMOTE if parent is not None and parent.is_remote else 0
    fields = [_ids(context, remote, sanitize)]
    if parent is not None:
        fields.append(f'"parentSpanId":"{parent.span_id:016x}"')
    fields.append(
        f'"name":{quote((sanitize or str)(span.name))},"kind":{span.kind.value + 1},'
        f'"startTimeUnixNano":"{span.start_time or 0}","endTimeUnixNano":"{span.end_time or 0}"'
    )
    attributes = encode_attributes(span.attributes, sanitize)
    if span.events:
        fields.append(f'"events":[{",".join(_event(event, sanitize) for event in span.events)}]')
    if span.links:
        fields.append(f'"links":[{",".join(_link(link, sanitize) for link in span.links)}]')
    fields += _dropped(span)
    description = (sanitize or str)(status.description or "")
    if more is not None:
        attributes = _joined(attributes, encode_attributes(more()))
    if attributes != "[]":
        fields.append(f'"attributes":{attributes}')
    parts = [f'"message":{quote(description)}'] if description else []
    if status.status_code.value:
        parts.append(f'"code":{status.status_code.value}')
    fields.append(f'"status":{{{",".join(parts)}}}')
    return f"{{{','.join(fields)}}}"


def frame(resource: str, scope: str, of_scope: str = "", of_resource: str = "") -> tuple[str, str]:
    """What stands before and after the span in its line: the resource's attributes, the scope, and
    the fields of both that follow."""
    head = (
        f'{{"resourceSpans":[{{"resource":{{"attributes":{resource}}},'
        f'"scopeSpans":[{{"scope":{scope},"spans":['
    )
    return head, f"]{of_scope}}}]{of_resource}}}]}}"


def encode_own_span(
    name: str,
    ids: tuple[int, int, int | None],
    times: tuple[int, int],
    attributes: Mapping[str, Any],
    error: tuple[str, str, str] | None = None,
) -> str:
    """A span of ours: ids of the trace, the span and its parent, start and end, and the type, the
    message and the stack of the exception it ended with. Its texts are sanitized already."""
    trace_id, span_id, parent_id = ids
    parent = "" if parent_id is None else f'"parentSpanId":"{parent_id:016x}",'
    events, status = "", ""
    if error is not None:
        kind, message, stack = error
        raised = encode_attributes(
            {
                "exception.type": kind,
                "exception.message": message,
                "exception.stacktrace": stack,
            }
        )
        events = (
            f'"events":[{{"timeUnixNano":"{time.time_ns()}","name":"exception",'
            f'"attributes":{raised}}}],'
        )
        said = f"{kind.rpartition('.')[2]}: {message}"
        status = f'"message":{quote(said)},"code":2'
    return (
        f'{{"traceId":"{trace_id:032x}","spanId":"{span_id:016x}","flags":{KNOWS_REMOTE},{parent}'
        f'"name":{quote(name)},"kind":1,'
        f'"startTimeUnixNano":"{times[0]}","endTimeUnixNano":"{times[1]}",'
        f'{events}"attributes":{encode_attributes(attributes)},"status":{{{status}}}}}'
    )


def encode_attributes(
    attributes: Mapping[str, Any] | None, sanitize: Sanitize | None = None
) -> str:
    """Attributes as the text of a list of OTLP key-values."""
    items = (attributes or {}).items()
    if sanitize is None:
        pairs = [
            f'{{"key":{quote(key)},"value":{{"stringValue":{quote(value)}}}}}'
            if type(value) is str
            else f'{{"key":{quote(key)},"value":{_value(value)}}}'
            for key, value in items
        ]
    else:
        pairs = [
            f'{{"key":{quote(_key(key, sanitize))},"value":{_value(value, sanitize)}}}'
            for key, value in items
        ]
    return f"[{','.join(pairs)}]"


def _key(key: str, sanitize: Sanitize) -> str:
    return key if _KNOWN_KEY.fullmatch(key) else sanitize(key)


def _joined(first: str, second: str) -> str:
    if "[]" in (first, second):
        return second if first == "[]" else first
    return f"{first[:-1]},{second[1:]}"


def _value(value: Any, sanitize: Sanitize | None = None) -> str:
    # bool before int: True is an int, too.
    if isinstance(value, str):
        if sanitize is not None:
            value = sanitize(value)
        return f'{{"stringValue":"{value if type(value) is Escaped else escaped(value)}"}}'
    if isinstance(value, bool):
        return f'{{"boolValue":{"true" if value else "false"}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{int(value)}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{_double(value)}}}'
    if isinstance(value, bytes):
        return f'{{"bytesValue":"{base64.b64encode(value).decode()}"}}'
    if isinstance(value, Mapping):
        return f'{{"kvlistValue":{{"values":{encode_attributes(value, sanitize)}}}}}'
    if isinstance(value, Sequence):
        items = ",".join(_value(item, sanitize) for item in value)
        return f'{{"arrayValue":{{"values":[{items}]}}}}'
    return "{}" if value is None else _value(str(value), sanitize)


def _double(value: float) -> str:
    """Write NaN and infinities as ProtoJSON's words, since JSON has none."""
    if value != value:
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return float.__repr__(value)


def _ids(context: "SpanContext", remote: int, sanitize: Sanitize | None) -> str:
    flags = KNOWS_REMOTE | remote
    ids = f'"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}","flags":{flags}'
    if context.trace_state:
        state = context.trace_state.to_header()
        ids += f',"traceState":{quote((sanitize or str)(state))}'
    return ids


def _scope(scope: "InstrumentationScope | None", sanitize: Sanitize | None) -> str:
    if scope is None:
        return "{}"
    text = sanitize or str
    fields = [f'"name":{quote(text(scope.name))}']
    if scope.version:
        fields.append(f'"version":{quote(text(scope.version))}')
    if getattr(scope, "attributes", None):
        fields.append(f'"attributes":{encode_attributes(scope.attributes, sanitize)}')
    return f"{{{','.join(fields)}}}"


def _schema(owner: "Resource | InstrumentationScope | None", sanitize: Sanitize | None) -> str:
    url = getattr(owner, "schema_url", None)
    return f',"schemaUrl":{quote((sanitize or str)(url))}' if url else ""


def _dropped(span: "ReadableSpan") -> list[str]:
    """The counts of what the application's own provider dropped."""
    fields = _dropped_attributes(span)
    if span.dropped_events:
        fields.append(f'"droppedEventsCount":{span.dropped_events}')
    if span.dropped_links:
        fields.append(f'"droppedLinksCount":{span.dropped_links}')
    return fields


def _dropped_attributes(owner: "ReadableSpan | Event | Link") -> list[str]:
    count = owner.dropped_attributes
    return [f'"droppedAttributesCount":{count}'] if count else []


def _event(event: "Event", sanitize: Sanitize | None) -> str:
    name = quote((sanitize or str)(event.name))
    return _described(f'"timeUnixNano":"{event.timestamp}","name":{name}', event, sanitize)


def _link(link: "Link", sanitize: Sanitize | None) -> str:
    ids = _ids(link.context, IS_REMOTE if link.context.is_remote else 0, sanitize)
    return _described(ids, link, sanitize)


def _described(fields: str, owner: "Event | Link", sanitize: Sanitize | None) -> str:
    if not owner.attributes:
        return f"{{{fields}}}"
    attributes = f'"attributes":{encode_attributes(owner.attributes, sanitize)}'
    return f"{{{','.join([fields, attributes, *_dropped_attributes(owner)])}}}"
