"""Shifts from responses: each response's distance to the logged answer, against the baseline's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from smile_trace.attribution.answer_span import AnswerSpan, tokens_inside
from smile_trace.attribution.estimation.answer_change import TextChange, answer_probability
from smile_trace.records import Perturbation, Response, Signal

NEGLIGIBLE = 0.01
"""A shift that is called none: a hundredth of the answer (and above a server's rounding)."""

_SAME = 0.5
"""Largest distance between the logged answer and the baseline's at which it is given back."""

_SAME_TOKENS = 0.1
"""Largest gap in nats to the likeliest token at which a greedy model says the answer itself;
above a server's rounding, which turns near ties."""

_LIKELY = 0.1
"""Smallest mean token probability at which a sampled answer counts as the model's own."""

Row = tuple[Perturbation, Response | None]


@dataclass(frozen=True)
class ResponseScores:
    """What the responses say.

    `changes`: per level and row a shift in [0, 1], None where there is no answer. `baseline`:
    how far the unperturbed prompt's own answers are from the logged one, in [0, 1]; None where
    there are none. `baseline_reproduced`: whether that prompt still gives the logged answer.
    `noise_floor`: the shift that it shows against itself. `noise_variance`:
    that of the shift over its replicates, None with fewer than two.
    """

    changes: tuple[tuple[float | None, ...], ...]
    baseline: float | None
    baseline_reproduced: bool
    noise_floor: float
    noise_variance: float | None

    @property
    def known(self) -> list[float]:
        """All changes that were measured."""
        return [shift for level in self.changes for shift in level if shift is not None]

    @property
    def no_variation(self) -> bool:
        """Whether nothing moved beyond the noise floor."""
        return max(self.known, default=0.0) <= max(self.noise_floor, NEGLIGIBLE)


def read(
    levels: Sequence[Sequence[Row]],
    signal: Signal,
    text_change: TextChange,
    *,
    deterministic: bool,
    part: AnswerSpan | None = None,
) -> ResponseScores:
    """Reads the rows of every level; with `part`, the tokens of that part of the answer alone.

    Text: y = (d − d₀) / (1 − d₀), with d the distance from the logged answer and d₀ the mean of
    the baseline's. Probability: y = 1 − p / p₀, with p the mean conditional probability of the
    logged answer's tokens. Both are cut to [0, 1].
    """
    distances = [_distances(rows, signal, text_change, part) for rows in levels]
    baseline = [
        (row, response, distance)
        for rows, found in zip(levels, distances, strict=True)
        for (row, response), distance in zip(rows, found, strict=True)
        if row.kind == "baseline" and response is not None and distance is not None
    ]
    if not baseline:
        return ResponseScores(tuple((None,) * len(rows) for rows in levels), None, False, 0.0, None)
    own = [distance for _, _, distance in baseline]
    reference = float(np.mean(own))
    scale = 1 - reference
    changes = tuple(tuple(_relative(d, reference, scale) for d in found) for found in distances)
    texts = [response.text or "" for _, response, _ in baseline]
    floor = _floor(texts, own, scale, signal, text_change)
    variance = float(np.var(own, ddof=1)) / scale**2 if len(own) > 1 and scale > 0 else None
    asked = [response for _, response, _ in baseline]
    back = _baseline_reproduced(asked, reference, signal, deterministic)
    return ResponseScores(changes, reference, back, floor, variance)


def _baseline_reproduced(
    asked: Sequence[Response], reference: float, signal: Signal, deterministic: bool
) -> bool:
    """Text: says about the same. Probability: a greedy model's own tokens, or likely ones."""
    gaps = [response.likeliest_by for response in asked if response.likeliest_by is not None]
    if signal == "probability" and deterministic and gaps:
        return min(gaps) <= _SAME_TOKENS or reference <= _SAME
    if signal == "probability":
        return 1 - reference >= _LIKELY
    return reference <= _SAME


def _distances(
    rows: Sequence[Row], signal: Signal, text_change: TextChange, part: AnswerSpan | None
) -> list[float | None]:
    """Per row the distance from the logged answer, before the baseline's is taken off."""
    if signal == "probability":
        counted = [None if r is None or not r.ok else _logprobs(r, part) for _, r in rows]
        return [None if logs is None else 1 - answer_probability(logs) for logs in counted]
    texts = [r.text if r is not None and r.ok else None for _, r in rows]
    known = iter(text_change.changes([text for text in texts if text is not None]))
    return [None if text is None else next(known) for text in texts]


def _logprobs(response: Response, part: AnswerSpan | None) -> Sequence[float] | None:
    """Those of the answer's tokens that count; None where it is not known which they are."""
    logprobs = response.logprobs
    if part is None or logprobs is None:
        return logprobs
    inside = tokens_inside(response.tokens or (), response.text or "", part)
    return [logprobs[k] for k in inside] if inside else None


def _relative(distance: float | None, reference: float, scale: float) -> float | None:
    if distance is None:
        return None
    return 0.0 if scale <= 0 else min(max((distance - reference) / scale, 0.0), 1.0)


def _floor(
    texts: Sequence[str],
    own: Sequence[float],
    scale: float,
    signal: Signal,
    text_change: TextChange,
) -> float:
    """The mean shift between two of the baseline's answers."""
    if len(own) < 2:
        return 0.0
    if signal == "text":
        between = [text_change.between(a, b) for a, b in combinations(texts, 2)]
    else:
        between = [abs(a - b) / scale if scale > 0 else 0.0 for a, b in combinations(own, 2)]
    return min(float(np.mean(between)), 1.0)
