"""The base of every record: immutable, strict about unknown fields, JSON in and out."""

from typing import Any

from pydantic import BaseModel, ConfigDict

JSON = Any
"""A JSON value. `Any`, because a recursive alias costs more than it catches."""


class Record(BaseModel):
    """An immutable record. Two records with equal fields are equal."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="null", protected_namespaces=()
    )
