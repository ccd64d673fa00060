"""The answer change word by word (`distance="words"`), in [0, 1]: the mean of three losses.

- *overlap*: the share of the logged answer's words that are not said again,
- *directed transport*: the cost of moving each of its words to the nearest word of the response
  (relaxed word mover's distance, Kusner et al. 2015, eq. 4, from the logged answer's side),
- *transport*: the exact optimal transport between the two (word mover's distance, eq. 3).

What is still said counts half if only one of the two answers has a negation, a yes or a no.

Costs are cosine distances between word vectors, stretched so that the similarity of unrelated words
counts as none. A word weighs its vector's length, which grows with what the word tells (`the` 1.6,
`denied` 19), more if it holds a digit or negates; on the logged answer's side also 1/position,
since later words continue the earlier ones.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.answer_change.distances import Distance, least_cost
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import UNRELATED, Embed, Vectors, unit

_TELLING = 15.0
"""Weight of a word with a digit and of a negation: that of a telling content word."""

_DECIDING = frozenset(
    # English, German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese
    """yes no not never none nothing neither nor without cannot ja nein nicht kein keine nie ohne
    oui non ne pas jamais sans sí nunca sin ni não sim sem mai да нет не 是 不 没 没有
    はい いいえ ない ません""".split()  # noqa: SIM905
)
"""Words that reverse an answer, and that static vectors hardly tell apart."""

_MAX_WORDS = 400
"""Words of an answer that are compared; the cost grows with their square."""

_MAX_SEARCHED_WORDS = 4000
"""Words of a response that are searched for a part of the answer."""


class TextChange:
    """The answer change of responses, by their text. Vectors of words are looked up once.
    `distance`: of the answers' sets of word vectors, in place of the losses; cut to [0, 1]. `part`:
    what counts of the answer; a response counts by its stretch that says most of it."""

    def __init__(
        self,
        answer: str,
        embed: Embed,
        distance: Distance | None = None,
        part: AnswerSpan | None = None,
    ) -> None:
        self._embed = embed
        self._distance = distance
        self._max_words = _MAX_WORDS if part is None else _MAX_SEARCHED_WORDS
        self._partial = part is not None
        counted = answer if part is None else answer[slice(*part)]
        self._answer = counted.strip()
        self._said = _words(counted)
        self._known: dict[str, int] = {}
        self._vectors: Vectors = np.zeros((0, 0))
        self._lengths: Vectors = np.zeros(0)
        self._changes: dict[str, float] = {}

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`; the texts are words."""
        words = (
            word for text in (*responses, *replicates) for word in _words(text, self._max_words)
        )
        return list(dict.fromkeys([*self._said, *words]))

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        new = list(dict.fromkeys(r for r in responses if r not in self._changes))
        said = [_words(response, self._max_words) for response in new]
        self._learn([self._said, *said] if new else [])
        for response, words in zip(new, said, strict=True):
            self._changes[response] = self._change(response, words)
        return [self._changes[response] for response in responses]

    def between(self, one: str, other: str) -> float:
        """The change between two responses, or of one's stretch for the part, in [0, 1]."""
        if not self._partial:
            return TextChange(one, self._embed, self._distance).changes([other])[0]
        words = _words(one, _MAX_SEARCHED_WORDS)
        self._learn([self._said, words])
        stretch = list(self._stretch(words))
        whole = " ".join(stretch)
        of_stretch = TextChange(whole, self._embed, self._distance, (0, len(whole)))
        of_stretch._said = stretch  # words that were found in a text are not split again
        return of_stretch.changes([other])[0]

    def _change(self, response: str, words: Sequence[str]) -> float:
        if self._partial:
            words = self._stretch(words)
        if words == self._said and (words or response.strip() == self._answer):
            return 0.0
        if not words or not self._said:
            return 1.0
        if self._distance is not None:
            found = self._distance(self._vectors_of(self._said), self._vectors_of(words))
            return min(max(float(found), 0.0), 1.0)
        cost = self._cost(words)
        mass = self._weights(self._said)
        directed = mass / np.arange(1, len(mass) + 1)
        directed /= directed.sum()
        overlap = float(directed @ _unsaid(self._said, words))
        nearest = float(directed @ cost.min(axis=1))
        both = least_cost(mass / mass.sum(), _share(self._weights(words)), cost)
        still_said = 1 - min(max((overlap + nearest + both) / 3, 0.0), 1.0)
        return 1 - still_said * (1 - _negation_change(self._said, words) / 2)

    def _stretch(self, words: Sequence[str]) -> Sequence[str]:
        """The stretch of words, as long as the part, that says most of it."""
        length = len(self._said)
        if not length or len(words) <= length:
            return words
        nearest = scipy.ndimage.minimum_filter1d(self._cost(words), length, axis=1, mode="nearest")
        # A filter's value stands in the middle of its window.
        starts = nearest[:, length // 2 : length // 2 + len(words) - length + 1]
        begin = int(np.argmin(self._weights(self._said) @ starts))
        return words[begin : begin + length]

    def _cost(self, words: Sequence[str]) -> Vectors:
        """The cost of moving each counted word to each of these, in [0, 1]."""
        cosine = self._vectors_of(self._said) @ self._vectors_of(words).T
        return np.clip((1 - cosine) / (1 - UNRELATED), 0, 1)

    def _vectors_of(self, words: Sequence[str]) -> Vectors:
        return self._vectors[[self._known[word] for word in words]]

    def _weights(self, words: Sequence[str]) -> Vectors:
        lengths = self._lengths[[self._known[word] for word in words]]
        telling = np.array([word in _DECIDING or _has_digit(word) for word in words])
        return np.where(telling, np.maximum(lengths, _TELLING), np.maximum(lengths, 1))

    def _learn(self, answers: Sequence[Sequence[str]]) -> None:
        new = list(dict.fromkeys(w for words in answers for w in words if w not in self._known))
        if not new:
            return
        vectors = np.asarray(self._embed(new), dtype=np.float64)
        lengths = np.linalg.norm(vectors, axis=1)
        known = len(self._known)
        self._known.update({word: known + k for k, word in enumerate(new)})
        self._vectors = np.vstack([self._vectors, unit(vectors)]) if known else unit(vectors)
        self._lengths = np.concatenate([self._lengths, lengths])


def _words(text: str, limit: int = _MAX_WORDS) -> list[str]:
    """The first words of an answer, without punctuation and without case; numbers stay whole."""
    return boundaries.bare_words(text[: 20 * limit])[:limit]


def _unsaid(answer: Sequence[str], response: Sequence[str]) -> Vectors:
    """1 for each word of the answer that the response does not say (as often), else 0."""
    left = Counter(response)
    unsaid = np.ones(len(answer))
    for k, word in enumerate(answer):
        if left[word]:
            left[word] -= 1
            unsaid[k] = 0.0
    return unsaid


def _negation_change(answer: Sequence[str], response: Sequence[str]) -> float:
    one, other = (Counter(w for w in words if w in _DECIDING) for words in (answer, response))
    either = (one | other).total()
    return 1 - (one & other).total() / either if either else 0.0


def _share(weights: Vectors) -> Vectors:
    share: Vectors = weights / weights.sum()
    return share


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
