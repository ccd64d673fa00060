"""Order: documents, examples or answer options in another order."""

import random
import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, zip_longest

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import distinct, documents, edited, examples, orders, text_at
from smile_trace.records import Place, Prompted

_OPTION = re.compile(r"^[ \t]*(?:\(?[A-Ha-h][).:]|\[[A-H]\])[ \t]+\S.*$", re.MULTILINE)


class Order:
    """Whether the answer depends on the order in which its material stands."""

    words = Words(
        name="order",
        title="Another order",
        found="The answer depends on the order of what it is given.",
        none="Another order of what it is given leaves the answer as it is.",
        needs="two documents, examples or options in one message",
        source="Liu et al. 2023, Lost in the Middle (2307.03172); Lu et al. 2021 (2104.08786)",
        cannot_say="which order is right; two documents have one other order only, which is one "
        "call, and turns of a conversation stay as they are",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """Permutations of each kind of material, in turns."""
        draw = random.Random(seed)
        kinds = [
            list(self._permuted(call, name, group, draw))
            for name, places in (
                ("documents", documents(call)),
                ("examples", examples(call)),
                ("options", options(call)),
            )
            for group in _together(places)
        ]
        in_turns = chain.from_iterable(zip_longest(*kinds))
        return distinct(call, (variant for variant in in_turns if variant is not None))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)

    def _permuted(
        self, call: Prompted, name: str, places: Sequence[Place], draw: random.Random
    ) -> Iterator[Variant]:
        texts = [text_at(call, place) for place in places]
        for order in orders(len(places), draw):
            edits = [(place, texts[k]) for place, k in zip(places, order, strict=True)]
            told = ", ".join(str(k + 1) for k in order)
            yield Variant(edited(call, edits), f"{name} in the order {told}")


def options(call: Prompted) -> list[Place]:
    """The lines `A) …`, `B) …` of the last user message; none where there is only one."""
    users = [m for m, message in enumerate(call.messages) if message.role == "user"]
    if not users:
        return []
    content = call.messages[users[-1]].content
    found = [(users[-1], *match.span()) for match in _OPTION.finditer(content)]
    return found if len(found) > 1 else []


def _together(places: Sequence[Place]) -> list[list[Place]]:
    """Those that share a message, where there are several."""
    groups = [list(group) for _, group in groupby(places, key=lambda place: place[0])]
    return [group for group in groups if len(group) > 1]
