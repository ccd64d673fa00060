"""The forty prompts, the model's own answers, and the words that can be removed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.attribution.measures import FUNCTION_WORDS
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Message, Prompted, Segment

FILE = Path(__file__).parent / "prompts.json"
HALVES = ("tuning", "held_out")
"""Every other prompt in the order of their SHA-256, fixed before the first run."""


@dataclass(frozen=True)
class Case:
    """A prompt to be continued, and how many tokens the answer may have."""

    number: int
    half: str
    prompt: str
    tokens: int

    @cached_property
    def prompted(self) -> Prompted:
        """As it is asked."""
        return Prompted(
            messages=(Message(role="user", content=self.prompt),),
            form="completion",
            parameters={"temperature": 0, "max_tokens": self.tokens},
        )

    @cached_property
    def words(self) -> tuple[Segment, ...]:
        """What can be removed."""
        return Segmentation(self.prompted, "word", ()).segments

    @cached_property
    def perturber(self) -> Perturber:
        """Renders masks over the words."""
        return Perturber(self.prompted, self.words)

    @cached_property
    def content(self) -> tuple[int, ...]:
        """The places of the content words."""
        bare = [segment.text.strip(".,;:!?\"'()").lower() for segment in self.words]
        return tuple(
            k
            for k, word in enumerate(bare)
            if any(map(str.isalnum, word)) and word not in FUNCTION_WORDS
        )

    def text(self, mask: Sequence[bool]) -> str:
        """The prompt with only these words."""
        [message] = self.perturber.messages(mask)
        return message.content


def load() -> list[Case]:
    """The cases, in the order of the file."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return [
        Case(number, row["half"], row["prompt"], row["tokens"]) for number, row in enumerate(rows)
    ]
