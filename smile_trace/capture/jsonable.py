"""The user's values as bounded JSON, running as little of the user's code as possible.

Iterators are never consumed and lazy objects never evaluated: only plain containers, pydantic
models and dataclasses are traversed. Binary data becomes a typed placeholder.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

MAX_DEPTH = 12
MAX_ITEMS = 1000
MAX_REPR = 2000
_PRINTABLE = ("datetime", "uuid", "decimal", "pathlib")
"""Modules whose values are written as their text."""


def jsonable(value: Any, *, depth: int = 0) -> Any:
    """`value` as JSON; unknown objects become `"<module.Type>"`."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if isinstance(value, str):
        return plain_str(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= 4096 else f"<int of {value.bit_length()} bits>"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else float.__repr__(value)
    if isinstance(value, Enum):
        return jsonable(value.value, depth=depth + 1)
    if kind.__module__ in _PRINTABLE:
        return str(value)
    if depth >= MAX_DEPTH:
        return _type_name(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return binary(bytes(value))
    if isinstance(value, dict):
        items = list(value.items())[:MAX_ITEMS]
        return {_key(key): jsonable(item, depth=depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        items = [jsonable(item, depth=depth + 1) for item in list(value)[:MAX_ITEMS]]
        return items + [f"<{len(value) - MAX_ITEMS} more>"] * (len(value) > MAX_ITEMS)
    dumped = dump_model(value)
    if dumped is not None:
        return jsonable(dumped, depth=depth + 1)
    return _type_name(value)


def is_json(value: Any) -> bool:
    """Whether `jsonable(value)` equals the value, so that a rerun can pass it again."""
    if isinstance(value, dict):
        return all(isinstance(k, str) for k in value) and all(map(is_json, value.values()))
    if isinstance(value, list):
        return all(map(is_json, value))
    return value is None or isinstance(value, bool | int | float | str)


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
    except Exception:  # noqa: BLE001  the user's __repr__ may raise anything
        return _type_name(value)
    return text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…"


def binary(data: bytes, media_type: str | None = None) -> dict[str, Any]:
    """A typed placeholder for bytes: never the bytes themselves."""
    import hashlib  # and with it OpenSSL: only where there is something binary

    return {
        "type": "binary",
        "media_type": media_type or "application/octet-stream",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
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
