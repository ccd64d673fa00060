"""What every table of the settings has in common."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

WHERE = "smile_trace settings"
"""Where warnings point: no line of Python is to be changed."""
_warned: dict[str | tuple[str, type[Warning], int], int] = {}


class Table(BaseModel):
    """A table: nothing in it is unknown, and what was renamed is read with a warning."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )

    _renamed: ClassVar[Mapping[str, str]] = {}
    """Names of release 0.1 that are read for one more release, with a warning."""

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        table = dict(table)
        for old, new in cls._renamed.items():
            default = cls.model_fields[new].default  # stands in the table where nobody set it
            if old in table and table.get(new, default) == default:
                warnings.warn_explicit(
                    f"the setting {old!r} is now called {new!r}: rename it; the next release "
                    "no longer reads the old name",
                    FutureWarning,
                    WHERE,
                    1,
                    registry=_warned,
                )
                table[new] = table.pop(old)
        return table


_Number = TypeVar("_Number", int, float)

Cap = Annotated[_Number | None, BeforeValidator(lambda value: None if value == "none" else value)]
"""A number, or `"none"` for no cap: neither TOML nor the environment has a null value."""
