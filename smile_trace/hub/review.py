"""What may be made public: what a person has looked at, and in which the rules find nothing."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from smile_trace.errors import SmileTraceError
from smile_trace.hub.anonymise import mapped
from smile_trace.hub.pseudonyms import Pseudonyms
from smile_trace.records.entry import Entry, Redaction

_COUNTED = re.compile(r"\d+:[a-z_]+:\d+")
"""The key of a segment by its place: message, unit, ordinal."""


class NotReviewed(SmileTraceError):
    """An entry is not to be made public; the message says why, and what to do."""


def reviewed(entry: Entry, by: str) -> Entry:
    """The entry, of which this person says that it may be made public."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    seen = (entry.redaction or Redaction()).model_copy(
        update={"reviewed_by": by, "reviewed_at": now}
    )
    return entry.model_copy(update={"redaction": seen}).identified()


def public(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries, as long as each may be made public.

    Raises:
        NotReviewed: nobody has looked at one, or a secret is found in it.
    """
    for entry in entries:
        if entry.redaction is None or not entry.redaction.reviewed_by:
            raise NotReviewed(
                f"nobody has looked at the entry {entry.id[:12]}: run smile-trace hub anonymise "
                "FILE CLEAN, then smile-trace hub review CLEAN --by NAME, and build from CLEAN"
            )
        if kinds := _secrets(entry):
            raise NotReviewed(
                f"the entry {entry.id[:12]} still holds what looks like {' and '.join(kinds)}: "
                "run smile-trace hub anonymise FILE CLEAN, look at it again, and build from CLEAN"
            )
        yield entry


def texts_of(entry: Entry) -> list[str]:
    """Every text in it that is not made by machines only, each once: what a person has to see."""
    found: dict[str, None] = {}

    def seen(text: str) -> str:
        found[text] = None
        return text

    document = entry.model_copy(update={"id": ""}).model_dump(mode="json")
    for part in (document, document["call"], document["author"], document["licence"]):
        mapped(part, seen)
    return [text for text in found if text.strip() and not _COUNTED.fullmatch(text)]


def _secrets(entry: Entry) -> list[str]:
    """Kinds that no public text has: what is left of the others is for a person to judge."""
    pseudonyms = Pseudonyms()
    mapped(entry.model_dump(mode="json"), pseudonyms.replace, of_user=True)
    kinds = {one.kind for one in pseudonyms.replaced}
    return sorted(kinds & {"secret", "iban"})
