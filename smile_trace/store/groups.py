"""What sampling counts calls by: their prompt version, or else the function that made them."""

from typing import Any, Literal, NamedTuple

from smile_trace.records import Call
from smile_trace.store.sql import storable


class Group(NamedTuple):
    """A prompt version, or a function (whose `version` is empty)."""

    kind: Literal["prompt", "function"]
    name: str
    version: str = ""

    @classmethod
    def of(cls, call: Call) -> "Group":
        """The group of a call: that of the first prompt it used, else that of its function."""
        if call.prompts:
            prompt = call.prompts[0]
            return cls("prompt", storable(prompt.name), storable(prompt.version))
        return cls("function", storable(call.name))

    @classmethod
    def from_row(cls, row: Any) -> "Group":
        """The group in a row that has its columns."""
        return cls(row.group_kind, row.group_name, row.group_version)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" version {self.version}" if self.version else "")

    @property
    def values(self) -> dict[str, str]:
        """The columns that hold it, in every table that has them."""
        return {
            "group_kind": self.kind,
            "group_name": self.name,
            "group_version": self.version,
        }
