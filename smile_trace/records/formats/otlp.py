"""OTLP/JSON: any trace line of a file becomes spans.

Source: opentelemetry-proto `trace/v1/trace.proto` in its JSON Protobuf encoding, with hex ids. Read
leniently as the specification asks: unknown fields are ignored, 64-bit integers may be numbers or
strings, and snake_case names are accepted beside camelCase.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.base import JSON
from smile_trace.records.call import Span

_STATUS: dict[object, Literal["unset", "ok", "error"]] = {
    1: "ok",
    2: "error",
    "STATUS_CODE_OK": "ok",
    "STATUS_CODE_ERROR": "error",
}
_SPANS = ("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans",)
_LOGS = (
    ("resourceLogs", "resource_logs"),
    ("scopeLogs", "scope_logs"),
    ("logRecords", "log_records"),
)
LOG = "smile_trace.log"
"""The attribute of a span that is a log of a call's content; `dialects.joined` joins them."""
BODIES = ("api_request_body", "api_response_body")
"""The events in which Claude Code logs the bodies of a request and of its response."""
_HEX = re.compile("[0-9a-f]*").fullmatch
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Read = Callable[[JSON, dict[str, JSON], str], Span | None]


MAX_LINE_DEPTH = 200
"""An attribute's list takes three levels of a line: its values are at most 64 levels deep."""
MAX_FRAME_BYTES = 2**16
"""Limit for a resource or scope as JSON: each span around which it stands is read with it."""
MAX_ITEMS = 40_000
"""The most spans or logs of one line: a span of 75 bytes takes some 2,000 in memory."""
MOST_ERRORS = 20
MAX_SCOPE_NAME = 256
"""Characters; the name is kept with every span."""


def spans_from_line(line: bytes, *, captured: bool = False) -> list[Span]:
    """Return the spans of one line of a spool file or of the Collector's file exporter, and logs
    about a call's content (`LOG`). `captured`: capture wrote it on this host; nothing in the line
    can say so. Raises ForeignDataError if the line or one of its spans is not OTLP/JSON; the
    message says where."""
    spans, errors = read_line(line, captured=captured)
    if errors:
        raise errors[0]
    return spans


def read_line(line: bytes, *, captured: bool = False) -> tuple[list[Span], list[ForeignDataError]]:
    """Read one line, as `LineReader.read` does."""
    return LineReader(captured=captured).read(line)


class LineReader:
    """Reads lines one after the other, whose spans mostly share the resource of those before them.
    `captured`: capture wrote them on this host; nothing in them can say so."""

    def __init__(self, *, captured: bool = False) -> None:
        self._read_span = partial(_span, captured=captured)
        self._resource: tuple[Mapping[str, JSON], dict[str, JSON]] = {}, {}

    def read(self, line: bytes) -> tuple[list[Span], list[ForeignDataError]]:
        """Return the spans of one line, and why its other spans cannot be read. Lone surrogates
        become U+FFFD. Spans of equal resources share one. Raises ForeignDataError if the line as a
        whole is not OTLP/JSON."""
        if not line.strip():
            return [], []
        try:
            document = foreign.parse(line, lenient=True)
        except ForeignDataError as error:
            raise ForeignDataError(f"the line is {error}") from None
        if not isinstance(document, dict):
            raise ForeignDataError(f"the line is a JSON {type(document).__name__}, not an object")
        taken = _Taken()
        measured = len(line) > MAX_FRAME_BYTES  # of a shorter line everything is shorter
        try:
            for names, read in (_SPANS, self._read_span), (_LOGS, _log):
                self._add(taken, document, names, read, measured=measured)
        except (TypeError, AttributeError, KeyError) as error:
            raise _no_otlp(error) from None
        return taken.spans, taken.errors

    def _add(
        self,
        taken: "_Taken",
        document: Mapping[str, JSON],
        names: Sequence[Sequence[str]],
        read: Read,
        *,
        measured: bool,
    ) -> None:
        of_all, of_scope, items = names
        for block in _list(document, *of_all):
            try:
                resource = self._resource_of(_object(block, "resource"), measured=measured)
            except ForeignDataError as error:
                taken.note(error)
                continue
            for group in _list(block, *of_scope):
                try:
                    scope = read_scope(_object(group, "scope"), measured=measured)
                except ForeignDataError as error:
                    taken.note(error)
                    continue
                for raw in _list(group, *items):
                    taken.add(read, raw, resource, scope)

    def _resource_of(self, raw: Mapping[str, JSON], *, measured: bool) -> dict[str, JSON]:
        if raw != self._resource[0]:
            self._resource = raw, read_resource(raw, measured=measured)
        return self._resource[1]


class _Taken:
    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.errors: list[ForeignDataError] = []
        self._count = 0

    def add(self, read: Read, raw: JSON, resource: dict[str, JSON], scope: str) -> None:
        self._count += 1
        try:
            if self._count > MAX_ITEMS:
                raise ForeignDataError(f"more than {MAX_ITEMS:,} spans or logs in one line")
            if (span := read(raw, resource, scope)) is not None:
                self.spans.append(span)
        except ForeignDataError as error:
            self.note(error)
        except (TypeError, AttributeError, KeyError) as error:
            self.note(_no_otlp(error))

    def note(self, error: ForeignDataError) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error.with_traceback(None))


def read_resource(raw: JSON, *, measured: bool = True) -> dict[str, JSON]:
    """Return the attributes of a decoded resource. Raises ForeignDataError if it is malformed or,
    if `measured`, longer than `MAX_FRAME_BYTES`."""
    if measured:
        _check_length("resource", raw)
    with _reading(raw):
        return _attributes(raw)


def read_scope(raw: JSON, *, measured: bool = True) -> str:
    """Return the name of a decoded scope. Raises ForeignDataError if it is malformed or too long,
    or, if `measured`, over `MAX_FRAME_BYTES`."""
    if measured:
        _check_length("scope", raw)
    try:
        name = _text(raw, "name")
    except TypeError as error:
        raise _no_otlp(error) from None
    if reason := check_scope_name(name):
        raise ForeignDataError(reason)
    return name


def check_scope_name(name: str) -> str:
    """Return why spans of a scope with that name are not kept; empty if they are."""
    if len(name) <= MAX_SCOPE_NAME:
        return ""
    return f"the name of a scope is longer than {MAX_SCOPE_NAME} characters"


def _check_length(kind: str, raw: JSON) -> None:
    foreign.check(raw, max_depth=MAX_LINE_DEPTH)
    if len(_ENCODER.encode(raw)) > MAX_FRAME_BYTES:
        raise ForeignDataError(f"a {kind} is longer than {MAX_FRAME_BYTES:,} bytes as JSON")


def read_span(raw: JSON, resource: dict[str, JSON], scope: str, *, captured: bool = False) -> Span:
    """Return a span from its decoded JSON, with the resource's attributes and the scope's name
    around it. Raises ForeignDataError if it is malformed; the message says where."""
    with _reading(raw):
        return _span(raw, resource, scope, captured)


def read_log(raw: JSON, resource: dict[str, JSON], scope: str) -> Span | None:
    """Return a log about a call's content as a child span of the call's, to be kept until that is
    there; None for any other log.

    Its id is hashed from its content; the attribute `LOG` holds the log as an event (`name`,
    `time_ns`, `attributes`, `body`). Raises ForeignDataError if it is malformed; the message says
    where.
    """
    with _reading(raw):
        return _log(raw, resource, scope)


@contextmanager
def _reading(raw: JSON) -> Iterator[None]:
    foreign.check(raw, max_depth=MAX_LINE_DEPTH)
    try:
        yield
    except (TypeError, AttributeError, KeyError) as error:
        raise _no_otlp(error) from None


def _log(raw: Mapping[str, JSON], resource: dict[str, JSON], scope: str) -> Span | None:
    attributes = _attributes(raw)
    name = _first(raw, "eventName", "event_name") or attributes.get("event.name")
    about = _first(raw, "spanId", "span_id")
    if not isinstance(name, str) or not about:
        return None
    if not name.startswith("gen_ai.") and name not in BODIES:
        return None
    at_ns = _integer(raw, "timeUnixNano", "time_unix_nano")
    at_ns = at_ns or _integer(raw, "observedTimeUnixNano", "observed_time_unix_nano")
    trace_id, span_id = _id(raw, 32, "traceId", "trace_id"), _id(raw, 16, "spanId", "span_id")
    log = {"name": name, "time_ns": at_ns, "attributes": attributes}
    log["body"] = _value(raw.get("body"))
    text = json.dumps([trace_id, span_id, log], sort_keys=True)
    return Span(
        trace_id=trace_id,
        span_id=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        parent_id=span_id,
        name=name,
        start_ns=at_ns,
        end_ns=at_ns,
        attributes={LOG: log},
        resource=resource,
        scope=scope,
    )


def _no_otlp(error: Exception) -> ForeignDataError:
    return ForeignDataError(f"the line is not OTLP/JSON: {str(error)[:200]}")


def _span(raw: Mapping[str, JSON], resource: dict[str, JSON], scope: str, captured: bool) -> Span:
    status = _object(raw, "status")
    events = _list(raw, "events")
    return Span.trusted(
        trace_id=_id(raw, 32, "traceId", "trace_id"),
        span_id=_id(raw, 16, "spanId", "span_id"),
        parent_id=_id(raw, 16, "parentSpanId", "parent_span_id", optional=True) or None,
        name=_text(raw, "name"),
        start_ns=_integer(raw, "startTimeUnixNano", "start_time_unix_nano"),
        end_ns=_integer(raw, "endTimeUnixNano", "end_time_unix_nano"),
        attributes=_attributes(raw),
        events=tuple(filter(_says_something, map(_event, events))) if events else (),
        status=_STATUS.get(_first(status, "code") or 0, "unset") if status else "unset",
        status_message=_text(status, "message") if status else "",
        resource=resource,
        scope=scope,
        captured=captured,
    )


def _event(raw: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        "name": _text(raw, "name"),
        "time_ns": _integer(raw, "timeUnixNano", "time_unix_nano"),
        "attributes": _attributes(raw),
    }


def _says_something(event: Mapping[str, JSON]) -> bool:
    """Leave out empty events, which take 2 bytes when sent, and 300 in memory."""
    return any(event.values())


def _id(raw: Mapping[str, JSON], digits: int, *names: str, optional: bool = False) -> str:
    value = _first(raw, *names)
    if optional and (value is None or value == "" or value == "0" * digits):
        return ""
    text = value.lower() if isinstance(value, str) else ""
    if len(text) != digits or not _HEX(text) or not text.strip("0"):
        raise ForeignDataError(f"{names[0]} is not {digits} hex digits: {str(value)[:80]!r}")
    return text


def _integer(raw: Mapping[str, JSON], *names: str) -> int:
    value = _first(raw, *names)
    try:
        number = foreign.integer(value) if value is not None else 0
    except ForeignDataError as error:
        raise ForeignDataError(f"{names[0]} is {error}") from None
    if not 0 <= number < 2**63:
        raise ForeignDataError(f"{names[0]} is out of range: {number}")
    return number


def _attributes(holder: Mapping[str, JSON]) -> dict[str, JSON]:
    return _pairs(_list(holder, "attributes"))


def _pairs(items: list[JSON], depth: int = 0) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for item in items:
        name, value = item["key"], item.get("value")
        text = value.get("stringValue") if type(value) is dict and len(value) == 1 else None
        if type(text) is not str:
            text = _value(value, depth)
        found[name if type(name) is str else _typed("key", name, str)] = text
    return found


def _value(raw: JSON, depth: int = 0) -> JSON:
    """Decode an `AnyValue` to plain JSON. Bytes stay base64 text."""
    if depth > foreign.MAX_DEPTH:
        raise ForeignDataError(f"an attribute is nested deeper than {foreign.MAX_DEPTH} levels")
    for kind, value in (raw or {}).items():
        match kind:
            case "stringValue" | "string_value" | "bytesValue" | "bytes_value":
                return _typed(kind, value, str)
            case "boolValue" | "bool_value":
                return _typed(kind, value, bool)
            case "intValue" | "int_value":
                return foreign.integer(value)
            case "doubleValue" | "double_value":
                return _double(value)
            case "arrayValue" | "array_value":
                return [_value(item, depth + 1) for item in _list(value, "values")]
            case "kvlistValue" | "kvlist_value":
                return _pairs(_list(value, "values"), depth + 1)
    return None


def _typed(kind: str, value: JSON, wanted: type) -> JSON:
    if not isinstance(value, wanted):
        raise TypeError(f"{kind} is a {type(value).__name__}")
    return value


def _double(value: JSON) -> float | None:
    """ProtoJSON has words for NaN and the infinities; in plain JSON they become None."""
    if value is None or value in _NO_NUMBERS:
        return None
    return foreign.finite(foreign.integer(value) if isinstance(value, int) else value)


def _first(raw: Mapping[str, JSON], *names: str) -> JSON:
    for name in names:
        if name in raw:
            return raw[name]
    return None


def _text(raw: Mapping[str, JSON], name: str) -> str:
    found = raw.get(name)
    return "" if found is None else str(_typed(name, found, str))


def _object(raw: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    found = raw.get(name) or {}
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    return found


def _list(raw: Mapping[str, JSON], *names: str) -> list[JSON]:
    found = _first(raw, *names) or []
    if not isinstance(found, list):
        raise TypeError(f"{names[0]} is no list")
    return found
