"""The answer change between a refusal and an answer: 1. Two refusals say the same."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smile_trace.records.formats.answers import read_refusal


class _Comparison(Protocol):
    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]: ...

    def changes(self, responses: Sequence[str]) -> list[float]: ...

    def between(self, one: str, other: str) -> float: ...


class RefusalChange:
    """The answer changes of responses among which the server marked some as refusals.

    Args:
        answer: the logged answer.
        answers: compares it with the responses that are answers; not asked where it is a refusal.
    """

    def __init__(self, answer: str, answers: _Comparison) -> None:
        self._refused = _is_refusal(answer)
        self._answers = answers

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """The texts whose vectors are looked up, each once."""
        given, again = (
            [t for t in texts if not _is_refusal(t)] for texts in (responses, replicates)
        )
        return self._answers.texts([] if self._refused else given, again)

    def changes(self, responses: Sequence[str]) -> list[float]:
        """One answer change in [0, 1] per response."""
        if self._refused:
            return [float(not _is_refusal(response)) for response in responses]
        known = iter(self._answers.changes(_answers(responses)))
        return [1.0 if _is_refusal(response) else next(known) for response in responses]

    def between(self, one: str, other: str) -> float:
        """The answer change from one response to another, in [0, 1]."""
        refused = _is_refusal(one), _is_refusal(other)
        if any(refused) or self._refused:
            return float(refused[0] != refused[1])
        return self._answers.between(one, other)


def _answers(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if not _is_refusal(text)]


def _is_refusal(text: str) -> bool:
    return read_refusal(text) is not None
