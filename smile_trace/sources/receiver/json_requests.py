"""OTLP requests in JSON as lines of OTLP/JSON: cut into spans and log records, and checked.

Only one value of a request is decoded at a time: decoding is one call of the interpreter, during
which no other thread runs, and an object takes up to forty times its length in memory.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import MAX_VALUES, ForeignDataError, NotJSON
from smile_trace._guards.jsonable import dumps
from smile_trace.records.formats.otlp import read_log, read_resource, read_scope, read_span
from smile_trace.sources.receiver.lines import (
    LOGS,
    MAX_ITEM_BYTES,
    MAX_ITEM_VALUES,
    MOST_PARTS,
    SPANS,
    Names,
    Received,
    check_frame,
)

WINDOW = 2**14
"""Characters in which a value is decoded without looking for its end first."""
_SPACE = re.compile(r"[ \t\n\r]*+")
_MARK = re.compile(r'["\[\]{}]')
_SCALAR = re.compile(r'[^\s,:"\[\]{}]*+')
# Of a long string only so much at a time: no other thread runs meanwhile.
_INSIDE = re.compile(r'(?:[^"\\]{1,4096}+|\\.){0,4096}+', re.DOTALL)


class Reader:
    """A pull parser of a JSON text. Each member, element or value that it stands at must be read or
    skipped before the next is asked for. `longest`: most characters of a value that is decoded."""

    def __init__(self, text: str, longest: int) -> None:
        self._text = text
        self._longest = longest
        self._at = 0
        self._left = MAX_VALUES
        self._parts_left = MOST_PARTS

    def members(self) -> Iterator[str]:
        """Yield the names of the object here, each before its value; `NotJSON` if it is none."""
        for _ in self._parts("{", "}"):
            name = self.value()
            if not isinstance(name, str) or self._take() != ":":
                raise self._no_json()
            yield name

    def elements(self) -> Iterator[None]:
        """Yield once for each value of the list here; `NotJSON` if it is none."""
        return self._parts("[", "]")

    def kind(self) -> str:
        """Return the first character of the value here."""
        at = self._here()
        return self._text[at : at + 1]

    def value(self) -> Any:
        """Decode the value here within the bounds of `foreign`. Raises NotJSON if here is no JSON;
        ForeignDataError if the value is beyond the bounds, and was skipped."""
        start = self._here()
        window = self._text[start : start + WINDOW]
        try:
            value, size = foreign.parse_first(window, lenient=True)
        except ForeignDataError:
            size = WINDOW
        if size < WINDOW:
            self._at = start + size
            return value
        self.skip()
        if self._at - start > self._longest:
            raise ForeignDataError(f"longer than {self._longest:,} bytes as JSON")
        found = self._text[start : self._at]
        return foreign.parse(found, lenient=True, max_values=MAX_ITEM_VALUES)

    def skip(self) -> None:
        """Skip the value here by its brackets and strings alone; `NotJSON` if it does not end."""
        at = self._here()
        if not self.kind() or self.kind() not in '"[{':
            self._at = self._match(_SCALAR, at)
            return
        depth = 0
        while mark := _MARK.search(self._text, at):
            self._left -= 1
            if self._left < 0:
                raise NotJSON(f"more than {MAX_VALUES:,} values")
            at = mark.end()
            if mark[0] == '"':
                at = self._string_end(at)
            else:
                depth += 1 if mark[0] in "[{" else -1
            if depth <= 0:
                self._at = at
                return
        raise self._no_json()

    def end(self) -> None:
        """Raise `NotJSON` if anything follows."""
        if self.kind():
            raise self._no_json()

    def _parts(self, first: str, last: str) -> Iterator[None]:
        if self._take() != first:
            raise self._no_json()
        if self.kind() == last:
            self._at += 1
            return
        while True:
            self._parts_left -= 1
            if self._parts_left < 0:
                raise NotJSON(f"more than {MOST_PARTS:,} spans, logs, scopes and resources")
            yield
            match self._take():
                case ",":
                    continue
                case sign if sign == last:
                    return
            raise self._no_json()

    def _string_end(self, at: int) -> int:
        """Return the end of the string that contains `at`."""
        while self._text[at : at + 1] != '"':
            end = self._match(_INSIDE, at)
            if end == at:
                raise self._no_json()
            at = end
        return at + 1

    def _here(self) -> int:
        self._at = self._match(_SPACE, self._at)
        return self._at

    def _take(self) -> str:
        sign = self.kind()
        self._at += 1
        return sign

    def _match(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self._text, at)
        return at if found is None else found.end()

    def _no_json(self) -> NotJSON:
        return NotJSON(f"not JSON at character {self._at:,}")


def read_traces(body: bytes) -> Received:
    """Read the spans of an `ExportTraceServiceRequest`; `ForeignDataError` if the body is none."""
    return _Request(body, SPANS, lambda raw: read_span(raw, {}, "")).read()


def read_logs(body: bytes) -> Received:
    """Read the log records of an `ExportLogsServiceRequest`; `ForeignDataError` if the body is
    none. Records without a trace are left out: no call can be read from them."""
    return _Request(body, LOGS, lambda raw: read_log(raw, {}, "")).read()


class _Request:
    """A request being read; items stay texts until their scope and resource are known."""

    def __init__(self, body: bytes, names: Names, check: Callable[[Any], object]) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise ForeignDataError("the body is not JSON: it is not UTF-8") from None
        foreign.count_values(text)
        self._json = Reader(text, MAX_ITEM_BYTES)
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
        """Read a scope with its items; a scope without any is left out."""
        items: list[str] = []
        frame = self._object(self._names.items, lambda: self._item(items))
        if items:
            groups.append((frame, items))

    def _item(self, items: list[str]) -> None:
        try:
            raw = self._json.value()
            if self._names is SPANS or _has_trace(raw):
                self._check(raw)
                items.append(dumps(raw))
        except NotJSON:
            raise
        except ForeignDataError as error:
            self._received.reject(str(error))

    def _object(self, lists: str, read_one: Callable[[], object]) -> dict[str, Any]:
        """Read the object here: `read_one` reads each element of the list named `lists`. Return its
        other OTLP fields; unknown ones are skipped."""
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
    """Return a resource's or scope's fields without braces; `ForeignDataError` if too long."""
    text = dumps(frame)[1:-1]
    if reason := check_frame(text.encode()):
        raise ForeignDataError(reason)
    return text


def _snake(name: str) -> str:
    """Return `scope_spans` for `scopeSpans`; readers accept both."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
