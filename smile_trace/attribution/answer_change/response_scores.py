"""Answer changes from responses: each one's distance to the logged answer, less the baseline's.

Each token is scored behind the real tokens before it. Most of a long answer follows from its own
beginning and stays as likely as it was. On a logarithmic scale such tokens add nothing, and the
others count by what they lose; in a mean of probabilities the many would hide the few.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from smile_trace.attribution.answer_change.text_comparison import TextComparison
from smile_trace.attribution.answer_span import AnswerSpan, tokens_inside
from smile_trace.attribution.segmentation import boundaries
from smile_trace.records import Perturbation, Response, Signal

COUNTED_TOKENS = 32
"""The most tokens that an answer counts as: a longer one loses as fast as one of so many."""

_IMPOSSIBLE = -50.0
"""Log-probability below which a token is as good as impossible."""


def log_probability(logprobs: Sequence[float]) -> float:
    """The log-probability of the whole answer, in nats: the sum over its tokens."""
    return math.fsum(min(max(value, _IMPOSSIBLE), 0.0) for value in logprobs)


def share_lost(logprob: float, unperturbed: float, tokens: int) -> float:
    """1 − (p / p₀)^(1/τ), with τ the number of tokens, at most COUNTED_TOKENS.

    Up to that many tokens p^(1/τ) is the geometric mean of the tokens' conditional probabilities,
    the inverse of the perplexity. 0 = as likely as before, 1 = impossible; negative if likelier.
    `logprob`: log p of the whole answer; `unperturbed`: log p₀, of the whole answer after the
    unperturbed prompt.
    """
    exponent = (logprob - unperturbed) / min(max(tokens, 1), COUNTED_TOKENS)
    return -math.expm1(min(exponent, 1.0))


def mean_probability(logprobs: Sequence[float]) -> float:
    """The mean conditional probability of the answer's tokens, in [0, 1] (1 without tokens)."""
    if not logprobs:
        return 1.0
    return math.fsum(math.exp(min(value, 0.0)) for value in logprobs) / len(logprobs)


NEGLIGIBLE = 0.01
"""An answer change that counts as none: a hundredth of the answer (above a server's rounding)."""

_MAX_BASELINE_CHANGE = 0.8
"""Distance of the unperturbed prompt's own answer beyond which a study ends at once."""

_SAME = 0.5
"""Largest distance of the baseline's answer at which it reproduces the logged one."""

_SAME_TOKENS = 0.1
"""Largest gap in nats to the likeliest token at which a greedy model would give the logged answer;
above a server's rounding, which decides near ties."""

_LIKELY = 0.1
"""Smallest mean token probability at which a sampled answer counts as the model's own."""

Row = tuple[Perturbation, Response | None]


@dataclass(frozen=True)
class ResponseScores:
    """The answer changes of all responses, and the noise in them.

    `changes` and `failed` are per level and row; a change, in [0, 1], is None without an answer.
    `sparse` and `confirming` are the changes of those rows, `sparse_levels` the levels of the
    former. `baseline` is the mean distance of the unperturbed prompt's answers from the logged one,
    in [0, 1] (for probabilities: one less the mean over its tokens), None without answers, and
    `baseline_reproduced` whether that prompt still gives the logged answer. `noise_floor` is the
    mean answer change between two baseline replicates, in [0, 1], `noise_variance` the variance
    over them, None with fewer than two. `same_texts` says whether all answers are the same text,
    but for case and white space; False for probabilities.
    """

    changes: tuple[tuple[float | None, ...], ...]
    baseline: float | None
    baseline_reproduced: bool
    noise_floor: float
    noise_variance: float | None
    failed: tuple[tuple[bool, ...], ...]
    same_texts: bool = False
    sparse: tuple[float | None, ...] = ()
    confirming: tuple[float | None, ...] = ()
    sparse_levels: tuple[int, ...] = ()
    as_logged: bool = True
    """Whether the unperturbed prompt's answers are no further from the logged one than from each
    other."""

    def of_level(self, index: int) -> "ResponseScores":
        """The same with the changes of one level alone."""
        levels = zip(self.sparse, self.sparse_levels, strict=True)
        return replace(
            self,
            changes=(self.changes[index],),
            failed=(self.failed[index],),
            sparse=tuple(change for change, level in levels if level == index),
            sparse_levels=tuple(level for level in self.sparse_levels if level == index),
        )

    @property
    def known(self) -> list[float]:
        """All measured changes of the levels' rows."""
        return [change for level in self.changes for change in level if change is not None]

    @property
    def failure_rate(self) -> float:
        """The share of the levels' calls that failed, in [0, 1]."""
        failed = [fails for level in self.failed for fails in level]
        return float(np.mean(failed)) if failed else 0.0

    @property
    def baseline_failed(self) -> bool:
        """Whether the unperturbed prompt has no answer, or quite another one than was logged."""
        return self.baseline is None or (
            self.baseline > _MAX_BASELINE_CHANGE and not self.baseline_reproduced
        )

    @property
    def no_variation(self) -> bool:
        """Whether no answer changed beyond the noise floor."""
        return not self.only_sparse_moved and self._within_noise(self.known)

    @property
    def only_sparse_moved(self) -> bool:
        """Whether answers changed beyond the noise floor only in sparse rows."""
        sparse = [change for change in self.sparse if change is not None]
        return self._within_noise(self.known) and not self._within_noise(sparse)

    def _within_noise(self, changes: Sequence[float]) -> bool:
        return max(changes, default=0.0) <= max(self.noise_floor, NEGLIGIBLE)


def score_responses(
    levels: Sequence[Sequence[Row]],
    signal: Signal,
    text_change: TextComparison,
    *,
    deterministic: bool,
    part: AnswerSpan | None = None,
    sparse: Sequence[Row] = (),
    confirming: Sequence[Row] = (),
) -> ResponseScores:
    """Scores the rows of every level, the sparse and the confirming ones; with `part`, by that part
    of the answer.

    Text: y = (d − d₀) / (1 − d₀), with d the distance from the logged answer and d₀ the mean of the
    baseline's. Probability: y = 1 − (p / p₀)^(1/τ) (`share_lost`). Both are cut to [0, 1].
    """
    everything = [*levels, sparse, confirming]
    if signal == "probability":
        distances = _probability_distances(everything, part)
    else:
        distances = [_text_distances(rows, text_change) for rows in everything]
    baseline = [
        (response, distance)
        for rows, found in zip(everything, distances, strict=True)
        for (row, response), distance in zip(rows, found, strict=True)
        if _is_baseline(row) and response is not None and distance is not None
    ]
    failed = tuple(tuple(r is not None and not r.ok for _, r in rows) for rows in levels)
    of_levels = tuple(row.level for row, _ in sparse)
    if not baseline:
        nothing = tuple((None,) * len(rows) for rows in levels)
        none, of_pairs = ((None,) * len(rows) for rows in (sparse, confirming))
        return ResponseScores(
            nothing, None, False, 0.0, None, failed, False, none, of_pairs, of_levels
        )
    asked = [response for response, _ in baseline]
    own = [distance for _, distance in baseline]
    reference = float(np.mean(own))
    scale = 1 - reference
    *changes, of_sparse, of_confirming = (
        tuple(_relative(d, reference, scale) for d in found) for found in distances
    )
    texts = [response.text or "" for response in asked]
    noise = _noise(texts, own, scale, signal, text_change)
    floor = min(float(np.mean(noise)), 1.0) if noise else 0.0
    variance = float(np.var(own, ddof=1)) / scale**2 if len(own) > 1 and scale > 0 else None
    from_logged = _improbability(asked, part) if signal == "probability" else reference
    reproduced = _baseline_reproduced(asked, from_logged, signal, deterministic)
    near = signal == "probability" or reference <= max([NEGLIGIBLE, *noise])
    answers = (r.text or "" for rows in everything for _, r in rows if r is not None and r.ok)
    said = {" ".join(text.split()).casefold() for text in answers}
    same = signal == "text" and len(said) == 1
    return ResponseScores(
        tuple(changes),
        from_logged,
        reproduced,
        floor,
        variance,
        failed,
        same,
        of_sparse,
        of_confirming,
        of_levels,
        reproduced and near,
    )


def _is_baseline(row: Perturbation) -> bool:
    """Whether a row counts towards the baseline; that of a finer level is the first level's."""
    return row.kind == "baseline" and row.level == 0


def answer_words(text_change: TextComparison, signal: Signal, rows: Iterable[Row]) -> list[str]:
    """The texts whose vectors `score_responses` looks up; none if it compares probabilities."""
    if signal == "probability":
        return []
    told = [(row, r.text) for row, r in rows if r is not None and r.ok and r.text]
    replicates = [text for row, text in told if row.kind == "baseline"]
    return text_change.texts([text for _, text in told], replicates)


def _baseline_reproduced(
    asked: Sequence[Response], reference: float, signal: Signal, deterministic: bool
) -> bool:
    """Text: whether it is near. Probability: whether its tokens are likely, or the greedy ones."""
    gaps = [response.likeliest_by for response in asked if response.likeliest_by is not None]
    if signal == "probability" and deterministic and gaps:
        return min(gaps) <= _SAME_TOKENS or reference <= _SAME
    if signal == "probability":
        return 1 - reference >= _LIKELY
    return reference <= _SAME


def _text_distances(rows: Sequence[Row], text_change: TextComparison) -> list[float | None]:
    texts = [r.text if r is not None and r.ok else None for _, r in rows]
    known = iter(text_change.changes([text for text in texts if text is not None]))
    return [None if text is None else next(known) for text in texts]


def _probability_distances(
    levels: Sequence[Sequence[Row]], part: AnswerSpan | None
) -> list[list[float | None]]:
    """The share of the answer's probability that is lost, by level and row; at most 1."""
    logprobs = [[_logprobs(response, part) for _, response in rows] for rows in levels]
    unperturbed = [
        logs
        for rows, level in zip(levels, logprobs, strict=True)
        for (row, _), logs in zip(rows, level, strict=True)
        if _is_baseline(row) and logs is not None
    ]
    if not unperturbed:
        return [[None] * len(rows) for rows in levels]
    reference = float(np.mean([log_probability(logs) for logs in unperturbed]))
    tokens = len(unperturbed[0])
    return [
        [
            None if logs is None else share_lost(log_probability(logs), reference, tokens)
            for logs in level
        ]
        for level in logprobs
    ]


def _improbability(asked: Sequence[Response], part: AnswerSpan | None) -> float:
    logprobs = [_logprobs(response, part) for response in asked]
    return 1 - float(np.mean([mean_probability(logs) for logs in logprobs if logs is not None]))


def _logprobs(response: Response | None, part: AnswerSpan | None) -> Sequence[float] | None:
    """The log-probabilities of the answer, or of its known tokens in `part`; else None."""
    if response is None or not response.ok:
        return None
    logprobs = response.logprobs
    if part is None or logprobs is None:
        return logprobs
    inside = tokens_inside(response.tokens or (), response.text or "", part)
    return [logprobs[k] for k in inside] if inside else None


def _relative(distance: float | None, reference: float, scale: float) -> float | None:
    if distance is None:
        return None
    return 0.0 if scale <= 0 else min(max((distance - reference) / scale, 0.0), 1.0)


def _noise(
    texts: Sequence[str],
    own: Sequence[float],
    scale: float,
    signal: Signal,
    text_change: TextComparison,
) -> list[float]:
    """The answer change between each two of the baseline's answers."""
    if signal == "text":
        return [text_change.between(a, b) for a, b in combinations(texts, 2)]
    return [abs(a - b) / scale if scale > 0 else 0.0 for a, b in combinations(own, 2)]


UNCHANGED = 0.005
"""An answer change that is shown as 0.00."""

REWORDED = 0.2
"""Share of the logged content words that a response must leave out to differ beyond rewording."""

_SHORT = 3
"""Letters up to which a word counts as grammar."""


def unseen_share(answer: str, responses: Sequence[str], changes: Sequence[float]) -> float:
    """The share of the distinct responses that count as unchanged although their words differ.
    `changes`: the responses' answer changes in [0, 1], before the baseline's are subtracted."""
    of_text = dict(zip(responses, changes, strict=True))
    said = _content(answer)
    unseen = [
        change < UNCHANGED and len(said - _content(text)) >= REWORDED * len(said)
        for text, change in of_text.items()
        if text.strip() != answer.strip()
    ]
    return float(np.mean(unseen)) if said and unseen else 0.0


def _content(text: str) -> frozenset[str]:
    """The longer words and the numbers; all words if there are none."""
    words = [
        text[start:end].strip(".,;:!?()\"'").casefold() for start, end in boundaries.words(text)
    ]
    telling = [w for w in words if len(w) > _SHORT or any(c.isdigit() for c in w)]
    return frozenset(telling or words) - {""}
