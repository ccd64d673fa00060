"""Values of the user's as bounded JSON, without running more of their code than needed.

Iterators are never consumed and lazy objects never evaluated: only plain containers, pydantic
models and dataclasses are looked into. What is binary becomes a typed placeholder.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 12
MAX_ITEMS = 1000
MAX_REPR = 2000


def jsonable(value: Any, *, depth: int = 0) -> Any:
    """A JSON value that stands for `value`; unknown objects become `"<module.Type>"`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth >= MAX_DEPTH:
        return _type_name(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return binary(bytes(value))
    if isinstance(value, dict):
        items = list(value.items())[:MAX_ITEMS]
        return {str(key): jsonable(item, depth=depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item, depth=depth + 1) for item in list(value)[:MAX_ITEMS]]
    dumped = dump_model(value)
    if dumped is not None:
        return jsonable(dumped, depth=depth + 1)
    return _type_name(value)


def dump_model(value: Any) -> Any:
    """A pydantic model's or a dataclass instance's fields; None for anything else."""
    dump = getattr(type(value), "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    return None


def bounded_repr(value: Any) -> str:
    """`repr(value)`, cut after 2,000 characters; the type's name where it raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  the user's __repr__ may raise anything
        return _type_name(value)
    return text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…"


def binary(data: bytes, media_type: str | None = None) -> dict[str, Any]:
    """A typed placeholder for bytes: never the bytes themselves."""
    return {
        "type": "binary",
        "media_type": media_type or "application/octet-stream",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def dumps(value: Any) -> str:
    """Compact JSON text with every character as it is; NaN and infinities as `null`-safe words.

    Raises:
        ValueError, TypeError: `value` did not come from `jsonable`.
    """
    return _encode(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def field(value: Any, name: str) -> Any:
    """`value[name]` of a mapping or `value.name` of an object; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
