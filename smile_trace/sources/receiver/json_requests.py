"""OTLP requests in JSON as lines of OTLP/JSON: cut into spans and log records, and checked."""

import json
from collections.abc import Callable
from typing import Any

from smile_trace._guards.foreign import ForeignDataError, NotJSON
from smile_trace.records.formats.otlp import read_log, read_resource, read_scope, read_span
from smile_trace.sources.receiver.json_pieces import Reader
from smile_trace.sources.receiver.lines import (
    LOGS,
    MAX_ITEM_BYTES,
    SPANS,
    Names,
    Received,
    check_frame,
)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def read_traces(body: bytes) -> Received:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        ForeignDataError: it is none.
    """
    return _Request(body, SPANS, lambda raw: read_span(raw, {}, "")).read()


def read_logs(body: bytes) -> Received:
    """The log records of an `ExportLogsServiceRequest` that belong to a trace; no call can be
    read of the others, which are left out.

    Raises:
        ForeignDataError: it is none.
    """
    return _Request(body, LOGS, lambda raw: read_log(raw, {}, "")).read()


class _Request:
    """A request while it is read: its items are texts until their scope and resource are known,
    which may stand behind them."""

    def __init__(self, body: bytes, names: Names, check: Callable[[Any], object]) -> None:
        try:
            self._json = Reader(body.decode(), MAX_ITEM_BYTES)
        except UnicodeDecodeError:
            raise ForeignDataError("the body is no JSON: it is no UTF-8") from None
        self._names = names
        self._check = check
        self._received = Received(names, len(body))

    def read(self) -> Received:
        try:
            self._object(self._names.blocks, self._block)
            self._json.end()
        except NotJSON as error:
            raise ForeignDataError(f"the body is {error}") from None
        return self._received

    def _block(self) -> None:
        """A resource with its scopes."""
        groups: list[tuple[dict[str, Any], list[str]]] = []
        frame = self._object(self._names.groups, lambda: self._group(groups))
        try:
            read_resource(frame.get("resource") or {}, measured=False)
            of_block = _fields(frame)
        except ForeignDataError as error:
            self._reject(error, sum(len(items) for _, items in groups))
            return
        for group, items in groups:
            try:
                read_scope(group.get("scope") or {}, measured=False)
                of_group = _fields(group)
            except ForeignDataError as error:
                self._reject(error, len(items))
                continue
            for item in items:
                self._received.add(of_block, of_group, item)

    def _group(self, groups: list[tuple[dict[str, Any], list[str]]]) -> None:
        """A scope with its items; one without any is left out."""
        items: list[str] = []
        frame = self._object(self._names.items, lambda: self._item(items))
        if items:
            groups.append((frame, items))

    def _item(self, items: list[str]) -> None:
        try:
            raw = self._json.value()
            if self._names is SPANS or _has_trace(raw):
                self._check(raw)
                items.append(_ENCODER.encode(raw))
        except NotJSON:
            raise
        except ForeignDataError as error:
            self._received.reject(str(error))

    def _object(self, lists: str, read_one: Callable[[], object]) -> dict[str, Any]:
        """The object here: `read_one` reads each element of the list of that name. Of its other
        fields, those around spans and logs that OTLP has."""
        if self._json.kind() != "{":
            raise ForeignDataError(f"what stands around {lists} is no object")
        frame: dict[str, Any] = {}
        for name in self._json.members():
            if name in (lists, _snake(lists)):
                self._list(name, read_one)
            elif name in ("resource", "scope"):
                frame[name] = self._json.value() or {}
                if not isinstance(frame[name], dict):
                    raise ForeignDataError(f"a {name} is no object")
            elif name in ("schemaUrl", "schema_url"):
                frame["schemaUrl"] = str(self._json.value())
            else:
                self._json.skip()
        return frame

    def _list(self, name: str, read_one: Callable[[], object]) -> None:
        if self._json.kind() == "n" and self._json.value() is None:
            return
        if self._json.kind() != "[":
            raise ForeignDataError(f"{name} is no list")
        for _ in self._json.elements():
            read_one()

    def _reject(self, error: ForeignDataError, count: int) -> None:
        for _ in range(count):
            self._received.reject(str(error))


def _has_trace(raw: Any) -> bool:
    if not isinstance(raw, dict):
        return True  # which is refused
    trace_id = raw.get("traceId", raw.get("trace_id"))
    return not isinstance(trace_id, str) or trace_id.strip("0") != ""


def _fields(frame: dict[str, Any]) -> str:
    """The fields of a resource's or scope's object, as they stand between its braces.

    Raises:
        ForeignDataError: they are too long.
    """
    text = _ENCODER.encode(frame)[1:-1]
    if reason := check_frame(text.encode()):
        raise ForeignDataError(reason)
    return text


def _snake(name: str) -> str:
    """`scopeSpans` as `scope_spans`, which readers accept beside it."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
