"""The fields of pydantic models and dataclasses, and the shape of arrays, without importing their
libraries: an object is known by its class's attributes."""

import array
import dataclasses
import sys
from typing import Any


def is_model(value: Any) -> bool:
    """Whether it is an instance of a dataclass, a pydantic model or a look-alike."""
    kind = type(value)
    if isinstance(value, type):
        return False
    return hasattr(kind, "model_dump") or dataclasses.is_dataclass(kind)


def dump(value: Any) -> Any:
    """A model as it dumps itself, however large; a dataclass's fields."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump()
    return fields(value)


def fields(value: Any) -> dict[str, Any] | None:
    """The fields that a model would dump, by name, without dumping them; None if unknown. Fields
    with their own serializer are left out: they may hide a secret."""
    kind = type(value)
    if not hasattr(kind, "model_dump"):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    declared = getattr(kind, "model_fields", None)
    decorators = getattr(kind, "__pydantic_decorators__", None)
    if not isinstance(declared, dict) or decorators is None or decorators.model_serializers:
        return None
    own = {name for each in decorators.field_serializers.values() for name in each.info.fields}
    extra = getattr(value, "__pydantic_extra__", None) or {}
    return {
        name: held
        for name, held in attributes(value).items()
        if (name in extra or (name in declared and not _dumped_otherwise(declared[name])))
        and own.isdisjoint((name, "*"))
    }


def has_serializer(value: Any) -> bool:
    """Whether a model dumps a part of itself in a way of its own."""
    found = fields(value)
    return found is None or len(found) < len(attributes(value))


def attributes(value: Any) -> dict[str, Any]:
    """The attributes set on an object, extra fields included; runs no code of its class."""
    found: dict[str, Any] = {}
    for name in ("__dict__", "__pydantic_extra__"):
        try:
            held = object.__getattribute__(value, name)
        except (AttributeError, TypeError):
            continue
        if type(held) is dict:
            found = {**found, **held} if found else held
    if not found and dataclasses.is_dataclass(type(value)):  # with slots
        found = fields(value) or {}
    return found


def is_array(value: Any) -> bool:
    """Whether it is an array or scalar of numpy's, or an array of the standard library's."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return True
    return isinstance(value, array.array)


def plain_array(value: Any) -> tuple[Any, tuple[int, ...]]:
    """An array without its subclass's behaviour, and its shape (empty for a scalar)."""
    if isinstance(value, array.array):
        return value, (len(value),)
    numpy = sys.modules["numpy"]
    plain = value.view(numpy.ndarray) if isinstance(value, numpy.ndarray) else value
    return plain, tuple(plain.shape)


def _dumped_otherwise(field: Any) -> bool:
    if getattr(field, "exclude", None):
        return True
    return any(
        type(each).__name__.endswith("Serializer") for each in getattr(field, "metadata", ())
    )
