"""What an answer should have been, and how far a response is from it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from smile_trace.attribution.answer_change.text_comparison import TextComparison, text_comparison
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import ExplanationSettings

RIGHT = 0.1
"""Largest distance from the target at which a response is right."""


@dataclass(frozen=True)
class Target:
    """An answer that was expected, or a text that an answer has to hold, or must not hold. Patterns
    are written as `/…/`; texts are looked for without regard to case."""

    expected: str | None = None
    contains: str | None = None
    avoid: str | None = None

    @classmethod
    def of(cls, settings: ExplanationSettings) -> "Target | None":
        """The target of an explanation; None for the logged answer. Raises ValueError: more than
        one is given, or a pattern is none."""
        given = {name: getattr(settings, name) for name in ("expected", "contains", "avoid")}
        named = [name for name, value in given.items() if value is not None]
        if settings.answer_part is not None:
            named.append("answer_part")
        if len(named) > 1:
            raise ValueError(f"give one of {' and '.join(named)}: each is another question")
        found = cls(**given)
        for wanted in (found.contains, found.avoid):
            if wanted is not None:
                _pattern(wanted)
        return found if found != cls() else None

    def comparison(self, answer: str, embed: Embed | None) -> "TargetChange":
        """How far responses come from where the logged answer stands."""
        if self.expected is not None:
            return TargetChange(answer, text_comparison(self.expected, embed))
        pattern = _pattern(self.contains if self.avoid is None else self.avoid or "")
        avoid = self.avoid is not None
        return TargetChange(answer, _Holding(lambda text: bool(pattern.search(text)) == avoid))


def _pattern(wanted: str | None) -> re.Pattern[str]:
    wanted = wanted or ""
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        try:
            return re.compile(wanted[1:-1])
        except re.error as error:
            raise ValueError(f"{wanted!r} is no regular expression: {error}") from None
    return re.compile(re.escape(wanted), re.IGNORECASE)


class _Holding:
    """A comparison of texts that are wrong, or right."""

    def __init__(self, wrong: Callable[[str], bool]) -> None:
        self._wrong = wrong

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """No texts."""
        return []

    def changes(self, responses: Sequence[str]) -> list[float]:
        """1 for a wrong text, else 0."""
        return [float(self._wrong(text)) for text in responses]

    def between(self, one: str, other: str) -> float:
        """1 if one of them is wrong."""
        return float(self._wrong(one) != self._wrong(other))


class TargetChange:
    """The answer changes of responses with regard to a target, in [0, 1].

    Of an answer that is right: how wrong a response is. Of a wrong one: how much of the way to the
    right answer a response goes, (w₀ − w) / w₀ with w the distance from the target and w₀ that of
    the logged answer; so what is attributed is the error, and a part that it depends on is a
    culprit.
    """

    def __init__(self, answer: str, distance: TextComparison) -> None:
        self._answer = answer
        self._distance = distance
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
        return self.logged <= RIGHT

    def right(self, responses: Sequence[str]) -> list[bool]:
        """Which responses meet the target."""
        return [far <= RIGHT for far in self._distance.changes(responses)]

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
