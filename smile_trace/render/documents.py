"""What an explanation found of a retrieved document, in a sentence."""

from collections.abc import Mapping

from smile_trace.records import DocumentAttribution, Verdict
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED
from smile_trace.render.text import short, signed

_LONGEST = 60

_Said = Mapping[Verdict, str]
_ALONE: _Said = {
    "supports": "the answer depends on it",
    "against": "it works against the answer",
    "excluded": f"it {NO_DIFFERENCE}",
    "open": f"it was {NOT_MEASURED}",
}
_PIECES: _Said = {
    "supports": "the answer depends on a piece of it",
    "against": "a piece of it works against the answer",
    "excluded": f"each piece {NO_DIFFERENCE}",
    "open": "the answer depends on none of them for certain",
}
_TOGETHER: _Said = {
    "supports": "matters",
    "against": "works against the answer",
    "excluded": NO_DIFFERENCE,
    "open": f"was {NOT_MEASURED}",
}


def document_name(document: DocumentAttribution) -> str:
    """What a person calls it: its name, or its number among those retrieved with it."""
    if document.name is not None:
        return short(document.name, _LONGEST)
    return "document" if document.position is None else f"document {document.position + 1}"


def document_sentence(document: DocumentAttribution) -> str:
    """What was measured of it, with its interval: `returns.md: +0.62 [+0.51, +0.70]: …`."""
    return f"{document_name(document)}: {_measured(document)}"


def _measured(document: DocumentAttribution) -> str:
    if document.measured == "never":
        return "it is protected, and was never removed"
    if document.measured == "in_pieces":
        return f"removed in pieces, not as a whole; {_PIECES[_verdict(document)]}"
    if document.measured == "with_others":
        return (
            f"removed only together with other text, all of which {_TOGETHER[_verdict(document)]}"
        )
    value, low, high = (
        signed(number or 0.0)
        for number in (document.attribution, document.ci_low, document.ci_high)
    )
    return f"{value} [{low}, {high}]: {_ALONE[_verdict(document)]}"


def _verdict(document: DocumentAttribution) -> Verdict:
    """What may be said of it; of one that was stored without a verdict, nothing is denied."""
    if document.verdict is not None:
        return document.verdict
    if not document.significant:
        return "open"
    return "against" if (document.attribution or 0.0) < 0 else "supports"
