"""How near each part of a prompt is to the logged answer: what is known of it before any call.

A word that drives an answer is often near to a word of it: "euros" to "€", "France's" to "Paris".
Nearness decides nothing, since it cannot know what the model does. It ranks what the calls leave
open (`posterior`), and says which tests count more (`weights_of_tests`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import UNRELATED, embed_words, unit

Array = NDArray[np.float64]

_MOST_WORDS = 400
"""Words of the answer that are looked at."""


def nearness(texts: Sequence[str], answer: str) -> Array:
    """Per text how near it is to the answer, in [0, 1]: the largest cosine of any of its words to
    any word of the answer, by the packaged word vectors.

    Args:
        texts: of the segments.
        answer: the logged answer, or the part of it that is explained.
    """
    said = _vectors(_words(answer)[:_MOST_WORDS])
    words = [_words(text) for text in texts]
    every = list(dict.fromkeys(word for some in words for word in some))
    if not len(said) or not every:
        return np.zeros(len(texts))
    largest = dict(zip(every, (_vectors(every) @ said.T).max(axis=1), strict=True))
    nearest = np.array([max((largest[word] for word in some), default=0.0) for some in words])
    near: Array = np.clip((nearest - UNRELATED) / (1 - UNRELATED), 0, 1)
    return near


def weights_of_tests(near: Array) -> Array:
    """Per segment how much its test counts, with mean 1."""
    weights: Array = (1 + 2 * near) ** 2
    return weights / weights.mean() if len(weights) else weights


def _words(text: str) -> list[str]:
    """The words of a text, each once, without case and without the punctuation around them."""
    return list(dict.fromkeys(boundaries.bare_words(text)))


def _vectors(words: Sequence[str]) -> Array:
    return unit(embed_words(words)) if words else np.zeros((0, 0))
