"""The methods, at the same number of calls and on the same words: who has the driver first?"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler

from benchmarks.natural.cases import Case
from benchmarks.natural.responses import Responses
from smile_trace.attribution import PerturbationStudy
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.records import Explanation, ExplanationSettings, Response, Signal

Array = NDArray[np.float64]
Explain = Callable[[Case, Responses, int, int], Array]
"""(case, responses, calls, seed) → how much each word supports the answer, shape (words,)."""


def explanation(
    case: Case,
    responses: Responses,
    calls: int,
    seed: int,
    signal: Signal,
    distance: str = "content",
) -> Explanation:
    """smile-trace's, asked to its end."""
    text, ids = responses.answer(case.prompt, case.tokens)
    study = PerturbationStudy(
        case.prompted,
        ExplanationSettings(
            model="packaged", unit="word", budget=calls, seed=seed, distance=distance
        ),
        answer=text,
        signal=signal,
        deterministic=True,
        remote=False,
    )
    while rows := study.ask():
        texts = [row.messages[0].content for row in rows]
        study.tell(zip(rows, _ask(case, responses, texts, text, ids, signal), strict=True))
    return study.result()


def smile_trace(signal: Signal, distance: str = "content") -> Explain:
    """The strength of the segment that each word lies in."""

    def explain(case: Case, responses: Responses, calls: int, seed: int) -> Array:
        segments = explanation(case, responses, calls, seed, signal, distance).segments
        return np.array(
            [
                next(s.strength for s in segments if s.start <= word.start < s.end)
                for word in case.words
            ]
        )

    return explain


def context_cite(signal: Signal, distance: str = "content") -> Explain:
    """ContextCite (arXiv 2409.00729): masks that keep each word with probability .5, and the
    Lasso of context-cite 0.0.4 (`solver.py`: standardised masks, alpha .01, per token) of the
    log-odds of the whole answer's probability; in text mode of one less the distance."""

    def explain(case: Case, responses: Responses, calls: int, seed: int) -> Array:
        text, ids = responses.answer(case.prompt, case.tokens)
        generator = np.random.default_rng([seed, case.number])
        masks, texts = [], {case.prompt}
        for mask in generator.random((4 * calls, len(case.words))) < 0.5:
            if len(texts) < calls and case.perturber.sendable(mask):
                masks.append(mask)
                texts.add(case.text(mask))
        found = _ask(case, responses, [case.text(mask) for mask in masks], text, ids, signal)
        if signal == "probability":
            logs = np.array([min(sum(row.logprobs or ()), -1e-9) for row in found])
            outputs = (logs - np.log(-np.expm1(logs))) / len(ids)
        else:
            said = [row.text or "" for row in found]
            change = text_comparison(text, None, distance)
            left = np.clip(1 - np.array(change.changes(said)), 1e-6, 1 - 1e-6)
            outputs = np.log(left) - np.log1p(-left)
        scaler = StandardScaler()
        lasso = Lasso(alpha=0.01, random_state=0)
        lasso.fit(scaler.fit_transform(np.array(masks, dtype=float)), outputs)
        weights: Array = lasso.coef_ / scaler.scale_
        return weights

    return explain


def _ask(
    case: Case,
    responses: Responses,
    texts: Sequence[str],
    answer: str,
    ids: Sequence[int],
    signal: Signal,
) -> list[Response]:
    if signal == "probability":
        return responses.score(texts, answer, ids)
    return responses.generate(texts, case.tokens)


EXPLAINERS: dict[str, tuple[Signal, int, Explain]] = {
    "smile-trace, probability": ("probability", 32, smile_trace("probability")),
    "context-cite, probability": ("probability", 32, context_cite("probability")),
    "smile-trace, text by content": ("text", 40, smile_trace("text")),
    "smile-trace, text by words": ("text", 40, smile_trace("text", "words")),
    "context-cite, text by content": ("text", 40, context_cite("text")),
}
"""Name → signal, calls, method."""
