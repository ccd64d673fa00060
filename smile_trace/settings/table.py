"""The base of all tables of the settings."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from smile_trace._options import About


class Table(BaseModel):
    """A table that accepts no unknown setting."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Describe the settings that are options of an explanation."""
        for field in cls.model_fields.values():
            about = next((held for held in field.metadata if isinstance(held, About)), None)
            if about is not None and field.description is None:
                field.description = about.setting


_Number = TypeVar("_Number", int, float)

Cap = Annotated[_Number | None, BeforeValidator(lambda value: None if value == "none" else value)]
"""A number, or `"none"` for no cap: neither TOML nor the environment has a null value."""
