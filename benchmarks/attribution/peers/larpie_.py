"""larpie: its two algorithms on an Engine that asks the local server.

It enumerates all masks of up to eight segments and draws 32 of longer ones; both numbers are
constants of its module, set here to the calls that are allowed.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from larpie.algorithms import ablation
from larpie.algorithms.likelihood import LikelihoodAlgorithm
from larpie.algorithms.similarity import SimilarityAlgorithm
from larpie.segmenter import Segment

from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Question
from smile_trace.attribution.word_vectors import embed_words


class _Served:
    """larpie's Engine; its segments come joined by line breaks."""

    model = "demo"

    def __init__(self, question: Question) -> None:
        self._question = question

    def score_continuation(self, context: str, continuation: str) -> float:
        if not (text := self._text(context)):
            raise ValueError("nothing is left")  # larpie leaves this row out
        return float(sum(self._question.responses([text])[0].logprobs or ()))

    def generate(self, prompt: str) -> str:
        text = self._text(prompt)
        return self._question.responses([text])[0].text or "" if text else ""

    def embed(self, text: str) -> Sequence[float]:
        """The mean of the packaged word vectors: its own encoder is a download."""
        words = text.split()
        return np.mean(embed_words(words), axis=0).tolist() if words else [0.0]

    def _text(self, joined: str) -> str:
        return " ".join([*joined.split("\n"), *self._question.case.tail]).strip()


def explain(question: Question, calls: int, seed: int) -> Array:
    """Likelihood where there are log-probabilities, similarity otherwise."""
    ablation.EXHAUSTIVE_SEGMENT_LIMIT = int(np.log2(calls))
    ablation.SAMPLE_BUDGET = min(calls - 1, 2**question.size - 2)
    segments = [
        Segment(id=str(k), text=text, source_type="rag_chunk", is_query=False)
        for k, text in enumerate(question.players)
    ]
    if question.signal == "probability":
        method = LikelihoodAlgorithm(random_state=seed)
    else:
        method = SimilarityAlgorithm(random_state=seed, n_baseline_samples=1)
    with redirect_stdout(StringIO()):  # it prints a line about each mask that it leaves out
        results = method.run(_Served(question), segments, question.answer)
    found = {result.segment_id: result.score for result in results}
    return np.array([found[str(k)] for k in range(question.size)], dtype=float)


EXPLAINER = Explainer("larpie", "larpie", "", explain)
