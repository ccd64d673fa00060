"""By what answers are compared as texts: the choice among the comparisons, by name."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smile_trace._text.json_fields import Path, path_of, value_at
from smile_trace.attribution.answer_distance import ContentChange, embed_sentences
from smile_trace.attribution.answer_distance.refusal_change import RefusalChange
from smile_trace.attribution.answer_distance.tool_call_change import ToolCallChange
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.estimation.distances import CONTENT, Distance, distance_named
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records.formats.answers import read_refusal, read_tool_calls


class TextComparison(Protocol):
    """The answer changes of responses to one logged answer, by their text."""

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """The texts whose vectors are looked up by `changes(responses)` and by `between` of any
        two `replicates`, each once."""
        ...

    def changes(self, responses: Sequence[str]) -> list[float]:
        """One answer change in [0, 1] per response."""
        ...

    def between(self, one: str, other: str) -> float:
        """The answer change from one response to another, in [0, 1]."""
        ...


def scorable(answer: str) -> bool:
    """Whether a model can be asked how probable the answer is: not where it is empty, nor where it
    is a refusal or calls of tools, of which a server gives no text."""
    marked = read_tool_calls(answer) is not None or read_refusal(answer) is not None
    return bool(answer.strip()) and not marked


class FieldComparison:
    """The answer changes of one field of JSON answers; 1 where a response has no such field.

    Args:
        path: where the field is.
        values: the comparison with the logged value.
    """

    def __init__(self, path: Path, values: TextComparison) -> None:
        self._path = path
        self._values = values

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`."""
        return self._values.texts(self._present(responses), self._present(replicates))

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        known = iter(self._values.changes(self._present(responses)))
        return [1.0 if self._value(r) is None else next(known) for r in responses]

    def between(self, one: str, other: str) -> float:
        """See `TextComparison`."""
        values = self._value(one), self._value(other)
        if values[0] is None or values[1] is None:
            return float(values[0] != values[1])
        return self._values.between(values[0], values[1])

    def _value(self, response: str) -> str | None:
        return value_at(response, self._path)

    def _present(self, responses: Iterable[str]) -> list[str]:
        values = map(self._value, responses)
        return [value for value in values if value is not None]


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
        answer: the logged answer; where it is calls of tools, these are compared, whatever the
            distance. A refusal is as far as can be from any answer, and like any refusal.
        embed: vectors of texts; None for the packaged ones.
        distance: `content`, `words`, a name of `distance_names()`, or a distance between sets of
            word vectors.
        part: the part of the answer that counts; where it is the value of a field of a JSON
            answer, that field of the responses is compared.
        cut: whether the logged answer ends at the limit of its tokens: what comes first in it then
            counts more.

    Raises:
        ValueError: there is no distance of that name.
    """
    return RefusalChange(answer, _of_answers(answer, embed, distance, part, cut))


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
        return FieldComparison(path, text_comparison(value, embed, distance))
    if distance == CONTENT:
        return ContentChange(answer, embed or embed_sentences, part, cut=cut)
    vectors = distance_named(distance) if isinstance(distance, str) else distance
    return TextChange(answer, embed or embed_words, vectors, part)
