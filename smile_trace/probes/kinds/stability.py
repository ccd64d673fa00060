"""Stability: the same request again."""

from collections.abc import Sequence

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import MOST_VARIANTS
from smile_trace.records import Prompted


class Stability:
    """How often the very same request gets another answer: the noise floor of all the others."""

    words = Words(
        name="stability",
        title="Asked again",
        found="Asked again, the same request often gets another answer.",
        none="Asked again, it gets the same answer.",
        needs="a model that can be asked twice",
        source="Farquhar et al., Nature 2024 (semantic entropy)",
        cannot_say="whether the answer is right: a model can be wrong in the same words each time",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """The request itself, drawn anew."""
        return [
            Variant(call.messages, "the same request, asked again", replicate=seed * 1000 + k)
            for k in range(1, MOST_VARIANTS + 1)
        ]

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)
