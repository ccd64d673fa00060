"""What a study needs beside its own modules: a second of loading, done while a model answers."""

from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.word_vectors import Meaning, embed_sentences, embed_words


def load_vectors() -> None:
    """Load the packaged vectors, and find the scale of their distances."""
    with one_thread():
        embed_words([""])
        Meaning(embed_sentences).distance("", "")


def load_arithmetic() -> None:
    """Load the parts of SciPy, which it loads on first use."""
    from scipy import (  # type: ignore[import-untyped]  # noqa: F401
        linalg,
        ndimage,
        optimize,
        special,
        stats,
    )
