"""What an answer should have been, and how far responses are from it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from smile_trace._options import Texts, listed_texts
from smile_trace.attribution.answer_change.text_comparison import TextComparison, text_comparison
from smile_trace.attribution.segmentation.units import CannotExplain
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import ExplanationSettings

NEAR = 0.1
"""Largest distance from an expected answer at which a response is right: it says the same."""


@dataclass(frozen=True)
class Target:
    """An answer that was expected, or texts that an answer has to hold, and must not hold. Patterns
    are written as `/…/`; texts are looked for whatever their case and white space."""

    expected: str | None = None
    contains: Texts | None = None
    avoid: Texts | None = None

    @classmethod
    def of(cls, settings: ExplanationSettings) -> "Target | None":
        """The target of an explanation; None for the logged answer. Raises CannotExplain if it is
        none: two questions at once, an empty text, a pattern that is no regular expression."""
        target = cls(settings.expected, settings.contains, settings.avoid)
        demands = target._demands()
        given = {
            "expected": settings.expected is not None,
            "contains or avoid": bool(demands),
            "answer_part": settings.answer_part is not None,
        }
        named = [name for name, is_given in given.items() if is_given]
        if len(named) > 1:
            raise CannotExplain(f"give one of {' and '.join(named)}: each is another question")
        return target if demands or settings.expected is not None else None

    def comparison(self, answer: str, embed: Embed | None) -> "TargetChange":
        """How far responses come from where the logged answer stands."""
        if self.expected is not None:
            return TargetChange(answer, text_comparison(self.expected, embed), near=NEAR)
        demands = self._demands()
        return TargetChange(
            answer, Scored(lambda text: sum(not met(text) for met in demands) / len(demands))
        )

    def _demands(self) -> list[Callable[[str], bool]]:
        """Whether a text meets each of what is asked of it."""
        held = [_finder(wanted) for wanted in listed_texts(self.contains) or ()]
        avoided = [_finder(wanted) for wanted in listed_texts(self.avoid) or ()]
        return [*held, *((lambda text, found=found: not found(text)) for found in avoided)]


def _finder(wanted: str) -> Callable[[str], bool]:
    """Whether a text holds what is wanted."""
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        try:
            pattern = re.compile(wanted[1:-1])
        except re.error as error:
            raise CannotExplain(f"{wanted!r} is no regular expression: {error}") from None
        return lambda text: pattern.search(text) is not None
    if not wanted.strip():
        raise CannotExplain("an empty text is in every answer: say what should be in it, or not")
    return lambda text: _plain(wanted) in _plain(text)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


class Scored:
    """A comparison of texts of which each is wrong by itself, from 0 to 1."""

    def __init__(self, wrong: Callable[[str], float]) -> None:
        self._wrong = wrong

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """No texts."""
        return []

    def changes(self, responses: Sequence[str]) -> list[float]:
        """How wrong each is."""
        return [self._wrong(text) for text in responses]

    def between(self, one: str, other: str) -> float:
        """How much wronger one is."""
        return abs(self._wrong(one) - self._wrong(other))


class TargetChange:
    """The answer changes of responses with regard to a target, in [0, 1].

    Of an answer that is right: how wrong a response is. Of a wrong one: how much of the way to the
    right answer a response goes, (w₀ − w) / w₀ with w the distance from the target and w₀ that of
    the logged answer; so what is attributed is the error, and a part that it depends on is a
    culprit. `near`: the largest distance at which a response is right.
    """

    def __init__(self, answer: str, distance: TextComparison, *, near: float = 0.0) -> None:
        self._answer = answer
        self._distance = distance
        self._near = near
        self._logged: float | None = None

    @property
    def logged(self) -> float:
        """The logged answer's distance from the target."""
        if self._logged is None:
            [self._logged] = self._distance.changes([self._answer])
        return self._logged

    @property
    def is_right(self) -> bool:
        """Whether the logged answer meets the target."""
        return self.logged <= self._near

    def right(self, responses: Sequence[str]) -> list[bool]:
        """Which responses meet the target."""
        return [far <= self._near for far in self._distance.changes(responses)]

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`."""
        return self._distance.texts([self._answer, *responses], replicates)

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        return [self._moved(far) for far in self._distance.changes(responses)]

    def between(self, one: str, other: str) -> float:
        """See `TextComparison`."""
        first, second = self.changes([one, other])
        return abs(first - second)

    def _moved(self, far: float) -> float:
        if self.is_right:
            return far
        return min(max((self.logged - far) / self.logged, 0.0), 1.0)
