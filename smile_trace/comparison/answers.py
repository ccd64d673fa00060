"""The distance of two versions' answers on the same inputs, beyond their own noise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.answer_change.distances import CONTENT, WORDS
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.comparison.pooled_effects import Array
from smile_trace.comparison.verdicts import ALPHA, LEVEL
from smile_trace.records.comparison import ANOTHER_ANSWER, AnswerComparison

PERMUTATIONS = 1999
MAX_EXACT_INPUTS = 4
"""Inputs up to which every relabelling is counted (6⁴ = 1296); beyond, a random sample is."""
MAX_ACROSS = 12
"""Inputs up to which answers are compared across inputs, too; with more it is not needed."""

Distance = Callable[[str, str], float]

Answers = list[list[str | None]]
"""Answers by input and replicate; None for a failed request."""

_SPLITS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
"""The three ways to split an input's four answers into two versions of two answers each."""
_SIGNS = np.array(
    [[sign if k in old else -sign for k in range(4)] for old, _ in _SPLITS for sign in (1.0, -1.0)]
)
"""The splits with either half as the old version: +1 and −1, shape (6, 4)."""


@dataclass(frozen=True)
class Paired:
    """One input's answers, two of each version."""

    before: tuple[str, str]
    after: tuple[str, str]

    @property
    def first(self) -> tuple[str, str]:
        """The first answer of each version."""
        return self.before[0], self.after[0]


@dataclass(frozen=True)
class Apart:
    """The distance of two versions' answers.

    `distances` holds the energy distance per input, shape (inputs,), at most 1, negative if the
    versions differ less from each other than from themselves. `noise` is the mean distance between
    two answers of one version. `p_value` is None if the model repeats itself exactly.
    """

    distances: Array
    noise: float
    p_value: float | None

    @property
    def mean(self) -> float:
        """The mean distance over inputs, at least 0."""
        return max(float(self.distances.mean()), 0.0)

    def interval(self) -> tuple[float, float]:
        """Student's t interval of the mean over inputs, inside [0, 1]; [0, 1] with one input."""
        return mean_interval(self.distances)


def paired(before: Sequence[str | None], after: Sequence[str | None]) -> Paired | None:
    """One input's answers; None if one is missing. A single replicate counts as two."""
    old = [answer for answer in before if answer is not None]
    new = [answer for answer in after if answer is not None]
    if len(old) < len(before) or len(new) < len(after):
        return None
    return Paired((old[0], old[-1]), (new[0], new[-1]))


def text_distance(compared_by: str = CONTENT) -> Distance:
    """The answer change by text, averaged over both directions: symmetric, in [0, 1].
    `compared_by`: the name of a comparison of texts, as for `text_comparison`. Raises ValueError if
    there is no such comparison."""
    comparison = text_comparison("", None, compared_by)
    known: dict[tuple[str, str], float] = {}

    def distance(one: str, other: str) -> float:
        key = (one, other) if one <= other else (other, one)
        if key not in known:
            there, back = comparison.between(one, other), comparison.between(other, one)
            known[key] = 0.0 if one == other else (there + back) / 2
        return known[key]

    return distance


def version_distance(compared_by: str = CONTENT) -> Distance:
    """The largest of the answer change and the words' and lengths' distances; symmetric, in [0, 1].
    To a prompt's author, the same in another length, tone or language is another answer."""
    said, worded = text_distance(compared_by), text_distance(WORDS)

    def distance(one: str, other: str) -> float:
        shorter, longer = sorted((len(one), len(other)))
        length = 1 - shorter / longer if longer else 0.0
        return max(said(one, other), worded(one, other), length)

    return distance


def compare_answers(
    pairs: Sequence[Paired],
    distance: Distance,
    generator: np.random.Generator,
    *,
    exact: bool = False,
) -> Apart:
    """The paired energy distance with its permutation p-value.

    Per input E = mean d(a, b) − ½ d(a, a′) − ½ d(b, b′) (Székely & Rizzo 2013, eq. 2, with the
    unbiased within terms). If the versions were alike, each input's four answers could be
    relabelled: p = (1 + #{T* ≥ T}) / (1 + #relabellings), as in DBPA (arXiv 2412.00868, sec. 3). T
    is the mean of E over inputs plus the energy distance between answers to different inputs, which
    sees a change that all of them share. With few inputs all relabellings are enumerated. `exact`:
    the model is deterministic, so that there is no noise to test against. Raises ValueError if
    there is no pair.
    """
    if not pairs:
        raise ValueError("compare_answers() needs at least one input.")
    table = np.array([_energies(pair, distance) for pair in pairs])
    own = [(distance(*pair.before) + distance(*pair.after)) / 2 for pair in pairs]
    noise = float(np.mean(own))
    if exact:
        return Apart(table[:, 0], noise, None)
    return Apart(table[:, 0], noise, _permuted(table, _across(pairs, distance), generator))


def own_distances(before: Answers, after: Answers, distance: Distance) -> Array:
    """The mean distance between two answers of one version, shape (inputs,); 0 without two."""
    found = []
    for one, other in zip(before, after, strict=True):
        texts = [[text for text in answers if text is not None] for answers in (one, other)]
        own = [distance(x[0], x[1]) for x in texts if len(x) > 1]
        found.append(float(np.mean(own)) if own else 0.0)
    return np.array(found, dtype=np.float64)


def energies(before: Answers, after: Answers, noise: Array, distance: Distance) -> Array:
    """The energy distance per input, for any number of replicates; NaN if a version has no answer.
    `noise`, shape (inputs,), stands in for the own distance of a version with a single answer."""
    found = []
    for one, other, own in zip(before, after, noise, strict=True):
        olds, news = ([text for text in texts if text is not None] for texts in (one, other))
        if not olds or not news:
            found.append(np.nan)
            continue
        between = float(np.mean([distance(a, b) for a in olds for b in news]))
        within = [distance(x[0], x[1]) if len(x) > 1 else own for x in (olds, news)]
        found.append(between - sum(within) / 2)
    return np.array(found, dtype=np.float64)


def mean_interval(values: Array, least: float = 0.0) -> tuple[float, float]:
    """Student's t interval, at LEVEL, of a mean in [least, 1]; all of it with fewer than two."""
    if len(values) < 2:
        return least, 1.0
    half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * scipy.stats.sem(values))
    centre = float(values.mean())
    low, high = np.clip([centre - half, centre + half], least, 1.0)
    return float(low), float(high)


def _energies(pair: Paired, distance: Distance) -> list[float]:
    """E for each way to split the four answers; the first is the true one."""
    answers = (*pair.before, *pair.after)
    apart = np.array([[distance(one, other) for other in answers] for one in answers])
    energies = []
    for (a, b), (c, d) in _SPLITS:
        between = (apart[a, c] + apart[a, d] + apart[b, c] + apart[b, d]) / 4
        energies.append(float(between - apart[a, b] / 2 - apart[c, d] / 2))
    return energies


def _across(pairs: Sequence[Paired], distance: Distance) -> Array:
    """Distances between answers to different inputs, shape (4 inputs, 4 inputs); maybe empty."""
    if not 1 < len(pairs) <= MAX_ACROSS:
        return np.zeros((0, 0))
    texts = [text for pair in pairs for text in (*pair.before, *pair.after)]
    found = np.array([[distance(one, other) for other in texts] for one in texts])
    own = np.arange(len(texts)) // 4
    found[own[:, None] == own] = 0.0
    return found


def _permuted(table: Array, across: Array, generator: np.random.Generator) -> float:
    """The p-value; the first relabelling is the true one."""
    inputs = len(table)
    if inputs <= MAX_EXACT_INPUTS:
        labels = np.array(list(product(range(6), repeat=inputs)))
    else:
        labels = generator.integers(0, 6, (PERMUTATIONS + 1, inputs))
        labels[0] = 0
    values = table[np.arange(inputs), labels // 2].mean(axis=1)
    if len(across):
        signs = _SIGNS[labels].reshape(len(labels), -1)
        pairs = 4 * inputs * (inputs - 1)  # pairs of answers per side, across inputs
        values -= np.einsum("ri,ij,rj->r", signs, across, signs, optimize=True) / (2 * pairs)
    return float(np.mean(values >= values[0] - 1e-12))


# -- as records -----------------------------------------------------------------------------------


def answer_comparison(
    pairs: Sequence[Paired], distance: Distance, generator: np.random.Generator, *, exact: bool
) -> AnswerComparison:
    """The change from one version to the other; args as for `compare_answers`. Its p-value is
    doubled: the first question has half of the error rate, `changes.correct` the other half."""
    apart = compare_answers(pairs, distance, generator, exact=exact)
    p_value = None if apart.p_value is None else min(2 * apart.p_value, 1.0)
    low, high = apart.interval()
    counted = count_changed((pair.first for pair in pairs), distance)
    return AnswerComparison(
        inputs=len(pairs),
        **counted._asdict(),
        distance=apart.mean,
        ci_low=low,
        ci_high=high,
        noise=apart.noise,
        p_value=p_value,
        significant=counted.changed > 0 if p_value is None else p_value <= ALPHA,
    )


class Counted(NamedTuple):
    """How many answers became another one, and how many others changed a little, by at most
    `little`."""

    changed: int
    changed_little: int
    little: float


UNCHANGED = Counted(0, 0, 0.0)


def same_text(one: str, other: str) -> bool:
    """Whether two answers are the same text; white space is no difference."""
    return one.split() == other.split()


def count_changed(pairs: Iterable[tuple[str, str]], distance: Distance) -> Counted:
    """Count the answers that are another text among pairs of them."""
    apart = [distance(*pair) for pair in pairs if not same_text(*pair)]
    little = [by for by in apart if by <= ANOTHER_ANSWER]
    return Counted(len(apart) - len(little), len(little), max(little, default=0.0))
