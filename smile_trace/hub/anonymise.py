"""Entries in which names, addresses, numbers and secrets are pseudonyms, in every text alike.

Pseudonyms have the length of what they replace, so the explanation's places hold. The captured
call, which says more than is explained, is left out; so are the tokens of scored answers, which cut
texts anywhere. Hashes of what was sent are made anew, since a short text can be guessed from one.
An entry is public only if a person has looked at it, and the rules find nothing in it.
"""

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from smile_trace.errors import SmileTraceError
from smile_trace.hub.pseudonyms import Pseudonyms
from smile_trace.records import JSON, Message
from smile_trace.records.entry import Entry, Redaction

_MACHINE = frozenset(
    (
        *("schema_version", "kind", "unit", "role", "status", "signal", "form", "asked"),
        *("distance", "package", "verdict", "code", "measured", "settings_hash", "redaction"),
        *("explained_at", "compared_at", "trace_id", "span_id", "call", "text_hash", "type"),
    )
)
"""Fields whose values no person wrote. Ids of documents and keys of segments are texts."""
_NAMES = frozenset(("model", "author", "licence"))
"""Fields with names somebody chose: `ft:gpt-4o-mini-2024-07-18:acme:jane-doe:9x`."""
_OF_THE_USER = frozenset(
    ("parameters", "variables", "extra", "arguments", "response", "raw", "metadata", "data")
)
"""Fields in which the names of fields, too, are the user's texts."""


def anonymise(entries: Iterable[Entry], pseudonyms: Pseudonyms) -> Iterator[Entry]:
    """Yield the entries with pseudonyms, each with its redaction report, not yet reviewed.
    `entries` are read twice, so that what one text shows is replaced in all."""
    documents = [_document(entry) for entry in entries]
    for document in documents:
        mapped(document, _finding(pseudonyms), _finding(pseudonyms, named=True))
    salt = secrets.token_hex(16)
    for document in documents:
        found = Counter[str]()
        counted, seen = partial(_counting, pseudonyms, found), set[str]()
        clean = mapped(document, counted(seen), counted(seen, named=True))
        _align(document, clean)
        if found:
            _hide_what_was_sent(clean, salt)
        clean["redaction"] = Redaction(replaced=dict(sorted(found.items()))).model_dump()
        yield Entry.model_validate({**clean, "id": ""}).identified()


def named_in(entry: Entry) -> set[tuple[str, str]]:
    """Return names that nobody takes for texts: of models, the author, the licence."""
    found: set[tuple[str, str]] = set()

    def look(value: JSON) -> None:
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in _NAMES and isinstance(item, str):
                found.add((name, item))
        inside = value.values() if isinstance(value, dict) else value
        for item in inside if isinstance(value, dict | list) else ():
            look(item)

    look(json.loads(entry.model_dump_json()))
    return found


def _document(entry: Entry) -> dict[str, JSON]:
    document: dict[str, JSON] = json.loads(entry.model_dump_json())
    document |= {"id": "", "call": None, "settings_hash": None, "attempt": None}
    document["inclusion_probability"] = None
    for version in (document["comparison"] or {}).get("versions", ()):
        version["links"] = {}
    for found in _explanations(document):
        found["metadata"] = {}
    return document


def _explanations(document: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    if document["explanation"] is not None:
        yield document["explanation"]
    for step in (document["path"] or {}).get("steps", ()):
        yield from (one for one in (step["explanation"], step["by_tool"]) if one is not None)


def mapped(
    value: JSON,
    text: Callable[[str], str],
    name: Callable[[str], str] | None = None,
    *,
    of_user: bool = False,
) -> JSON:
    """Return a part of an entry's document with every text replaced by the function's value.
    `name`: replaces the names of models, authors and licences; by default `text` does. `of_user`:
    whether names of fields, and fields that no person wrote, are texts, too."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [mapped(item, text, name, of_user=of_user) for item in value]
    if not isinstance(value, dict):
        return value
    # A message's part has a type, and its id is the provider's.
    machine = _MACHINE | {"id"} if "type" in value else _MACHINE

    def inside(field: str, item: JSON) -> JSON:
        if field in machine and not of_user:
            return item
        read = name if name is not None and field in _NAMES and not of_user else text
        return mapped(item, read, name, of_user=of_user or field in _OF_THE_USER)

    return {
        (text(field) if of_user else field): inside(field, item) for field, item in value.items()
    }


def _finding(pseudonyms: Pseudonyms, *, named: bool = False) -> Callable[[str], str]:
    def find(text: str) -> str:
        pseudonyms.find(text, named=named)
        return text

    return find


def _counting(
    pseudonyms: Pseudonyms, found: Counter[str], seen: set[str], *, named: bool = False
) -> Callable[[str], str]:
    def replace(text: str) -> str:
        new, used = pseudonyms.replaced_in(text, named=named)
        for kind, key in used:
            found[kind] += key not in seen
            seen.add(key)
        return new

    return replace


def _align(before: dict[str, JSON], after: dict[str, JSON]) -> None:
    """Set each segment's text to that of its place, however it cuts what was replaced."""
    for old, new in zip(_explanations(before), _explanations(after), strict=True):
        had, has = _contents(old), _contents(new)
        for name in ("segments", "coarser"):
            for was, segment in zip(old[name], new[name], strict=True):
                if _at(had, was) == was["text"]:
                    segment["text"] = _at(has, segment)


def _contents(explanation: dict[str, JSON]) -> list[str]:
    """Return the texts of the messages; one with parts is written without its own."""
    return [Message.model_validate(message).content for message in explanation["messages"]]


def _at(contents: list[str], segment: dict[str, JSON]) -> str:
    return contents[segment["message"]][segment["start"] : segment["end"]]


def _hide_what_was_sent(document: dict[str, JSON], salt: str) -> None:
    for found in _explanations(document):
        for row in found["perturbations"]:
            row["tokens"] = None
            row["text_hash"] = hashlib.sha256((salt + row["text_hash"]).encode()).hexdigest()


_COUNTED = re.compile(r"\d+:[a-z_]+:\d+")


class NotReviewed(SmileTraceError):
    """An entry is not to be made public; the message says why, and what to do."""


def reviewed(entry: Entry, by: str) -> Entry:
    """Return the entry as reviewed by this person, who says that it may be made public."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    seen = (entry.redaction or Redaction()).model_copy(
        update={"reviewed_by": by, "reviewed_at": now}
    )
    return entry.model_copy(update={"redaction": seen}).identified()


def public(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries, as long as each may be made public. Raises NotReviewed if nobody has
    looked at one, or a secret is found in it."""
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
    """Return what a person has to see: every text not made only by machines, each once."""
    found: dict[str, None] = {}

    def seen(text: str) -> str:
        found[text] = None
        return text

    document = entry.model_copy(update={"id": ""}).model_dump(mode="json")
    for part in (document, document["call"], document["author"], document["licence"]):
        mapped(part, seen)
    return [text for text in found if text.strip() and not _COUNTED.fullmatch(text)]


def _secrets(entry: Entry) -> list[str]:
    """Return the kinds of secrets left, which no public text has; a person judges the rest."""
    pseudonyms = Pseudonyms()
    mapped(entry.model_dump(mode="json"), pseudonyms.replace, of_user=True)
    kinds = {one.kind for one in pseudonyms.replaced}
    return sorted(kinds & {"secret", "iban"})
