"""The table of an answer's citations: sentence, document, its effect on the sentence, and what that
says of the citation."""

from typing import NamedTuple, get_args

from smile_trace.records import CitedDocument, Explanation
from smile_trace.records.citation import Found
from smile_trace.render.text import short, signed

HEAD = ("sentence", "document", "effect on it", "citation")
_ORDER = get_args(Found)


class CitationRow(NamedTuple):
    """A sentence and a document, in words; `effect` is empty where it was not measured alone."""

    sentence: str
    document: str
    effect: str
    found: str


def citation_rows(explanation: Explanation) -> list[CitationRow]:
    """Return the rows, citations whose document is not used first, in the answer's order."""
    found = sorted(explanation.citations, key=lambda one: (_ORDER.index(one.found), one.start))
    return [_row(one, explanation.answer[one.start : one.end]) for one in found]


def _row(one: CitedDocument, sentence: str) -> CitationRow:
    name, document, effect = short(one.name, 40), one.document, ""
    if document is None:
        name = f"{name}: not in the request"
    elif document.attribution is not None:
        low, high = signed(document.ci_low or 0.0), signed(document.ci_high or 0.0)
        effect = f"{signed(document.attribution)} [{low}, {high}]"
    return CitationRow(short(sentence, 60), name, effect, one.found)
