"""The public functions that compare two answers."""

from functools import lru_cache

from smile_trace.attribution import Distance
from smile_trace.attribution.answer_change import AnswerChange, Meaning, compare, embed_sentences
from smile_trace.attribution.answer_change.distances import CONTENT
from smile_trace.attribution.answer_change.text_comparison import text_comparison


def answer_change(logged: str, response: str, *, distance: str | Distance | None = None) -> float:
    """How far a response is from the logged answer: 0 = it says the same, 1 = nothing of it is
    left.

    A longer response that still says it has not moved; one that denies it has.

    Args:
        logged: the answer that is compared with.
        response: another answer to the same question.
        distance: `content` (the default) tells what is left out and what is contradicted; `words`
            compares them word by word; or another name of
            `smile_trace.attribution.distance_names()`, or a distance between sets of word vectors.

    Returns:
        The answer change, in [0, 1]. It has a direction: what the response adds does not count.

    Raises:
        ValueError: there is no distance of that name.
        ModuleNotFoundError: the worker's extra is missing.
    """
    if distance in (None, CONTENT):
        return answer_change_details(logged, response).change
    return text_comparison(logged, None, distance).changes([response])[0]


def answer_change_details(logged: str, response: str) -> AnswerChange:
    """The answer change by `content`: how much is left out, how much is contradicted, and what.

    Args:
        logged: the answer that is compared with.
        response: another answer to the same question.

    Raises:
        ModuleNotFoundError: the worker's extra is missing.
    """
    return compare(logged, response, _packaged())


@lru_cache(maxsize=1)
def _packaged() -> Meaning:
    return Meaning(embed_sentences)
