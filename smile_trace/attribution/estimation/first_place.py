"""Which segment may have the largest effect, judged by the masks and by nearness to the answer.

A word that drives an answer is often near to a word of it: "euros" to "€", "France's" to "Paris".
Nearness cannot know what the model does, so it only ranks what the calls leave open and weighs the
tests (`weights_of_tests`); values, intervals and p-values come from `inference`.

The posterior is that of a Bayesian linear model, in closed form: y = level of the stratum + x·θ +
ε, with θ_i ~ N(0, τ² w_i²) and w_i = 1 + k·near_i (mean square 1). It is averaged by its evidence
over k ∈ {0, 2} and a grid of τ²/σ²: k = 0 takes over if nearness misleads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.estimation.inference import Rows
from smile_trace.attribution.estimation.solver import Array
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import UNRELATED, embed_words, unit

_PULLS = (0.0, 2.0)
"""Values of k over which the model is averaged, equally likely a priori."""

_RATIOS = np.logspace(-2.2, 0.3, 9)
"""Values of τ²/σ² over which the model is averaged, equally likely a priori."""

_DRAWS = 4000
"""Draws from the posterior, in which each segment's share of first places is counted."""


@dataclass(frozen=True)
class Posterior:
    """Mean, shape (segments,), and covariance of the effects, in units of answer change."""

    mean: Array
    covariance: Array

    def first(self, seed: list[int]) -> Array:
        """Each segment's probability of the largest effect; all 0 if nothing is known of any."""
        n = len(self.mean)
        if not np.any(self.covariance):
            return np.zeros(n)
        jitter = 1e-9 * float(np.trace(self.covariance)) / n
        root = np.linalg.cholesky(self.covariance + jitter * np.eye(n))
        drawn = np.random.default_rng([*seed, 6]).standard_normal((_DRAWS, n)) @ root.T
        return np.bincount((self.mean + drawn).argmax(axis=1), minlength=n) / _DRAWS


def posterior(rows: Rows, near: Array) -> Posterior:
    """Mean and covariance of the mixture over all models, given `near` in [0, 1], shape
    (segments,). Rows that were not drawn are a stratum of their own."""
    n = len(near)
    x, y = _within_strata(rows)
    if len(y) < 2 or float(np.square(y).sum()) < 1e-12:
        return Posterior(np.zeros(n), np.zeros((n, n)))
    evidence, means, covariances = zip(*_models(x, y, near), strict=True)
    share = np.exp(np.array(evidence) - max(evidence))
    share /= share.sum()
    mean, covariance = share @ np.array(means), np.zeros((n, n))
    for part, of, own in zip(share, means, covariances, strict=True):
        covariance += part * (own + np.outer(of - mean, of - mean))
    return Posterior(mean, covariance)


def _within_strata(rows: Rows) -> tuple[Array, Array]:
    """Masks and answer changes projected so that the strata's levels drop out (restricted
    likelihood): one row fewer per stratum, with independent noise."""
    x, y = np.vstack([rows.x, rows.others_x]), np.append(rows.y, rows.others_y)
    of_row = np.append(rows.q, np.zeros(len(rows.others_y)))
    levels = (of_row[:, None] == np.unique(of_row)).astype(float)
    basis = np.linalg.qr(levels, mode="complete")[0][:, levels.shape[1] :]
    return basis.T @ x, basis.T @ y


def _models(x: Array, y: Array, near: Array) -> Iterator[tuple[float, Array, Array]]:
    """Log evidence, mean and covariance of θ under every k and τ²/σ², with σ² at its mode."""
    for pull in _PULLS:
        w = 1 + pull * near
        w /= np.sqrt(np.mean(w**2))
        values, u = np.linalg.eigh((x * w) @ (x * w).T)
        values, rotated, loadings = np.maximum(values, 0.0), u.T @ y, (x * w).T @ u
        for ratio in _RATIOS:
            spread = 1 + ratio * values
            noise = float(np.mean(rotated**2 / spread))
            evidence = -0.5 * (len(y) * np.log(noise) + np.log(spread).sum())
            mean = ratio * w * (loadings @ (rotated / spread))
            unknown = np.eye(len(w)) - ratio * (loadings / spread) @ loadings.T
            yield float(evidence), mean, noise * ratio * np.outer(w, w) * unknown


_MOST_WORDS = 400
"""Words of the answer that are compared."""


def nearness(texts: Sequence[str], answer: str) -> Array:
    """How near each text is to the answer, in [0, 1]: the largest cosine of any of its words to any
    word of the answer, by the packaged word vectors."""
    said = unit(embed_words(_words(answer)[:_MOST_WORDS]))
    words = [_words(text) for text in texts]
    every = list(dict.fromkeys(word for some in words for word in some))
    if not len(said) or not every:
        return np.zeros(len(texts))
    largest = dict(zip(every, (unit(embed_words(every)) @ said.T).max(axis=1), strict=True))
    nearest = np.array([max((largest[word] for word in some), default=0.0) for some in words])
    return np.clip((nearest - UNRELATED) / (1 - UNRELATED), 0, 1)


def weights_of_tests(near: Array) -> Array:
    """How much the test of each segment counts, with mean 1."""
    weights: Array = (1 + 2 * near) ** 2
    return weights / weights.mean() if len(weights) else weights


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(boundaries.bare_words(text)))
