"""What an answer should have been, and how far responses are from it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from unicodedata import normalize

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._options import Texts, listed_texts
from smile_trace._text.json_fields import place_of, read_path
from smile_trace.attribution.answer_change.change import json_change, parsed_json
from smile_trace.attribution.answer_change.text_comparison import (
    PartialChange,
    Scored,
    TextComparison,
    text_comparison,
)
from smile_trace.attribution.segmentation.units import CannotExplain
from smile_trace.attribution.word_vectors import Embed
from smile_trace.records import ExplanationSettings
from smile_trace.records.formats.answers import read_tool_calls

NEAR = 0.1
"""Largest distance from an expected text, and from the best score, at which a response is right."""

SENTENCE = 3
"""Words from which a field's expected value is compared by what it says, not as it stands."""

WHOLE = (None, "reasoning")
"""Answer parts that are all of what is explained; any other one is a field."""


@dataclass(frozen=True)
class Target:
    """An answer that was expected, or texts that an answer has to hold, and must not hold. Patterns
    are written as `/…/`; texts are looked for whatever their case and white space. `field`: what
    alone counts of an answer, a field of JSON, an argument of a tool (`$.city`) or the tool that is
    called (`tool`); an answer without it is wrong. `scorer`: the name of what says how right an
    answer is, in [0, 1]; what it said stands in `scores`, by answer."""

    expected: str | None = None
    contains: Texts | None = None
    avoid: Texts | None = None
    scorer: str | None = None
    field: str | None = None
    scores: Mapping[str, float | None] | None = None

    @classmethod
    def of(
        cls, settings: ExplanationSettings, scores: Mapping[str, float | None] | None = None
    ) -> "Target | None":
        """The target of an explanation; None for the logged answer. Raises CannotExplain if it is
        none: two questions at once, an empty text, a pattern that is no regular expression, a part
        of the answer that is no field."""
        if not settings.target:
            return None
        field = None if settings.answer_part in WHOLE else str(settings.answer_part).strip()
        target = cls(**settings.target, field=field, scores=scores)
        other = target.expected is not None or target.scorer is not None
        if (target.demands() and other) or (target.scorer is not None and field is not None):
            raise CannotExplain(
                "give only one: what the answer should contain and avoid, what is expected, or a "
                "scorer, which sees the whole answer; each is a different question"
            )
        if field not in (None, "tool") and read_path(str(field)) is None:
            raise CannotExplain(
                f"the answer part “{field}” is not a field: say what the whole answer should "
                "have been, or a field such as $.city"
            )
        return target

    def comparison(self, answer: str, embed: Embed | None) -> "TargetChange":
        """How far responses come from where the logged answer stands."""
        if self.scorer is not None:
            if self.scores is None:
                raise CannotExplain(f"the scorer {self.scorer!r} is used only in the foreground")
            scores = self.scores
            return TargetChange(answer, Scored(lambda text: 1 - (scores[text] or 0.0)), near=NEAR)
        if self.expected is None:
            demands = self.demands()
            missed = Scored(lambda text: sum(not met(text) for met in demands) / len(demands))
            return TargetChange(answer, self._of_field(missed))
        wanted = self.expected if self.field is None else _value(self.expected)
        if self.field is None or (isinstance(wanted, str) and len(wanted.split()) >= SENTENCE):
            near = NEAR if parsed_json(wanted) is None else 0.0
            return TargetChange(answer, self._of_field(text_comparison(wanted, embed)), near=near)
        values, typed = partial(_values, field=self.field), _typed(wanted)
        return TargetChange(
            answer,
            Scored(lambda r: min((json_change(typed, _typed(v)) for v in values(r)), default=1.0)),
        )

    def demands(self) -> list[Callable[[str], bool]]:
        """Whether a text meets each of what is asked of it."""
        held = [_finder(wanted) for wanted in listed_texts(self.contains) or ()]
        avoided = [_finder(wanted) for wanted in listed_texts(self.avoid) or ()]
        return [*held, *((lambda text, found=found: not found(text)) for found in avoided)]

    def _of_field(self, comparison: TextComparison) -> TextComparison:
        if self.field is None:
            return comparison
        return PartialChange(cache(partial(_text_at, field=self.field)), comparison)


def _values(answer: str, field: str) -> list[Any]:
    """What an answer has in a field: one value, none, or one for each of its calls of tools."""
    calls = read_tool_calls(answer)
    if calls is not None and field == "tool":
        return [call.name for call in calls]
    if calls is not None:
        return [value for call in calls for value in _values(json.dumps(call.arguments), field)]
    place = place_of(answer, read_path(field) or ())
    if place is None:
        return []
    marks = int(answer[place[0] - 1] == '"')  # a text's place is between them
    try:
        return [foreign.decode(answer[place[0] - marks : place[1] + marks])]
    except ForeignDataError:
        return []


def _text_at(answer: str, field: str) -> str | None:
    values = _values(answer, field)
    texts = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return "\n".join(texts) if texts else None


def _value(written: str) -> Any:
    """A value as JSON, or the text that it is."""
    try:
        return foreign.decode(written)
    except ForeignDataError:
        return written


def _typed(value: Any) -> Any:
    """A value whose texts differ from numbers that are written alike."""
    if isinstance(value, Mapping):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return f'"{value}"' if isinstance(value, str) else value


def _finder(wanted: str) -> Callable[[str], bool]:
    """Whether a text holds what is wanted."""
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        try:
            pattern = re.compile(wanted[1:-1])
        except re.error as error:
            raise CannotExplain(f"{wanted!r} is not a regular expression: {error}") from None
        return lambda text: pattern.search(text) is not None
    if not wanted.strip():
        raise CannotExplain("an empty text is in every answer: say what should be in it, or not")
    plain = _plain(wanted)
    return lambda text: plain in _plain(text)


def _plain(text: str) -> str:
    return " ".join(normalize("NFKC", text).casefold().split())


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
