"""The answer change by text: the choice among the comparisons, and those of refusals and calls."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, Protocol

from smile_trace._text.json_fields import Path, path_of, value_at
from smile_trace.attribution.answer_change.change import (
    AnswerChange,
    ContentChange,
    as_value,
    compare,
    json_change,
    parsed_json,
)
from smile_trace.attribution.answer_change.distances import CONTENT, Distance, distance_named
from smile_trace.attribution.answer_change.word_losses import TextChange
from smile_trace.attribution.answer_span import AnswerSpan, CallPlaces
from smile_trace.attribution.word_vectors import Embed, Meaning, embed_sentences, embed_words
from smile_trace.records.formats.answers import Called, read_refusal, read_tool_calls

_MOST, _MEAN = 0.7, 0.3
_TEXT = 3
"""Words from which two texts are compared by their meaning, too."""


class TextComparison(Protocol):
    """The answer changes of responses to one logged answer, by their text."""

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """The distinct texts whose vectors `changes` and `between` two `replicates` look up."""
        ...

    def changes(self, responses: Sequence[str]) -> list[float]:
        """One answer change in [0, 1] per response."""
        ...

    def between(self, one: str, other: str) -> float:
        """The answer change from one response to another, in [0, 1]."""
        ...


def scorable(answer: str) -> bool:
    """Whether a model can score the answer; no server gives the text of refusals and tool calls."""
    marked = read_tool_calls(answer) is not None or read_refusal(answer) is not None
    return bool(answer.strip()) and not marked


def only_content(answer: str, distance: str | Distance, part: AnswerSpan | None) -> bool:
    """Whether what a text adds to the whole answer, its length and its form count for nothing."""
    whole = part is None and scorable(answer) and parsed_json(answer) is None
    return whole and distance == CONTENT


class PartialChange:
    """The answer changes of what counts of each answer: a field of JSON, or whatever is no refusal.
    `counted`: what counts of a response; None if it has none of it, which is a change of 1."""

    def __init__(self, counted: Callable[[str], str | None], values: TextComparison) -> None:
        self._counted = counted
        self._values = values

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`."""
        return self._values.texts(self._present(responses), self._present(replicates))

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        known = iter(self._values.changes(self._present(responses)))
        return [1.0 if self._counted(r) is None else next(known) for r in responses]

    def between(self, one: str, other: str) -> float:
        """See `TextComparison`."""
        return self.compared_pair(one, other).change

    def compared_pair(self, one: str, other: str) -> AnswerChange:
        """See `compared_pair`."""
        values = self._counted(one), self._counted(other)
        if values[0] is None or values[1] is None:
            return AnswerChange(float(values[0] != values[1]))
        return compared_pair(self._values, values[0], values[1])

    def compared(self, responses: Sequence[str]) -> list[AnswerChange]:
        """See `compared`."""
        known = iter(compared(self._values, self._present(responses)))
        return [AnswerChange(1.0) if self._counted(r) is None else next(known) for r in responses]

    def _present(self, responses: Iterable[str]) -> list[str]:
        return [value for r in responses if (value := self._counted(r)) is not None]


def compared(comparison: TextComparison, responses: Sequence[str]) -> list[AnswerChange]:
    """What became of what is explained in each response; no comparison but the answer change knows
    what is said in other words."""
    if isinstance(comparison, PartialChange | ContentChange):
        return comparison.compared(responses)
    return [AnswerChange(change) for change in comparison.changes(responses)]


def compared_pair(comparison: TextComparison, one: str, other: str) -> AnswerChange:
    """What became of one response in another; its change is `TextComparison.between`."""
    if isinstance(comparison, PartialChange | ContentChange):
        return comparison.compared_pair(one, other)
    return AnswerChange(comparison.between(one, other))


class Stated:
    """The answer changes of responses that certainly say something else: one that may say the same
    in other words has not changed."""

    def __init__(self, comparison: TextComparison) -> None:
        self._comparison = comparison

    def excuses(self, responses: Iterable[str]) -> bool:
        """Whether there is such a response."""
        return any(of.may_say_the_same for of in compared(self._comparison, sorted(responses)))

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`."""
        return self._comparison.texts(responses, replicates)

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        found = compared(self._comparison, responses)
        return [0.0 if of.may_say_the_same else of.change for of in found]

    def between(self, one: str, other: str) -> float:
        """See `TextComparison`."""
        return self._comparison.between(one, other)


class Scored:
    """The answer changes of responses each of which is scored by itself, from 0 to 1."""

    def __init__(self, score: Callable[[str], float]) -> None:
        self._score = cache(score)

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """No texts."""
        return []

    def changes(self, responses: Sequence[str]) -> list[float]:
        """The scores."""
        return [self._score(response) for response in responses]

    def between(self, one: str, other: str) -> float:
        """The difference of the scores."""
        return abs(self._score(one) - self._score(other))


def _unrefused(text: str) -> str | None:
    return text if read_refusal(text) is None else None


class ToolCallChange:
    """The answer changes of responses to a logged answer of tool calls.

    1 if another tool is called, or none; else by the arguments, key by key: .7 of the argument that
    changed most and .3 of their mean, so that one lost argument of many still makes it another
    call. Values are compared as JSON values (3.0 is 3), longer texts as text answers are. The order
    of parallel calls does not count. `answer`: that answer as a text
    (`smile_trace.records.formats.answers`); `part`: the tool name or argument that alone counts;
    another tool may keep the argument.
    """

    def __init__(self, answer: str, part: AnswerSpan | None = None) -> None:
        self._calls = read_tool_calls(answer) or ()
        self._part = None if part is None else CallPlaces(answer).at(part)
        self._meaning = Meaning(embed_sentences)
        self._known: dict[tuple[str, str], float] = {}

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """No texts: arguments are compared by the packaged vectors."""
        return []

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        return [self._change(self._calls, read_tool_calls(text) or ()) for text in responses]

    def between(self, one: str, other: str) -> float:
        """See `TextComparison`."""
        first, second = (read_tool_calls(text) or () for text in (one, other))
        if self._part is not None:
            return abs(self._change(self._calls, first) - self._change(self._calls, second))
        return self._change(first, second) if first else float(bool(second))

    def _change(self, logged: Sequence[Called], response: Sequence[Called]) -> float:
        if self._part is None:
            return self._of_calls(logged, response)
        number, path = self._part
        call = logged[number]
        same = [other for other in response if other.name == call.name]
        if not path or not response:
            return float(not same)
        value = _value(call.arguments, path)
        return min(self._of_values(value, _value(o.arguments, path)) for o in same or response)

    def _of_calls(self, logged: Sequence[Called], response: Sequence[Called]) -> float:
        """The mean over the calls of either side, each with the nearest of the same tool."""
        if not logged:
            return float(bool(response))
        pairs = sorted(
            (self._of_values(mine.arguments, theirs.arguments), i, k)
            for i, mine in enumerate(logged)
            for k, theirs in enumerate(response)
            if mine.name == theirs.name
        )
        matched: dict[int, float] = {}
        taken: set[int] = set()
        for change, i, k in pairs:
            if i not in matched and k not in taken:
                matched[i] = change
                taken.add(k)
        most = max(len(logged), len(response))
        return (sum(matched.values()) + most - len(matched)) / most

    def _of_values(self, one: Any, other: Any) -> float:
        if isinstance(one, dict) and isinstance(other, dict):
            keys = dict.fromkeys([*one, *other])
            changes = [self._of_values(one.get(k, _MISSING), other.get(k, _MISSING)) for k in keys]
            return _MOST * max(changes) + _MEAN * sum(changes) / len(changes) if changes else 0.0
        if one is _MISSING or other is _MISSING:
            return 1.0
        different = json_change(one, other) > 0
        texts = isinstance(one, str) and isinstance(other, str)
        if different and texts and min(len(t.split()) for t in (one, other)) >= _TEXT:
            return self._of_texts(one, other)
        return float(different)

    def _of_texts(self, one: str, other: str) -> float:
        if (one, other) not in self._known:
            self._known[one, other] = compare(one, other, self._meaning).change
        return self._known[one, other]


class _Missing:
    pass


_MISSING: Any = _Missing()


def _field_value(answer: str, path: Path, logged: str) -> str | None:
    """The field's value in an answer; None also for one whose case alone is another, which no text
    comparison sees, and which is another value."""
    value = value_at(answer, path)
    if value is None or parsed_json(logged) is not None:
        return value
    one, other = map(as_value, (logged, value))
    return None if one != other and one.casefold() == other.casefold() else value


def _value(arguments: Any, path: Path) -> Any:
    for step in path:
        try:
            arguments = arguments[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return arguments


def text_comparison(
    answer: str,
    embed: Embed | None,
    distance: str | Distance = CONTENT,
    part: AnswerSpan | None = None,
    *,
    cut: bool = False,
) -> TextComparison:
    """The comparison with a logged answer.

    Args:
        answer: the logged answer. Tool calls are compared as such, whatever the distance; a refusal
            is as far as can be from any answer, and like any refusal.
        embed: vectors of texts; None for the packaged ones.
        distance: `content`, `words`, a name of `distance_names()`, or a distance between sets of
            word vectors.
        part: the part of the answer that counts; if it is the value of a JSON field, that field of
            the responses is compared.
        cut: whether the logged answer ends at its token limit: then what comes first counts more.

    Raises:
        ValueError: there is no distance of that name.
    """
    if read_refusal(answer) is not None:
        return Scored(lambda response: float(_unrefused(response) is not None))
    return PartialChange(_unrefused, _of_answers(answer, embed, distance, part, cut))


def _of_answers(
    answer: str,
    embed: Embed | None,
    distance: str | Distance,
    part: AnswerSpan | None,
    cut: bool,
) -> TextComparison:
    if read_tool_calls(answer) is not None:
        return ToolCallChange(answer, part)
    if part is not None and (path := path_of(answer, part)) is not None:
        value = answer[slice(*part)]
        field = partial(_field_value, path=path, logged=value)
        return PartialChange(field, text_comparison(value, embed, distance))
    if distance == CONTENT:
        return ContentChange(answer, embed or embed_sentences, part, cut=cut)
    vectors = distance_named(distance) if isinstance(distance, str) else distance
    return TextChange(answer, embed or embed_words, vectors, part)
