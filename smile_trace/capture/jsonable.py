"""The user's values as bounded JSON, running as little of the user's code as possible.

Iterators are never consumed and lazy objects never evaluated: only plain containers, pydantic
models and dataclasses are traversed. Binary data becomes a typed placeholder.
"""

import dataclasses
import json
import math
from collections import deque
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from enum import Enum
from typing import Any

from smile_trace.capture.internal_errors import keep_inside

MAX_DEPTH = 12
MAX_ITEMS = 1000
MAX_NODES = 2000
"""Values of one conversion."""
MAX_CHARACTERS = 256 * 1024
"""Characters of all its texts together."""
MAX_HASHED = 4 * 2**20
MAX_REPR = 2000
_LISTS = (list, tuple, set, frozenset, deque, KeysView, ValuesView, ItemsView)
_PRINTABLE = ("datetime", "uuid", "decimal", "pathlib")
"""Modules whose values are written as their text."""


class Shortened(str):
    """A mark in place of what was left out: a call that holds one is never explained."""

    __slots__ = ()


class _Budget:
    """How many values and characters of one conversion are left."""

    __slots__ = ("characters", "nodes", "shortened")

    def __init__(self) -> None:
        self.nodes = MAX_NODES
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

    At most `MAX_NODES` values and `MAX_CHARACTERS` characters, in order; a `Shortened` text
    stands where something was left out.
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
    if isinstance(value, dict):
        return _convert_dict(value, budget, depth)
    if isinstance(value, _LISTS):
        return _convert_list(value, budget, depth)
    dumped = dump_model(value)
    if dumped is not None:
        return _convert(dumped, budget, depth + 1)
    return _type_name(value)


def _convert_dict(value: dict[Any, Any], budget: _Budget, depth: int) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for number, (key, item) in enumerate(value.items()):
        if number >= MAX_ITEMS or budget.empty:
            converted["…"] = budget.mark(f"<{len(value) - number:,} more>")
            break
        converted[_text(_key(key), budget)] = _convert(item, budget, depth + 1)
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


def dump_model(value: Any) -> Any:
    """A pydantic model's or a dataclass instance's fields; None for anything else."""
    dump = getattr(type(value), "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    return None


def bounded_repr(value: Any) -> str:
    """`repr(value)`, truncated after 2,000 characters; the type's name where it raises."""
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
        "sha256" if size <= MAX_HASHED else "sha256_of_first_4_mib": hashlib.sha256(
            begin
        ).hexdigest(),
    }


class JSONText(str):
    """Compact JSON text: it holds no control character, which makes quoting it cheap."""

    __slots__ = ()


def dumps(value: Any) -> JSONText:
    """Compact JSON text of a value that came from `jsonable`, every character as it is."""
    return JSONText(_encode(value))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def plain_str(text: str) -> str:
    """An exact `str`: a subclass may have methods of its own."""
    return text if type(text) is str else str.__str__(text)


def field(value: Any, name: str) -> Any:
    """`value[name]` of a mapping or `value.name` of an object; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _key(key: Any) -> str:
    return plain_str(key) if isinstance(key, str) else bounded_repr(key)


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
