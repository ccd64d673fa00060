"""OTLP requests in JSON as lines of OTLP/JSON: cut into spans and log records, and checked."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from smile_trace import foreign
from smile_trace.foreign import ForeignDataError
from smile_trace.records.otlp import MAX_LINE_DEPTH, read_line, read_span
from smile_trace.sources.receiver.lines import Received

_TRACE_ID = re.compile("([0-9a-fA-F]{32})?")


def read_traces(body: bytes) -> Received:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        ForeignDataError: it is none.
    """
    return _read(body, "Spans", "spans", _check_span)


def read_logs(body: bytes) -> Received:
    """The log records of an `ExportLogsServiceRequest` that belong to a trace; no call can be
    read of the others, which are left out.

    Raises:
        ForeignDataError: it is none.
    """
    return _read(body, "Logs", "logRecords", _check_log_record)


def _read(body: bytes, signal: str, items: str, check: Callable[[Any], bool]) -> Received:
    try:
        document = foreign.parse(body, lenient=True)
    except ForeignDataError as error:
        raise ForeignDataError(f"the body is {error}") from None
    received = Received()
    blocks, groups = f"resource{signal}", f"scope{signal}"
    for block in _objects(document, blocks):
        for group in _objects(block, groups):
            held = _lists(group, items)
            frame = {blocks: [_without(block, groups) | {groups: [_without(group, items)]}]}
            foreign.check(frame, max_depth=MAX_LINE_DEPTH)
            # With no spans in it, the line tells whether its resource and scope can be read.
            head, tail = _ends(frame, items)
            read_line(f"{head}{tail}".encode("ascii"))
            kept = []
            for item in held:
                try:
                    if check(item):
                        kept.append(_text(item))
                except ForeignDataError as error:
                    received.reject(str(error))
            received.add(head, kept, tail)
    return received


def _check_span(raw: Any) -> bool:
    read_span(raw, {}, "")
    return True


def _check_log_record(raw: Any) -> bool:
    """Whether it belongs to a trace."""
    foreign.check(raw)
    if not isinstance(raw, dict):
        raise ForeignDataError(f"a log record is a JSON {type(raw).__name__}, not an object")
    trace_id = raw.get("traceId", raw.get("trace_id")) or ""
    if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id):
        raise ForeignDataError(f"traceId is not 32 hex digits: {str(trace_id)[:80]!r}")
    return bool(trace_id.strip("0"))


def _ends(frame: Any, items: str) -> tuple[str, str]:
    """The text of a line before and after the items of its only group, which come last."""
    [[block]] = frame.values()
    *_, [group] = block.values()
    group[items] = []
    text = _text(frame)
    tail = "]}]}]}"
    return text.removesuffix(tail), tail


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _objects(holder: Any, name: str) -> list[Mapping[str, Any]]:
    found = _lists(holder, name)
    if not all(isinstance(one, dict) for one in found):
        raise ForeignDataError(f"an element of {name} is no object")
    return found


def _lists(holder: Any, name: str) -> list[Any]:
    if not isinstance(holder, dict):
        raise ForeignDataError(f"the body is a JSON {type(holder).__name__}, not an object")
    found = holder.get(name, holder.get(_snake(name))) or []
    if not isinstance(found, list):
        raise ForeignDataError(f"{name} is no list")
    return found


def _without(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in holder.items() if key not in (name, _snake(name))}


def _snake(name: str) -> str:
    """`scopeSpans` as `scope_spans`, which readers accept beside it."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
