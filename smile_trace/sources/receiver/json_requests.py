"""OTLP requests in JSON as lines of OTLP/JSON: cut into spans and log records, and checked."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from smile_trace import foreign
from smile_trace.foreign import ForeignDataError
from smile_trace.records.otlp import MAX_LINE_DEPTH, read_line
from smile_trace.sources.receiver.lines import Received


def read_traces(body: bytes) -> Received:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        ForeignDataError: it is none.
    """
    return _read(body, "Spans", "spans", lambda raw: True)


def read_logs(body: bytes) -> Received:
    """The log records of an `ExportLogsServiceRequest` that belong to a trace; no call can be
    read of the others, which are left out.

    Raises:
        ForeignDataError: it is none.
    """
    return _read(body, "Logs", "logRecords", _has_trace)


def _read(body: bytes, signal: str, items: str, is_wanted: Callable[[Any], bool]) -> Received:
    try:
        document = foreign.parse(body, lenient=True)
    except ForeignDataError as error:
        raise ForeignDataError(f"the body is {error}") from None
    received = Received()
    blocks, groups = f"resource{signal}", f"scope{signal}"
    bare, _ = _ends({blocks: [{groups: [{}]}]}, items)
    for block in _objects(document, blocks):
        for group in _objects(block, groups):
            held = _list(group, items)
            frame = {blocks: [_without(block, groups) | {groups: [_without(group, items)]}]}
            foreign.check(frame, max_depth=MAX_LINE_DEPTH)
            head, tail = _ends(frame, items)
            _check(head + tail)
            kept = []
            for item in filter(is_wanted, held):
                try:
                    foreign.check(item, max_depth=MAX_LINE_DEPTH)
                    text = _text(item)
                    _check(bare + text + tail)
                    kept.append(text)
                except ForeignDataError as error:
                    received.reject(str(error))
            received.add(head, kept, tail)
    return received


def _check(line: str) -> None:
    """See that a line can be read when it is taken out of the spool."""
    _, errors = read_line(line.encode("ascii"))
    if errors:
        raise errors[0]


def _has_trace(raw: Any) -> bool:
    if not isinstance(raw, dict):
        return True  # which is refused
    trace_id = raw.get("traceId", raw.get("trace_id"))
    return not isinstance(trace_id, str) or trace_id.strip("0") != ""


def _ends(frame: Any, items: str) -> tuple[str, str]:
    """The text of a line before and after the items of its only group, which come last."""
    [[block]] = frame.values()
    *_, [group] = block.values()
    group[items] = []
    tail = "]}]}]}"
    return _text(frame).removesuffix(tail), tail


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _objects(holder: Any, name: str) -> list[Mapping[str, Any]]:
    found = _list(holder, name)
    if not all(isinstance(one, dict) for one in found):
        raise ForeignDataError(f"an element of {name} is no object")
    return found


def _list(holder: Any, name: str) -> list[Any]:
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
