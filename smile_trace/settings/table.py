"""What every table of the settings has in common."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Table(BaseModel):
    """A table: nothing in it is unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )


_Number = TypeVar("_Number", int, float)

Cap = Annotated[_Number | None, BeforeValidator(lambda value: None if value == "none" else value)]
"""A number, or `"none"` for no cap: neither TOML nor the environment has a null value."""
