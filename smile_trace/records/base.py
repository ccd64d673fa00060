"""The base of every record: immutable, strict about unknown fields, JSON in and out."""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

JSON = Any
"""A JSON value. `Any`, because a recursive alias costs more than it catches."""


class Shared:
    """Annotates a dict that many records hold: it is taken as it is, where validation copies."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=handler(source), python_schema=core_schema.is_instance_schema(dict)
        )


class Record(BaseModel):
    """An immutable record. Two records with equal fields are equal."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="null", protected_namespaces=()
    )
