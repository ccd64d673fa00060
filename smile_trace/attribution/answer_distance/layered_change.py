"""The answer changes of many responses to one logged answer, in layers."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from smile_trace.attribution.answer_distance.change import compare, says
from smile_trace.attribution.answer_distance.meaning import Meaning
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.word_vectors import Embed, Vectors


class LayeredChange:
    """The answer change of responses by values, structure and meaning.

    Args:
        answer: the logged answer.
        embed: the vectors of whole texts.
        part: the part of the answer that counts; a response has not moved where it says the part
            anywhere.
    """

    def __init__(self, answer: str, embed: Embed, part: AnswerSpan | None = None) -> None:
        self._answer = answer if part is None else answer[slice(*part)]
        self._partial = part is not None
        self._meaning = Meaning(embed)
        self._changes: dict[tuple[str, str], float] = {}

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """The texts whose vectors are looked up by `changes(responses)` and by `between` of any
        two `replicates`, each once."""
        asked: dict[str, None] = {}

        def note(texts: Sequence[str]) -> Vectors:
            asked.update(dict.fromkeys(texts))
            return np.eye(1, 2).repeat(len(texts), axis=0)

        noting = Meaning(note)
        pairs = [(self._answer, response) for response in dict.fromkeys(responses)]
        if not self._partial:
            pairs += combinations(replicates, 2)
        for one, other in pairs:
            compare(one, other, noting)
        return list(asked)

    def changes(self, responses: Sequence[str]) -> list[float]:
        """One answer change in [0, 1] per response."""
        return [self._change(self._answer, response) for response in responses]

    def between(self, one: str, other: str) -> float:
        """The answer change from one response to another, in [0, 1]; of a part, by how much more
        of it the one has lost than the other."""
        if self._partial:
            return abs(self._change(self._answer, one) - self._change(self._answer, other))
        return self._change(one, other)

    def _change(self, logged: str, response: str) -> float:
        key = (logged, response)
        if key not in self._changes:
            said = self._partial and says(response, logged)
            self._changes[key] = 0.0 if said else compare(logged, response, self._meaning).change
        return self._changes[key]
