"""The table of an answer's citations: sentence, document, its effect on the sentence, and what that
says of the citation."""

from collections.abc import Sequence
from typing import NamedTuple

from smile_trace.records import CitedDocument, Explanation
from smile_trace.records.citation import FOUND
from smile_trace.render.text import short, signed

HEAD = ("sentence", "document", "effect on it", "citation")
_SENTENCE, _NAME = 60, 40
"""Characters of a sentence, and of a document's name."""


class CitationRow(NamedTuple):
    """A sentence and a document, in words; `effect` is empty where the document was not measured
    alone."""

    sentence: str
    document: str
    effect: str
    found: str


def citation_rows(explanation: Explanation) -> list[CitationRow]:
    """Return the rows, citations whose document is not used first, in the answer's order."""
    return [_row(one, explanation.answer) for one in telling_first(explanation.citations)]


def telling_first(citations: Sequence[CitedDocument]) -> list[CitedDocument]:
    """Return the citations by what is said of them, then in the answer's order."""
    return sorted(citations, key=lambda one: (FOUND.index(one.found), one.start))


def _row(one: CitedDocument, answer: str) -> CitationRow:
    name = short(one.name, _NAME)
    if one.document is None:
        name = f"{name}: not in the request"
    sentence = short(answer[one.start : one.end], _SENTENCE)
    return CitationRow(sentence, name, _effect(one), one.found)


def _effect(one: CitedDocument) -> str:
    document = one.document
    if document is None or document.attribution is None:
        return ""
    low, high = signed(document.ci_low or 0.0), signed(document.ci_high or 0.0)
    return f"{signed(document.attribution)} [{low}, {high}]"
