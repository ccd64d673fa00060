"""A line of `explanations.smile.jsonl`: a result with what it takes to reproduce it."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from smile_trace._guards import foreign
from smile_trace._guards.presentable import presentable
from smile_trace.errors import SmileTraceError
from smile_trace.records.base import JSON, Record
from smile_trace.records.call import Call
from smile_trace.records.comparison import Comparison
from smile_trace.records.explanation import Explanation
from smile_trace.records.path import ExplanationPath
from smile_trace.records.upgrades import versioned

ENTRY_VERSION: Literal[2] = 2
"""Incremented when a line is no longer read as it was."""
MAX_SECONDS = 253_402_300_800.0
"""The end of the year 9999: no calendar reaches further."""
_LONGEST = 300

Kind = Literal["explanation", "path", "comparison"]


class Redaction(Record):
    """The replacements of `hub anonymise`, and who has reviewed the result. `replaced` counts the
    different texts of each kind (`email`, `phone`, `name`, …)."""

    replaced: dict[str, int] = {}
    reviewed_by: str | None = None
    reviewed_at: str | None = None
    """ISO 8601, UTC."""


class EntryUnreadable(SmileTraceError):
    """A line is not an entry; the message says why."""


class Entry(Record):
    """An explanation, a path or a comparison: exactly one of the three. `id` is the SHA-256 (hex)
    of all the rest. `call` is an explanation's captured call, None in the foreground. `stripped`:
    without perturbations and responses, so that it cannot be computed again. `licence` is an SPDX
    expression, `explained_at` Unix seconds."""

    schema_version: Literal[2]
    id: str = Field("", pattern="^([0-9a-f]{64})?$")
    explanation: Explanation | None = None
    path: ExplanationPath | None = None
    comparison: Comparison | None = None
    call: Call | None = None
    settings_hash: str | None = None
    attempt: int | None = Field(None, ge=1, lt=2**31)
    inclusion_probability: float | None = Field(None, gt=0, le=1)
    explained_at: float | None = Field(None, ge=0, lt=MAX_SECONDS)
    licence: str | None = None
    author: str | None = None
    tags: tuple[str, ...] = ()
    redaction: Redaction | None = None
    stripped: bool = False

    _check_version = versioned(ENTRY_VERSION, "line")

    @model_validator(mode="after")
    def _one(self) -> "Entry":
        held = (self.explanation, self.path, self.comparison)
        if sum(one is not None for one in held) != 1:
            raise ValueError("a line holds one explanation, one path or one comparison")
        return self

    @property
    def kind(self) -> Kind:
        """The kind of what it holds."""
        if self.explanation is not None:
            return "explanation"
        return "comparison" if self.path is None else "path"

    @property
    def found(self) -> Explanation | ExplanationPath | Comparison:
        """The result in the entry."""
        found = self.explanation or self.path or self.comparison
        assert found is not None
        return found

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """The explanations in it: its own, or those of the path's steps."""
        if self.path is None:
            return () if self.explanation is None else (self.explanation,)
        of_steps = ((step.explanation, step.by_tool) for step in self.path.steps)
        return tuple(one for pair in of_steps for one in pair if one is not None)

    @property
    def line(self) -> str:
        """The canonical line (without its newline), with the id of its content."""
        document = json.loads(self.model_dump_json())
        return canonical({**document, "id": content_id(document)})

    @classmethod
    def of(cls, found: "Explanation | ExplanationPath | Comparison", **about: Any) -> "Entry":
        """Return the entry of a result, with other fields (call, licence, tags, …) and its id."""
        name = {Explanation: "explanation", ExplanationPath: "path", Comparison: "comparison"}
        fields = {"schema_version": ENTRY_VERSION, name[type(found)]: found}
        return cls(**fields, **about).identified()

    @classmethod
    def read(cls, line: bytes) -> "Entry":
        """Return the entry of an untrusted line, with its id as it stands there. Raises
        EntryUnreadable if the line is not an entry."""
        try:
            entry = cls.model_validate(foreign.decode(line))
            foreign.check(entry.model_dump())  # what pydantic made of texts: "1e30" is a number
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))[:100]
            said = f"{where}: {first['msg']}" if where else first["msg"]
            raise EntryUnreadable(presentable(said, longest=_LONGEST)) from None
        except foreign.MISREAD as error:
            said = str(error) or type(error).__name__
            raise EntryUnreadable(presentable(said, longest=_LONGEST)) from None
        return entry

    def identified(self) -> "Entry":
        """Return the same entry with the id of its content."""
        return self.model_copy(update={"id": content_id(json.loads(self.model_dump_json()))})


def canonical(document: JSON) -> str:
    """Return JSON in canonical form: names sorted, no white space, only finite numbers."""
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def content_id(document: dict[str, JSON]) -> str:
    """Return the SHA-256 (hex) of a line's document without its id."""
    content = {name: value for name, value in document.items() if name != "id"}
    return hashlib.sha256(canonical(content).encode()).hexdigest()
