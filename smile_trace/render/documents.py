"""What an explanation found of a retrieved document, in a sentence."""

from smile_trace.records import DocumentAttribution
from smile_trace.render.text import short, signed

_LONGEST = 60


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
        does = "depends on a piece of it" if document.significant else "depends on none for certain"
        return f"removed in pieces, not as a whole; the answer {does}"
    if document.measured == "with_others":
        does = "matters" if document.significant else "made no measurable difference"
        return f"removed only together with other text, all of which {does}"
    value, low, high = (
        signed(number or 0.0)
        for number in (document.attribution, document.ci_low, document.ci_high)
    )
    if not document.significant:
        does = "it made no measurable difference"
    elif (document.attribution or 0.0) > 0:
        does = "the answer depends on it"
    else:
        does = "it works against the answer"
    return f"{value} [{low}, {high}]: {does}"
