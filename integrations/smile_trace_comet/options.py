"""The options of `[trackers.comet]` and `[trackers.comet_archive]`."""

from pathlib import Path

from pydantic import Field

from smile_trace.records import Record


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
