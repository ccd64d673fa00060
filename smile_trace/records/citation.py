"""The citations of an answer, and whether what they name was used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from smile_trace._text.lists import in_words, listed
from smile_trace._text.titles import both_ends
from smile_trace.records.base import Record

if TYPE_CHECKING:
    from smile_trace.records.explanation import CitedDocument
    from smile_trace.records.verdicts import Verdict

Use = Literal["used", "not used", "open"]

USE: "dict[Verdict | None, Use]" = {"supports": "used", "excluded": "not used"}
"""What the verdict on a document says of its use; any other verdict leaves it open."""

Found = Literal["cited, not used", "used, not cited", "open", "cited and used"]
"""What is said of a sentence and a document, the most telling first."""

_DOES = {
    "cited and used": "name{} a document that the sentence depends on",
    "cited, not used": "name{} a document that makes no measurable difference to the sentence",
    "unknown": "name{} no document of the request",
    "open": "remain{} open",
}


class Citation(Record):
    """A citation that a provider's API gave with an answer: characters `[start, end)` of the
    answer name the request's document number `document`, from 0, or one called `source` (a title,
    address or id). `passage` is the cited text."""

    start: int
    end: int
    document: int | None = None
    source: str | None = None
    passage: str | None = None


class Counted(NamedTuple):
    """How many citations name a document that is used, that is not used, or that is open."""

    used: int
    unused: int
    open: int

    @property
    def share(self) -> float | None:
        """The share that is used of those that are not open, in [0, 1]; None if all are open."""
        known = self.used + self.unused
        return self.used / known if known else None

    def __str__(self) -> str:
        told = f"{self.used} of {self.used + self.unused} used" if self.share is not None else ""
        return ", ".join(filter(None, (told, f"{self.open} open" if self.open else "")))


def counted(citations: "Sequence[CitedDocument]") -> Counted:
    """Count the citations; documents that are used without one count nowhere."""
    found = [one.found for one in citations if one.cited is not None]
    return Counted(
        found.count("cited and used"), found.count("cited, not used"), found.count("open")
    )


def in_sentence(citations: "Sequence[CitedDocument]", answer: str) -> str:
    """Say how many citations of an answer are used and how many are not, with an example of these
    and of what is used without being cited; empty without citations."""
    cited = [one for one in citations if one.cited is not None]
    kinds = ["unknown" if one.document is None else one.found for one in cited]
    every, clauses, does = len(cited), list[str](), list[tuple[int, str]]()
    for kind, said in _DOES.items():
        if count := kinds.count(kind):
            name, sentence = _quoted(cited[kinds.index(kind)], answer)
            example = f" ({name} for {sentence})" if kind in ("cited, not used", "unknown") else ""
            does.append((count, said.format("s" if count == 1 else "") + example))
    if len(does) == 1:
        whole = {1: "the citation", 2: "both citations"}
        clauses.append(f"{whole.get(every, f'all {in_words(every)} citations')} {does[0][1]}")
    elif does:
        few = listed([f"{in_words(count)} {said}" for count, said in does])
        clauses.append(f"of {in_words(every)} citations {few}")
    if uncited := [one for one in citations if one.found == "used, not cited"]:
        more, (name, sentence) = len(uncited) - 1, _quoted(uncited[0], answer)
        rest = f", and so do{'es' if more == 1 else ''} {in_words(more)} more" if more else ""
        clauses.append(f"{sentence} depends on {name} without citing it{rest}")
    said = "; ".join(clauses)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _quoted(one: "CitedDocument", answer: str) -> tuple[str, str]:
    """The document's name and the sentence, in quotes."""
    name, sentence = (both_ends(text, 44) for text in (one.name, answer[one.start : one.end]))
    return f"“{name}”", f"“{sentence}”"
