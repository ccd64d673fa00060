"""Grounding: the same question without its documents."""

import random
from collections.abc import Iterator, Sequence

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import distinct, documents, edited
from smile_trace.records import Prompted

_INSTEAD = (
    "", "(no text)", "No documents were found.", "[empty]", "The search returned no results.",
    "n/a", "This page could not be loaded.", "(the document is not available)", "…", "None.",
    "Nothing was found for this question.", "[deleted]", "No results.", "-",
    "The document is empty.", "(missing)",
)  # fmt: skip
"""What stands in the place of each document."""


class Grounding:
    """Whether the answer comes from the documents: it should change where there are none.

    Each document's own share is in an explanation by the unit `document`.
    """

    words = Words(
        name="grounding",
        title="Without documents",
        found="The answer needs its documents.",
        none="The answer is the same without its documents: it does not come from them.",
        needs="a document or a tool's result",
        source="Cohen-Wang et al. 2024, ContextCite (2409.00729)",
        cannot_say="which document it comes from, or that it repeats it correctly; an answer that "
        "only says that something is missing has changed, too",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """Every document replaced by nothing, and by one sentence that says so."""
        return distinct(call, self._without(call, random.Random(seed)))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)

    def _without(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        places = documents(call)
        for text in [_INSTEAD[0], *draw.sample(_INSTEAD[1:], len(_INSTEAD) - 1)]:
            told = f"“{text}” in place of every document" if text else "without any document"
            yield Variant(edited(call, [(place, text) for place in places]), told)
