"""Protobuf messages taken apart without decoding: once decoded, a message of 2 bytes takes about
50, a span about 200.

Source: the encoding of Protocol Buffers: a tag of number and wire type, then the value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from smile_trace._guards.foreign import MAX_VALUES, ForeignDataError
from smile_trace.records.formats.otlp import MAX_LINE_DEPTH
from smile_trace.sources.receiver.lines import MOST_PARTS

Place = tuple[int, int]
"""A message's range in the body: its first byte, and the byte behind it."""
Shape = Mapping[int, Any]
"""The fields of a message that are messages, with their shapes."""

_LARGE = 2**20
"""A message up to this length may hold any number of messages."""
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

_ANY_VALUE: dict[int, Shape] = {}
_KEY_VALUE: Shape = {2: _ANY_VALUE}
_ANY_VALUE |= {5: {1: _ANY_VALUE}, 6: {1: _KEY_VALUE}}
SPAN: Shape = {9: _KEY_VALUE, 11: {3: _KEY_VALUE}, 13: {4: _KEY_VALUE}, 15: {}}
LOG_RECORD: Shape = {5: _ANY_VALUE, 6: _KEY_VALUE}


class TooMany(ForeignDataError):
    """There are more messages than may be decoded."""


class Messages:
    """Messages in a request's body; at most `MAX_VALUES` fields are looked at."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._left = MAX_VALUES
        self._parts_left = MOST_PARTS

    def whole(self) -> Place:
        """Return the range of the whole body."""
        return 0, len(self._body)

    def bytes_at(self, place: Place) -> bytes:
        """Return a message as it was sent."""
        return self._body[place[0] : place[1]]

    def repeated(self, holder: Place, number: int) -> Iterator[Place]:
        """Yield the messages of a repeated field; raises like `fields`, and beyond `MOST_PARTS`."""
        for found, place in self.fields(holder):
            if found == number:
                self._parts_left -= 1
                if self._parts_left < 0:
                    raise ForeignDataError(
                        f"more than {MOST_PARTS:,} spans, logs, scopes and resources"
                    )
                yield place

    def fields(self, holder: Place) -> Iterator[tuple[int, Place]]:
        """Yield number and range of each text, message and array; may raise `ForeignDataError`."""
        at, end = holder
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise TooMany(f"more than {MAX_VALUES:,} values")
            tag, at = self._varint(at, end)
            kind = tag & 7
            if kind == _LENGTH:
                size, at = self._varint(at, end)
                if size > end - at:
                    raise no_request()
                yield tag >> 3, (at, at + size)
                at += size
            elif kind == _VARINT:
                _, at = self._varint(at, end)
            elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
                at += 4 if kind == _FOUR_BYTES else 8
            else:
                raise no_request()
        if at > end:
            raise no_request()

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._body[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
            shift += 7
        raise no_request()


def check_count(messages: Messages, item: Place, shape: Shape) -> None:
    """Raise `TooMany` if decoding an item would take many times its length: about one message per
    10 bytes is allowed. Its fields count as looked at."""
    size = item[1] - item[0]
    if size <= _LARGE:
        return
    most = _LARGE // 20 + size // 10
    around = [(messages.fields(item), shape)]
    count = 0
    while around:
        fields, of_fields = around[-1]
        for number, place in fields:
            if (inner := of_fields.get(number)) is not None:
                count += 1
                around.append((messages.fields(place), inner))
                break
        else:
            around.pop()
        if count > most or len(around) > MAX_LINE_DEPTH:
            raise TooMany(f"more than {most:,} values in a span or log, or too many levels")


def no_request() -> ForeignDataError:
    """Return the error for a body that is not an OTLP request."""
    return ForeignDataError("the body is no OTLP request in protobuf")
