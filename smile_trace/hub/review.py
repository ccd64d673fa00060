"""What may be made public: what a person has looked at, and in which the rules find nothing."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from smile_trace.errors import SmileTraceError
from smile_trace.hub.pseudonyms import Pseudonyms
from smile_trace.records.entry import Entry, Redaction


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
                f"nobody has looked at the entry {entry.id[:12]}: smile-trace hub anonymise, "
                "then smile-trace hub review"
            )
        if kinds := _secrets(entry):
            raise NotReviewed(
                f"the entry {entry.id[:12]} still holds what looks like {' and '.join(kinds)}: "
                "smile-trace hub anonymise"
            )
        yield entry


def _secrets(entry: Entry) -> list[str]:
    """Kinds that no public text has: what is left of the others is for a person to judge."""
    pseudonyms = Pseudonyms()
    found = [
        *(message.content for one in entry.explanations for message in one.messages),
        *(one.answer for one in entry.explanations),
        *(row.response or "" for one in entry.explanations for row in one.perturbations),
    ]
    for text in found:
        pseudonyms.replace(text)
    kinds = {one.kind for one in pseudonyms.replaced}
    return sorted(kinds & {"secret", "iban"})
