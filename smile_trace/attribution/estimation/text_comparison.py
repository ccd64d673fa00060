"""By what answers are compared as texts: the choice among the comparisons, by name."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smile_trace.attribution.answer_distance import LayeredChange, embed_sentences
from smile_trace.attribution.answer_distance.tool_call_change import ToolCallChange
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.estimation.distances import LAYERS, Distance, distance_named
from smile_trace.attribution.word_vectors import Embed, embed_words
from smile_trace.records.tool_calls import read_tool_calls


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
    is calls of tools, of which a server gives no text."""
    return bool(answer.strip()) and read_tool_calls(answer) is None


def text_comparison(
    answer: str,
    embed: Embed | None,
    distance: str | Distance = LAYERS,
    part: AnswerSpan | None = None,
) -> TextComparison:
    """The comparison with a logged answer.

    Args:
        answer: the logged answer; where it is calls of tools, these are compared, whatever the
            distance.
        embed: vectors of texts; None for the packaged ones.
        distance: `layers`, `words`, a name of `distance_names()`, or a distance between sets of
            word vectors.
        part: the part of the answer that counts.

    Raises:
        ValueError: there is no distance of that name.
    """
    if read_tool_calls(answer) is not None:
        return ToolCallChange(answer, part)
    if distance == LAYERS:
        return LayeredChange(answer, embed or embed_sentences, part)
    vectors = distance_named(distance) if isinstance(distance, str) else distance
    return TextChange(answer, embed or embed_words, vectors, part)
