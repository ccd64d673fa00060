"""The options of `[trackers.comet]` and `[trackers.comet_archive]`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from smile_trace.records import JSON, Record

T = TypeVar("T", bound=Record)


class CometOptions(Record):
    """How traces and experiments go to a Comet server.

    Address, key and, where they are not set here, workspace and project come from Comet's own
    configuration.
    """

    workspace: str | None = None
    """By default Comet's own setting, then the account's default workspace."""
    project: str | None = None
    """The LLM project of the traces; by default Comet's own setting, then `llm-general`."""
    experiments_project: str | None = None
    """The project of the prompt versions; by default the other one's name + `-prompts`."""
    concurrency: int = Field(8, ge=1, le=10)
    """Requests in flight at once."""
    timeout_seconds: float = Field(10.0, gt=0, le=300)
    """How long the server may be silent in one request."""


class ArchiveOptions(Record):
    """Where offline archives of the prompt versions go."""

    directory: Path
    """The folder of the archives; made when needed."""
    workspace: str | None = None
    """The workspace they are meant for; by default the one that uploads them."""
    experiments_project: str = "llm-general-prompts"


def read_options(model: type[T], table: str, options: Mapping[str, JSON]) -> T:
    """The options, checked.

    Raises:
        ValueError: one is unknown or wrong; the message says which and what it may be.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise ValueError(f"[{table}] has no option {name!r}: it takes {known}") from None
        raise ValueError(f"[{table}] {name}: {first['msg']}") from None
