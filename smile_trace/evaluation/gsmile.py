"""gSMILE's measures of explanations, over any list of prompts (arXiv 2505.21657, sec. 4)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.estimation.regressor_solver import RegressorSolver, locality
from smile_trace.attribution.estimation.solver import Array
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import embed_words
from smile_trace.evaluation.curves import faithfulness
from smile_trace.explaining import explain
from smile_trace.explaining.options import AnyModel
from smile_trace.records import JSON, Explanation
from smile_trace.records.evaluation import Measures, PromptMeasures

CHANGE = "Well, {prompt}"
"""The small change to a prompt that has none of its own."""


@dataclass(frozen=True)
class MarkedPrompt:
    """A prompt with the words on which its answer depends according to a person. `changed` is the
    prompt after a small change that keeps its meaning; a missing `answer` is asked first."""

    prompt: str
    marked: tuple[str, ...]
    answer: str | None = None
    changed: str | None = None


def measure(
    prompts: Sequence[MarkedPrompt],
    model: AnyModel,
    *,
    parameters: Mapping[str, JSON] | None = None,
    signal: Literal["auto", "text", "probability"] = "auto",
    budget: int = 40,
    repeats: int = 5,
    seed: int = 0,
) -> Measures:
    """gSMILE's measures of our explanations of these prompts.

    Each prompt is explained `repeats` times with fresh draws (seeds `seed`, `seed` + 1, …), once
    after a small change, and its first explanation's faithfulness is measured. Raises
    SmileTraceError if a prompt cannot be explained; the message says what to do.
    """

    def explained(prompt: str, answer: str | None, seed: int) -> Explanation:
        return explain(
            prompt,
            model=model,
            answer=answer,
            parameters=parameters,
            unit="word",  # as the marks are
            signal=signal,
            budget=budget,
            seed=seed,
        )

    measured = []
    for case in prompts:
        began = time.monotonic()
        first = explained(case.prompt, case.answer, seed)
        seconds = time.monotonic() - began
        others = [explained(case.prompt, case.answer, seed + k) for k in range(1, repeats)]
        changed = case.changed or CHANGE.format(prompt=case.prompt)
        again = explained(changed, case.answer, seed)
        curves = faithfulness(first, model, parameters=parameters, seed=seed)
        r2, mse, mae = _fidelity(first)
        measured.append(
            PromptMeasures(
                prompt=case.prompt,
                accuracy=_accuracy(first, case.marked),
                stability=stability(first, again, len(case.marked) or 1),
                consistency=consistency([first, *others]),
                weighted_r2=r2,
                mse=mse,
                mae=mae,
                heldout_r2=first.fidelity.r2_heldout,
                deletion_auc=curves.attribution.deletion_auc,
                random_deletion_auc=curves.random.deletion_auc,
                insertion_auc=curves.attribution.insertion_auc,
                random_insertion_auc=curves.random.insertion_auc,
                calls=first.cost.target_calls + first.cost.cached_calls,
                seconds=seconds,
            )
        )
    return Measures(prompts=tuple(measured))


def _accuracy(explanation: Explanation, marked: Sequence[str]) -> float | None:
    """ROC-AUC of the attributions against the marked words; None if all or none is marked."""
    wanted = {_bare(word) for word in marked}
    found, others = list[float](), list[float]()
    for segment in explanation.ranked:
        (found if _bare(segment.text) in wanted else others).append(segment.attribution)
    if not found or not others:
        return None
    return float(scipy.stats.mannwhitneyu(found, others).statistic) / (len(found) * len(others))


def stability(one: Explanation, other: Explanation, top: int) -> float:
    """Jaccard index |A ∩ B| / |A ∪ B| of the words ranked first, before and after."""
    a, b = ({_bare(segment.text) for segment in e.ranked[:top]} for e in (one, other))
    return len(a & b) / len(a | b)


def consistency(explanations: Sequence[Explanation]) -> float | None:
    """The variance of each word's attribution over the repeats, averaged over the words."""
    if len(explanations) < 2:
        return None
    values = [{(s.message, s.start): s.attribution for s in e.ranked} for e in explanations]
    words = [place for place in values[0] if all(place in found for found in values)]
    if not words:
        return None
    return float(np.mean([np.var([v[place] for v in values], ddof=1) for place in words]))


def _fidelity(explanation: Explanation) -> tuple[float | None, float | None, float | None]:
    """In-sample R²_ω, weighted MSE and weighted MAE of the weighted linear surrogate: R²_ω = 1 −
    Σω(Δ − Δ̂)² / Σω(Δ − Δ̄_ω)², and the weighted means of (Δ − Δ̂)² and |Δ − Δ̂|."""
    rows = [o for o in explanation.perturbations if o.level == 0 and o.shift is not None]
    if len(rows) < 3 or len(explanation.partitions) != 1:
        return None, None, None
    x: Array = 1.0 - np.array([row.mask for row in rows], dtype=float)
    y: Array = np.array([row.shift for row in rows], dtype=float)
    texts = [segment.text for segment in explanation.segments]
    sizes = np.array([max(len(boundaries.words(text)), 1) for text in texts], dtype=float)
    weights = locality(x, embed_words(texts), sizes)
    residuals = y - RegressorSolver().fit(x, y, weights).predict(x)
    share = weights / weights.sum()
    spread = float(share @ (y - share @ y) ** 2)
    squares = float(share @ residuals**2)
    return 1 - squares / spread if spread > 0 else None, squares, float(share @ np.abs(residuals))


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'“”").casefold()
