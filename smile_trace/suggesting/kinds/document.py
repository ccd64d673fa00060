"""A document that misleads: without it confirmed failures are right."""

from collections import Counter

from smile_trace._text.titles import title
from smile_trace.probes.passages import documents, text_at
from smile_trace.records import Prompted
from smile_trace.suggesting.cases import ConfirmedCase
from smile_trace.suggesting.kinds.base import Change, Nothing
from smile_trace.suggesting.trials import Trials

MOST_TRIED = 8
"""Documents that are taken out in turns: those that most failures hold."""
_NAMELESS = 60
"""Characters by which a document without a title is called."""

_WHAT = "Take a document out that makes confirmed failures wrong"


async def find_document(trials: Trials) -> Change | Nothing:
    """Look for the document without which most of the searched failures that hold it are right, and
    no searched case becomes wrong. Each is taken out alone."""
    cases, template = trials.material.cases_searched, trials.material.template
    held = Counter(text for case in cases for text in documents_of(case))
    if not held:
        return Nothing("document", _WHAT, "no confirmed failure to try it on holds a document")
    best, most = "", 0
    for text, _ in held.most_common(MOST_TRIED):
        gained, lost = await trials.corrected(template, cases, text)
        if sum(gained) > most and not any(lost):
            best, most = text, sum(gained)
    if not best:
        return Nothing("document", _WHAT, f"none of {len(held)} is the reason")
    name = title(best) or " ".join(best.split())[:_NAMELESS]
    return Change(
        "document",
        f"Take out the document “{name}”, which makes confirmed failures wrong",
        template,
        removed=(best,),
        document=best,
    )


def documents_of(case: ConfirmedCase) -> set[str]:
    """The texts of a case's documents: those of its call that are still whole, or else by form."""
    content = "\n".join(message.content for message in case.input.call.messages)
    recorded = {one.text for one in case.call.documents if one.text in content}
    if recorded:
        return recorded
    asked = Prompted.of(case.input.call.model_copy(update={"documents": ()}))
    return {text for place in documents(asked) if (text := text_at(asked, place).strip())}
