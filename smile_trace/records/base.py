"""The base of every record: immutable, strict about unknown fields, JSON in and out.

Records do not know how they are drawn. Views are registered for a kind of record;
`smile_trace.render` registers ours, and is loaded when the first one is wanted.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

JSON = Any
"""A JSON value. `Any`, because a recursive alias costs more than it catches."""


class Shared:
    """Annotates a dict that many records share: validation takes it as it is, without a copy."""

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

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with the fields of `update`, which are not validated."""
        if deep or self.__pydantic_private__:
            return super().model_copy(update=update, deep=deep)
        return self.trusted(**{**self.__dict__, **(update or {})})

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """Return the record of these fields, which are all of them, without validation: they were
        read, and so checked, by this program."""
        record = _new(cls)
        _set_fields(record, fields)
        _set_given(record, _ALL)
        _set_extra(record, None)
        _set_private(record, None)
        return record


class Counts(Record):
    """Counts of what was done; two of them are added field by field."""

    def __add__(self, other: Self) -> Self:
        names = type(self).model_fields
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})


_new = object.__new__
# A call is made of some ten records: through the slots each takes a quarter less.
_set_fields, _set_given, _set_extra, _set_private = (
    vars(BaseModel)[name].__set__ for name in BaseModel.__slots__
)
_ALL: set[str] = set()
"""What pydantic notes of the fields that were given: nothing here tells them from defaults."""


_VIEWS: dict[tuple[type[Record], str], Callable[..., Any]] = {}
_OWN_VIEWS = "smile_trace.render"


def register_views(kind: type[Record], **views: Callable[..., Any]) -> None:
    """Register functions that draw a kind of record, by the view's name: `html`, `show`, `svg`,
    …."""
    _VIEWS.update(((kind, name), draw) for name, draw in views.items())


def view(record: Record, name: str, **options: Any) -> Any:
    """Draw a record with the view of that name."""
    if (type(record), name) not in _VIEWS:
        import_module(_OWN_VIEWS)
    return _VIEWS[type(record), name](record, **options)


class Shown(Record):
    """A record with a page, which a notebook shows and a terminal prints."""

    def to_html(self) -> str:
        """Draw it as one self-contained HTML page; every text in it is escaped."""
        return str(view(self, "html"))

    def show(self) -> None:
        """Show it in the notebook, or print it in the terminal."""
        view(self, "show")

    def _repr_html_(self) -> str:
        return str(view(self, "html", fragment=True))


Options = TypeVar("Options", bound=Record)


def read_table(model: type[Options], table: str, options: Mapping[str, JSON]) -> Options:
    """Return the validated options of a table, such as `trackers.opik`. Raises ValueError if an
    option is unknown or wrong; the message says which and what it may be."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise ValueError(f"[{table}] has no option {option!r}: it takes {known}") from None
        raise ValueError(f"[{table}] {option}: {first['msg']}") from None
