"""Word vectors without a download: wordllama's, read from its installed wheel.

32,000 tokens × 256 dimensions, distilled from the token embeddings of larger language models
(MIT licence, D. Lee Miller). A word's vector is the mean of its tokens' vectors.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Vectors = NDArray[np.float64]

Embed = Callable[[Sequence[str]], Vectors]
"""Texts (single words) to their vectors: an array of shape (len(texts), dimensions)."""


UNRELATED = 0.2
"""Cosine that 99 % of random pairs of the packaged word vectors stay below."""


def embed_words(texts: Sequence[str]) -> Vectors:
    """The packaged vectors of these texts, shape (len(texts), 256); zero where a text is empty."""
    tokenizer, table = _packaged()
    vectors = np.zeros((len(texts), table.shape[1]))
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
        if encoding.ids:
            vectors[row] = table[encoding.ids].mean(axis=0, dtype=np.float64)
    return vectors


class VectorTable:
    """Vectors that an embedding model gave, by text: an `Embed` that asks nobody.

    Whoever drives a study fills it with the vectors of `study.texts(pairs)`.
    """

    def __init__(self) -> None:
        self._known: dict[str, Vectors] = {}

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those of the texts that have no vector yet, each once."""
        return [text for text in dict.fromkeys(texts) if text not in self._known]

    def add(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Add one vector per text; `vectors` has shape (len(texts), dimensions)."""
        self._known.update(zip(texts, vectors, strict=True))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """The vectors of these texts, shape (len(texts), dimensions).

        Raises:
            KeyError: a text that has no vector yet.
        """
        return np.array([self._known[text] for text in texts])


def unit(vectors: Vectors) -> Vectors:
    """Each row divided by its Euclidean length; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled


@lru_cache(maxsize=1)
def _packaged() -> tuple[Tokenizer, NDArray[np.float16]]:
    # wordllama's own loader looks for the tokenizer in the wrong folder and then downloads it.
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("Install smile-trace[worker]: it brings the word vectors.")
    folder = Path(spec.origin).parent
    tokenizer = Tokenizer.from_file(
        str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
    )
    table = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    return tokenizer, table  # as it lies in the file: in double precision it takes 65 MB
