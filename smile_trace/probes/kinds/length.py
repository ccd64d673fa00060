"""Length: the same request with filler around it."""

import random
from collections.abc import Iterator, Sequence

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import distinct, edited, question, text_at
from smile_trace.records import Prompted

_FILLER = (
    "The meeting was on a Tuesday.", "A train passed by in the distance.",
    "The corridor had been painted in spring.", "Somebody had left a window open.",
    "The coffee machine was repaired last week.", "It had rained a little in the morning.",
    "Two chairs stood next to the wall.", "The clock in the hall is a minute slow.",
    "A cyclist stopped at the corner.", "The plants were watered at noon.",
    "The lift is on the left.", "A folder lay on the table.",
)  # fmt: skip
"""Sentences that have nothing to do with any question, and name nothing that an answer could."""


class Length:
    """Whether filler changes the answer: sentences that add no fact, before or after a request."""

    words = Words(
        name="length",
        title="Filler added",
        found="Text that has nothing to do with the question changes the answer.",
        none="Text that has nothing to do with the question leaves the answer as it is.",
        needs="a question",
        source="Levy et al. 2024, Same Task, More Tokens (2402.14848)",
        cannot_say="what thousands of tokens do: it adds one to twelve sentences",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """Few and many sentences, before, after and on both sides."""
        return distinct(call, self._padded(call, random.Random(seed)))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)

    def _padded(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        place = question(call)
        if place is None or not text_at(call, place).strip():
            return
        text = text_at(call, place)
        for k in range(40):
            number = (3, 6, 1, 12)[k % 4]
            filler = draw.sample(_FILLER, number)
            cut = draw.choice((number, 0, number // 2))
            parts = " ".join(filler[:cut]), text, " ".join(filler[cut:])
            where = "before" if cut == number else "around" if cut else "after"
            told = f"{number} sentence{'s' if number > 1 else ''} of filler {where} the request"
            yield Variant(edited(call, [(place, "\n\n".join(filter(None, parts)))]), told)
