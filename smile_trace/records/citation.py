"""The citations of an answer, and whether what they name was used."""

from collections.abc import Iterator, Sequence
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
FOUND: tuple[Found, ...] = ("cited, not used", "used, not cited", "open", "cited and used")
"""What is said of a sentence and a document, the most telling first."""

_LONGEST = 44
"""Characters of a sentence or name that is quoted."""


class Citation(Record):
    """A citation that a provider's API gave with an answer: characters `[start, end)` of the
    answer name the request's document number `document`, from 0, or one called `source` (a title,
    address or id). `passage` is the cited text."""

    start: int
    end: int
    document: int | None = None
    source: str | None = None
    passage: str | None = None


def found_of(*, cited: bool, use: Use) -> Found:
    """What is said of a document that a sentence cites, or depends on without a citation."""
    if use == "open":
        return "open"
    if use == "not used":
        return "cited, not used"
    return "cited and used" if cited else "used, not cited"


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
    clauses, counts = list[str](), list(_counts(citations, answer))
    every = sum(number for number, _ in counts)
    if len(counts) == 1:
        whole = {1: "the citation", 2: "both citations"}
        clauses.append(f"{whole.get(every, f'all {in_words(every)} citations')} {counts[0][1]}")
    elif counts:
        few = [f"{in_words(number)} {said}" for number, said in counts]
        clauses.append(f"of {in_words(every)} citations {listed(few)}")
    uncited = [one for one in citations if one.found == "used, not cited"]
    if uncited:
        more, example = len(uncited) - 1, uncited[0]
        rest = f", and so do{'es' if more == 1 else ''} {in_words(more)} more" if more else ""
        named = f"{_sentence(example, answer)} depends on {_quoted(example.name)}"
        clauses.append(f"{named} without citing it{rest}")
    said = "; ".join(clauses)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _counts(citations: "Sequence[CitedDocument]", answer: str) -> Iterator[tuple[int, str]]:
    """How many citations there are of each kind, and what they do."""
    unused = [one for one in citations if one.found == "cited, not used"]
    idle = [one for one in unused if one.document is not None]
    wrong = [one for one in unused if one.document is None]
    for few, does, example in (
        (
            [one for one in citations if one.found == "cited and used"],
            "name{s} a document that the sentence depends on",
            "",
        ),
        (
            idle,
            "name{s} a document that makes no measurable difference to the sentence",
            "".join(f" ({_quoted(o.name)} for {_sentence(o, answer)})" for o in idle[:1]),
        ),
        (
            wrong,
            "name{s} no document of the request",
            "".join(f" ({_quoted(one.name)})" for one in wrong[:1]),
        ),
        ([one for one in citations if one.found == "open"], "remain{s} open", ""),
    ):
        if few:
            yield len(few), does.format(s="s" if len(few) == 1 else "") + example


def _sentence(one: "CitedDocument", answer: str) -> str:
    return _quoted(answer[one.start : one.end])


def _quoted(text: str) -> str:
    return f"“{both_ends(text, _LONGEST)}”"
