"""The user's values as bounded JSON, running as little of the user's code as possible.

Iterators are never consumed and lazy objects never evaluated: only plain containers, arrays,
pydantic models and dataclasses are traversed. Binary data becomes a typed placeholder.
"""

import json
import math
from collections import UserDict, UserList, deque
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Any

from smile_trace._guards import objects
from smile_trace._guards.internal_errors import keep_inside

MAX_DEPTH = 12
MAX_ITEMS = 1000
MAX_NODES = 2000
"""Values of one conversion."""
MAX_CHARACTERS = 256 * 1024
"""Characters of all texts of one conversion."""
MAX_HASHED = 2**20
MAX_REPR = 2000
MAX_LOOKS = 8 * MAX_NODES
"""Values inspected before a conversion, to see whether objects are small."""
_LISTS = (list, tuple, set, frozenset, deque, UserList, KeysView, ValuesView, ItemsView)
_DICTS = (dict, UserDict, MappingProxyType)
_SCALARS = frozenset((int, float, bool, type(None)))
_CHEAP_REPRS: tuple[Any, ...] = (object.__repr__, int.__repr__, float.__repr__)
_PRINTABLE = ("datetime", "uuid", "decimal", "pathlib")
"""Modules whose values are written as their text."""


class Shortened(str):
    """A mark in place of what was left out: a call that holds one is never explained."""

    __slots__ = ()


class _Budget:
    """The values and characters that are left for a conversion."""

    __slots__ = ("characters", "looks", "nodes", "shortened")

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.looks = MAX_LOOKS
        self.characters = MAX_CHARACTERS
        self.shortened = False

    @property
    def empty(self) -> bool:
        return self.nodes <= 0 or self.characters < 0

    def mark(self, text: str) -> Shortened:
        self.shortened = True
        return Shortened(text)


def jsonable(value: Any) -> Any:
    """`value` as JSON; unknown objects become `"<module.Type>"`.

    At most `MAX_NODES` values and `MAX_CHARACTERS` characters are kept, in order; a `Shortened`
    text stands for the rest.
    """
    return _convert(value, _Budget(), 0)


def bounded(value: Any) -> tuple[Any, bool]:
    """`jsonable(value)`, and whether something was left out."""
    budget = _Budget()
    return _convert(value, budget, 0), budget.shortened


def _convert(value: Any, budget: _Budget, depth: int) -> Any:
    budget.nodes -= 1
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is Shortened:
        budget.shortened = True
        return value
    if isinstance(value, str):
        return _text(plain_str(value), budget)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= 4096 else f"<int of {value.bit_length()} bits>"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else float.__repr__(value)
    if isinstance(value, Enum):
        return _convert(value.value, budget, depth + 1)
    if kind.__module__ in _PRINTABLE:
        return _text(str(value), budget)
    if depth >= MAX_DEPTH:
        return budget.mark(_type_name(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return binary(value)
    if kind is not dict and kind is not list:  # what is most frequent is asked for first
        if objects.is_model(value):
            return _convert_model(value, budget, depth)
        if objects.is_array(value):
            return _convert_array(value, budget, depth)
    if isinstance(value, _DICTS):
        return _convert_dict(value, budget, depth)
    if isinstance(value, _LISTS):
        return _convert_list(value, budget, depth)
    return _type_name(value)


def _convert_model(value: Any, budget: _Budget, depth: int) -> Any:
    """A model as it dumps itself if that is cheap, else its fields, and marked."""
    if _is_small(value, budget, depth):
        return _convert(objects.dump(value), budget, depth + 1)
    fields = objects.fields(value)
    if fields is None:
        return budget.mark(_type_name(value))
    before, budget.shortened = budget.shortened, False
    converted = _convert_dict(fields, budget, depth + 1)
    if not budget.shortened or objects.has_serializer(value):
        converted["…"] = budget.mark("<more>")
    budget.shortened = before or budget.shortened
    return converted


def _convert_array(value: Any, budget: _Budget, depth: int) -> Any:
    """An array as lists of its numbers; no more are made than are kept."""
    plain, shape = objects.plain_array(value)
    if not shape:
        return _convert(plain.item(), budget, depth + 1)
    rows = plain[:MAX_ITEMS]
    if len(shape) == 1:
        rows = rows.tolist()
    converted: list[Any] = []
    for row in rows:
        if budget.empty:
            break
        converted.append(_convert(row, budget, depth + 1))
    if len(converted) < shape[0]:
        converted.append(budget.mark(f"<{shape[0] - len(converted)} more>"))
    return converted


def _is_small(value: Any, budget: _Budget, depth: int) -> bool:
    """Whether an object's whole content is within what is left of the bounds."""
    nodes, characters = budget.nodes, budget.characters
    level = [value]
    for _ in range(MAX_DEPTH - depth):
        inner: list[Any] = []
        for item in level:
            if type(item) in _SCALARS:
                continue
            held: Any = ()
            if isinstance(item, str):
                characters -= len(item)
            elif objects.is_model(item):
                held = objects.attributes(item)
            elif isinstance(item, _DICTS):
                held = item
                characters -= sum(len(key) for key in islice(item, nodes) if isinstance(key, str))
            elif isinstance(item, _LISTS):
                held = item
            elif item is value:
                held = objects.attributes(item)
            nodes -= len(held)
            if nodes < 0 or characters < 0 or budget.looks < 0:
                return False
            budget.looks -= len(held)
            inner += held.values() if isinstance(held, _DICTS) else held
        if not inner:
            return True
        level = inner
    return False


def _convert_dict(value: Mapping[Any, Any], budget: _Budget, depth: int) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for number, (key, item) in enumerate(value.items()):
        if number >= MAX_ITEMS or budget.empty:
            converted["…"] = budget.mark(f"<{len(value) - number:,} more>")
            break
        name = plain_str(key) if isinstance(key, str) else bounded_repr(key)
        if type(name) is Shortened:
            converted[str(name)] = budget.mark("<its key is too long>")
            continue
        converted[_text(name, budget)] = _convert(item, budget, depth + 1)
    return converted


def _convert_list(value: Any, budget: _Budget, depth: int) -> list[Any]:
    converted: list[Any] = []
    for number, item in enumerate(value):
        if number >= MAX_ITEMS or budget.empty:
            converted.append(budget.mark(f"<{len(value) - number} more>"))
            break
        converted.append(_convert(item, budget, depth + 1))
    return converted


def _text(text: str, budget: _Budget) -> str:
    length, room = len(text), max(budget.characters, 0)
    budget.characters -= length
    if length <= room:
        return text
    return budget.mark(f"{text[:room]}… [truncated by smile-trace: {length:,} characters]")


def is_json(value: Any) -> bool:
    """Whether it is plain JSON within the bounds of `jsonable`: exact types, finite numbers."""
    level, count = [value], 1
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict or kind is list:
                count += len(item)
                if count > MAX_NODES or len(item) > MAX_ITEMS:
                    return False
                if kind is dict and not all(type(key) is str for key in item):
                    return False
                inner += item.values() if kind is dict else item
            elif not _is_plain(item):
                return False
        if not inner:
            return True
        level = inner
    return False


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is int:
        return bool(value.bit_length() <= 4096)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is str or kind is bool


def bounded_repr(value: Any) -> str:
    """`repr(value)`, cut after 2,000 characters; the type's name if it raises or is too large."""
    if type(value).__repr__ not in _CHEAP_REPRS and not _is_small(value, _Budget(), 0):
        return Shortened(_type_name(value))
    try:
        text = repr(value)
    except BaseException as error:  # noqa: BLE001  the user's __repr__ may raise anything
        keep_inside(error)
        return _type_name(value)
    return text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…"


def binary(data: bytes | bytearray | memoryview, media_type: str | None = None) -> dict[str, Any]:
    """A typed placeholder for bytes: never the bytes themselves."""
    import hashlib  # and with it OpenSSL: only where there is something binary

    view = memoryview(data)
    size = view.nbytes
    if view.contiguous:
        begin = view.cast("B")[:MAX_HASHED]
    else:
        begin = memoryview(view[:MAX_HASHED].tobytes())[:MAX_HASHED]
    return {
        "type": "binary",
        "media_type": media_type or "application/octet-stream",
        "bytes": size,
        "sha256" if size <= MAX_HASHED else "sha256_of_first_mib": hashlib.sha256(
            begin
        ).hexdigest(),
    }


dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON text of a value that came from `jsonable`, every character as it is."""


def plain_str(text: str) -> str:
    """An exact `str`: a subclass may have methods of its own."""
    return text if type(text) is str else str.__str__(text)


def field(value: Any, name: str) -> Any:
    """`value[name]` of a mapping or `value.name` of an object; None if there is none."""
    if type(value) is dict or isinstance(value, Mapping):  # the latter is slow
        return value.get(name)
    return getattr(value, name, None)


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
