"""What a study needs beside its own modules, loaded before it is needed."""

from smile_trace.attribution.one_thread import one_thread
from smile_trace.attribution.word_vectors import embed_sentences, embed_words


def load(*, vectors: bool) -> None:
    """Load, in the order in which a study needs them, the parts of SciPy, which it loads on first
    use, and the packaged `vectors` if texts are compared: a second's work, done while a model
    answers."""
    with one_thread():
        if vectors:
            embed_words([""])
            embed_sentences([""])
    from scipy import (  # type: ignore[import-untyped]  # noqa: F401
        ndimage,
        optimize,
        special,
        stats,
    )
