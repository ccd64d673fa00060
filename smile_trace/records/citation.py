"""The citations of an answer, and whether what they name was used."""

from typing import TYPE_CHECKING, Literal

from smile_trace.records.base import Record

if TYPE_CHECKING:
    from smile_trace.records.verdicts import Verdict

Use = Literal["used", "not used", "open"]

USE: "dict[Verdict | None, Use]" = {"supports": "used", "excluded": "not used"}
"""What the verdict on a document says of its use; any other verdict leaves it open."""


class Citation(Record):
    """A citation that a provider's API gave with an answer: characters `[start, end)` of the
    answer name the request's document number `document`, from 0, or one called `source` (a title,
    address or id). `passage` is the cited text."""

    start: int
    end: int
    document: int | None = None
    source: str | None = None
    passage: str | None = None
