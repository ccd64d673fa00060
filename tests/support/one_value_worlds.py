"""Callables whose answers differ by one value alone, as one word of the prompt decides."""

from collections.abc import Callable
from dataclasses import dataclass

_PROMPT = "Please read this note by our {word} colleague carefully and give the result in one line."


@dataclass(frozen=True)
class OneValueWorld:
    """A prompt with a driving word, and the answers with and without it."""

    name: str
    word: str
    with_word: str
    without: str

    @property
    def prompt(self) -> str:
        """What is explained."""
        return _PROMPT.format(word=self.word)

    @property
    def model(self) -> Callable[[str], str]:
        """The callable that is explained."""
        return lambda prompt: self.with_word if self.word in prompt else self.without


WORLDS = (
    OneValueWorld("sign", "cold", "x = -5", "x = 5"),
    OneValueWorld("operator", "strict", "if total >= limit: stop()", "if total > limit: stop()"),
    OneValueWorld("roles", "generous", "Anna lent Tom the money.", "Tom lent Anna the money."),
    OneValueWorld("rank", "thrifty", "1. bus\n2. train\n3. plane", "1. plane\n2. bus\n3. train"),
    OneValueWorld(
        "json value",
        "urgent",
        '{"ticket": 81, "priority": "high"}',
        '{"ticket": 81, "priority": "low"}',
    ),
    OneValueWorld(
        "number",
        "senior",
        "The parcel costs 12.50 euros and arrives within three days.",
        "The parcel costs 15.20 euros and arrives within three days.",
    ),
    OneValueWorld(
        "name",
        "northern",
        "The order is handled by Karin Lund in the sales office.",
        "The order is handled by Piotr Nowak in the sales office.",
    ),
    OneValueWorld(
        "negation",
        "nervous",
        "The device should not be opened while it is charging.",
        "The device should be opened while it is charging.",
    ),
)
