"""Reading the tables of the settings that belong to a tracker or a source."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from smile_trace.records import JSON, Record

Options = TypeVar("Options", bound=Record)


def read_table(model: type[Options], table: str, options: Mapping[str, JSON]) -> Options:
    """The options of a table, checked.

    Args:
        table: its name, such as `trackers.opik`.

    Raises:
        ValueError: one is unknown or wrong; the message says which and what it may be.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise ValueError(f"[{table}] has no option {option!r}: it takes {known}") from None
        raise ValueError(f"[{table}] {option}: {first['msg']}") from None
