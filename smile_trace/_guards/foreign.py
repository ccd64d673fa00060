"""The gate for JSON of other programs, decoded within bounds.

Spool lines, OTLP files, JSON in attributes, imports and servers' replies are foreign. Whatever
passes can be stored, sent on and read again: it is bounded in size, depth and number of values,
with integers of at most 64 bits, finite numbers, and text that UTF-8 can encode. Anything else
raises `ForeignDataError`; the reader sets that item aside and goes on.
"""

import json
import math
import re
from functools import partial
from typing import Any, NoReturn

from pydantic_core import from_json

from smile_trace.errors import ReasonCode, SmileTraceError

MAX_BYTES = 64 * 2**20
"""Characters or bytes of one JSON text."""
MAX_DEPTH = 64
"""Nesting of lists and objects; serializers of JSON give up at some 200."""
MAX_VALUES = 2_000_000
"""Values of one JSON text."""
FREE_CONTAINERS, BYTES_PER_CONTAINER = 200_000, 20
"""Lists and objects of a text: these, and one more per so many bytes. An object of 5 bytes takes
some 200 in memory, so a text takes at most 20 times its length and 64 MB."""
SURELY_FEW = 2 * FREE_CONTAINERS
"""A text of so many characters cannot have too many of them."""
MAX_INTEGER = 2**64
MIN_INTEGER = -(2**63)

MISREAD = (AttributeError, LookupError, TypeError, ValueError, RecursionError, OverflowError)
"""The errors of taking values out of misshapen foreign data; `ForeignDataError` is a ValueError."""

_DECIMAL = re.compile(r"\s*[-+]?[0-9]{1,20}\s*").fullmatch
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
# A string that nothing closes goes to the end: looked for again at each of its quotes, it would
# take the square of its length.
_STRING_OR_VALUE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[,\[{]', re.DOTALL)


class ForeignDataError(SmileTraceError, ValueError):
    """Data of another program that is no JSON, or beyond the bounds; the message says how."""

    code = ReasonCode.UNREADABLE_DATA


class NotJSON(ForeignDataError):
    """The text is no JSON at all."""


def decode(text: str | bytes, *, lenient: bool = False) -> Any:
    """The value of a JSON text, within all bounds.

    Args:
        text: JSON (RFC 8259); bytes are UTF-8.
        lenient: replace halves of a character (`"\\ud83d"`) by U+FFFD, and `NaN`, `Infinity` and
            `-Infinity`, which many encoders write, by null. Otherwise both are refused.

    Raises:
        NotJSON: it is no JSON.
        ForeignDataError: it is beyond a bound.
    """
    value = parse(text, lenient=lenient)
    if type(value) is not str and not _is_within(text):
        check(value)
    return value


def parse(text: str | bytes, *, lenient: bool = False, max_values: int = MAX_VALUES) -> Any:
    """Decode like `decode`, but check size and number of values only: `check` each item. Raises
    NotJSON if it is no JSON; ForeignDataError if it is too long, or has too many values, lists or
    objects."""
    if len(text) > MAX_BYTES:
        raise ForeignDataError(f"longer than {MAX_BYTES:,} bytes")
    if len(text) <= SURELY_FEW and len(text) <= max_values:
        try:
            return from_json(text, allow_inf_nan=False)
        except (ValueError, TypeError):
            # What both accept they read alike; the slow one knows what may be mended, or why not.
            pass
    return _parsed(text, lenient, max_values)[0]


def parse_first(text: str, *, lenient: bool = False) -> tuple[Any, int]:
    """Parse the value with which a text begins, and return it with its end; raises as `parse`."""
    return _parsed(text, lenient, whole=False)


def _parsed(
    text: str | bytes, lenient: bool, max_values: int = MAX_VALUES, *, whole: bool = True
) -> tuple[Any, int]:
    decoder = _LENIENT if lenient else _STRICT
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        count_values(text, max_values)
        value, end = (decoder.decode(text), len(text)) if whole else decoder.raw_decode(text)
    except ForeignDataError:
        raise
    except RecursionError:
        raise ForeignDataError("nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotJSON(f"not JSON: {str(error)[:200]}") from None
    except ValueError:  # Python converts no longer ones
        raise ForeignDataError("a number with thousands of digits") from None
    text = text[:end]  # what follows a first value is not its own, and may be long
    escaped = "\\ud" in text or "\\uD" in text
    if escaped or (not text.isascii() and _LONE_SURROGATES.search(text)):
        value = _mended(value, lenient=lenient)
    return value, end


def check(value: Any, *, max_depth: int = MAX_DEPTH) -> None:
    """Check a decoded value's depth, number of values, integers, finite numbers and types. Raises
    ForeignDataError if it is beyond a bound, or holds what is no JSON."""
    level, count = [value], 1
    for _ in range(max_depth + 1):
        inner: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is str or kind is bool or item is None:  # the most frequent first
                continue
            if kind is dict:
                inner.extend(item.values())
            elif kind is list or kind is tuple:
                inner.extend(item)
            elif kind is int:
                integer(item)
            elif kind is float:
                finite(item)
            else:
                raise ForeignDataError(f"a {kind.__name__} is not JSON")
        if not inner:
            return
        count += len(inner)
        if count > MAX_VALUES:
            raise ForeignDataError(f"more than {MAX_VALUES:,} values")
        level = inner
    raise ForeignDataError(f"nested deeper than {max_depth} levels")


def clean(value: Any) -> Any:
    """Check a value of another decoder, with U+FFFD for half characters and null for infinity.
    Raises ForeignDataError if it is beyond a bound."""
    value = _mended(value, lenient=True)
    check(value)
    return value


def integer(value: Any) -> int:
    """An integer of at most 64 bits, from a number or its decimal text; raises ForeignDataError."""
    if isinstance(value, str):
        if not _DECIMAL(value):
            raise ForeignDataError(f"not an integer: {value[:80]!r}")
        value = int(value)
    if isinstance(value, float) and finite(value).is_integer() and abs(value) < MAX_INTEGER:
        value = int(value)
    if not isinstance(value, int):
        raise ForeignDataError(f"not an integer: {str(value)[:80]!r}")
    if not MIN_INTEGER <= value < MAX_INTEGER:
        raise ForeignDataError("an integer of more than 64 bits")
    return int(value)


def finite(value: Any) -> float:
    """A finite number, from a number or its text; raises ForeignDataError if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        shown = str(value)[:80] if isinstance(value, str) else type(value).__name__
        raise ForeignDataError(f"not a number, or out of range: {shown!r}") from None
    if not math.isfinite(number):
        raise ForeignDataError(f"{number} is not a JSON number")
    return number


def count_values(text: str, max_values: int = MAX_VALUES) -> None:
    """Refuse too many values before decoding; strings are searched only if that can matter. Raises
    ForeignDataError if there are too many values, lists or objects."""
    most = FREE_CONTAINERS + len(text) // BYTES_PER_CONTAINER
    if len(text) <= min(2 * most, max_values):  # a container has two characters
        return
    containers = text.count("[") + text.count("{")
    if containers <= most and containers + text.count(",") <= max_values:
        return
    count = containers = 0
    for match in _STRING_OR_VALUE.finditer(text):
        first = text[match.start()]
        count += first != '"'
        containers += first in "[{"
        if count > max_values:
            raise ForeignDataError(f"more than {max_values:,} values")
        if containers > most:
            raise ForeignDataError(f"more than {most:,} lists and objects")


def _is_within(text: str | bytes) -> bool:
    """Whether the value of a JSON text is within the bounds of `check`, at a glance: too few
    brackets to be nested too deeply, no long number, and none with an exponent."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > SURELY_FEW or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        return False
    shape = data.translate(_NUMBERS)
    return _LONG not in shape and b"0e0" not in shape and b"0e+" not in shape


def _refuse_constant(name: str) -> NoReturn:
    raise ForeignDataError(f"{name} is not a JSON number")


def _mended(value: Any, *, lenient: bool, depth: int = 0) -> Any:
    """Mend or refuse lone surrogates: they are JSON, but neither databases nor models take them."""
    if depth > 4 * MAX_DEPTH:
        raise ForeignDataError("nested too deeply")
    again = partial(_mended, lenient=lenient, depth=depth + 1)
    match value:
        case str() if _LONE_SURROGATES.search(value):
            if not lenient:
                raise ForeignDataError("half a character (a lone surrogate)")
            return _LONE_SURROGATES.sub("\ufffd", value)
        case float() if lenient and not math.isfinite(value):
            return None
        case dict():
            return {again(name): again(held) for name, held in value.items()}
        case list():
            return [again(held) for held in value]
    return value


_NUMBERS = bytes.maketrans(b"123456789E", b"000000000e")
_LONG = b"0" * 19
"""The shape of the smallest number that may have more than 64 bits."""

# `json.loads` makes a decoder for each text, which takes longer than a short text.
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None)
_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)
