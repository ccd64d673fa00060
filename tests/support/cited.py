"""Explanations of an answer with citations of every kind."""

from smile_trace.records import CitedDocument, DocumentAttribution, Explanation, Verdict
from tests.support.explained import HOSTILE, explanation

NAMED = HOSTILE.replace("\ud800", "")
"""A name that tries to be more than text; records hold no lone surrogates."""
DOCUMENTS = {"labels.md": "Labels are free.", NAMED: "Nothing.", "fitters.md": "Fitters come."}
CONTENT = "\n\n".join(DOCUMENTS.values())
SENTENCES = ("The label is free [1].", "It is green [2][9].", "Wardrobes are put together.")
ANSWER = " ".join(SENTENCES)


def cited(sentence: int, name: str, verdict: Verdict | None, written: str | None) -> CitedDocument:
    """A sentence and a document of the message, or one that there is not (`verdict` None)."""
    start, effect = ANSWER.index(SENTENCES[sentence]), 0.9 if verdict == "supports" else 0.01
    at = CONTENT.index(DOCUMENTS.get(name, ""))
    document = DocumentAttribution(
        source=name,
        place=(0, at, at + len(DOCUMENTS.get(name, ""))),
        measured="alone",
        attribution=effect,
        ci_low=effect - 0.01,
        ci_high=effect + 0.01,
        verdict=verdict,
    )
    return CitedDocument(
        start=start,
        end=start + len(SENTENCES[sentence]),
        cited=written,
        document=None if verdict is None else document,
    )


USED = cited(0, "labels.md", "supports", "[1]")
UNUSED = cited(1, NAMED, "excluded", "[2]")
UNKNOWN = cited(1, "[9]", None, "[9]")
UNCITED = cited(2, "fitters.md", "supports", None)
OPEN = cited(2, "labels.md", "open", "[1]")
ALL = (USED, UNUSED, UNKNOWN, UNCITED, OPEN)


def explained(*citations: CitedDocument) -> Explanation:
    """The answer with these citations, by default one of every kind."""
    found = explanation((("user", CONTENT),), {"free": 0.9}, answer=ANSWER)
    return found.model_copy(update={"citations": citations or ALL})
