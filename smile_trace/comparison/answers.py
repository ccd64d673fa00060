"""The distance of two versions' answers on the same inputs, beyond their own noise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.answer_change.change import AnswerChange
from smile_trace.attribution.answer_change.distances import CONTENT, WORDS
from smile_trace.attribution.answer_change.text_comparison import (
    compared_pair,
    text_comparison,
)
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

_SPLITS = ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2))
"""The six pairs of an input's four answers that may be the old version's; the first is."""
_SIGNS = np.array([[1.0 if k in old else -1.0 for k in range(4)] for old in _SPLITS])
"""The splits, +1 for the old version's answers and −1 for the new one's, shape (6, 4)."""


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

    `distances` holds the energy distance by aspect and input, shape (aspects, inputs), at most 1,
    negative if the versions differ less from each other than from themselves. `noise` is the mean
    distance between two answers of one version. `p_value` is None if the model repeats itself
    exactly.
    """

    distances: Array
    noise: float
    p_value: float | None

    @property
    def mean(self) -> float:
        """The mean distance over inputs in the aspect that moved most, at least 0."""
        return largest_mean(self.distances)

    def interval(self) -> tuple[float, float]:
        """Its interval, see `largest_interval`; [0, 1] with one input."""
        return largest_interval(self.distances)


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


class VersionDistance:
    """The largest of the answer change and the words' and lengths' distances; symmetric, in [0, 1].
    To a prompt's author, the same in another length, tone or language is another answer.

    `aspects` are this distance and what it is made of: what of the one answer the other does not
    say, the reverse, and the lengths. Where the wording varies, the words are far apart whatever is
    said, and hide in the largest of all what a lost sentence changes.
    """

    def __init__(self, compared_by: str = CONTENT) -> None:
        self._said = text_comparison("", None, compared_by)
        self._worded = text_distance(WORDS)
        self._known: dict[tuple[str, str], AnswerChange] = {}
        self.aspects: tuple[Distance, ...] = (self, self.lost, self.gained, self.length)

    def __call__(self, one: str, other: str) -> float:
        """The largest of the distances."""
        said = (self.lost(one, other) + self.gained(one, other)) / 2
        return max(said, self._worded(one, other), self.length(one, other))

    def may_say_the_same(self, one: str, other: str) -> bool:
        """Whether each of two answers keeps what is certain of the other one: its numbers, names
        and negations, and other words where its own are gone."""
        return self._left(one, other).keeps_facts and self._left(other, one).keeps_facts

    def lost(self, one: str, other: str) -> float:
        """How much of what the one says is not in the other."""
        return self._left(one, other).change

    def _left(self, one: str, other: str) -> AnswerChange:
        if (one, other) not in self._known:
            same = one == other
            self._known[one, other] = (
                AnswerChange() if same else compared_pair(self._said, one, other)
            )
        return self._known[one, other]

    def gained(self, one: str, other: str) -> float:
        """How much of what the other says is not in the one."""
        return self.lost(other, one)

    def length(self, one: str, other: str) -> float:
        """How much shorter the shorter is."""
        shorter, longer = sorted((len(one), len(other)))
        return 1 - shorter / longer if longer else 0.0


def aspects_of(distance: Distance, *, exact: bool) -> tuple[Distance, ...]:
    """The distances of which each is compared with its own noise; one if there is no noise."""
    return distance.aspects if isinstance(distance, VersionDistance) and not exact else (distance,)


def compare_answers(
    pairs: Sequence[Paired],
    distance: Distance,
    generator: np.random.Generator,
    *,
    exact: bool = False,
    across: Distance | None = None,
) -> Apart:
    """The paired energy distance with its permutation p-value.

    Per input E = mean d(a, b) − ½ d(a, a′) − ½ d(b, b′) (Székely & Rizzo 2013, eq. 2, with the
    unbiased within terms), in each aspect of the distance. If the versions were alike, each input's
    four answers could be relabelled: p = (1 + #{T* ≥ T}) / (1 + #relabellings), as in DBPA (arXiv
    2412.00868, sec. 3). T is the largest of the aspects' mean E over inputs, each over its standard
    deviation under relabelling; the distance itself has the energy distance between answers to
    different inputs added, which sees a change that all of them share. With few inputs all
    relabellings are enumerated. `exact`: the model is deterministic, so that there is no noise to
    test against. `across`: the distance of answers to different inputs, if another one. Raises
    ValueError if there is no pair.
    """
    if not pairs:
        raise ValueError("compare_answers() needs at least one input.")
    aspects = aspects_of(distance, exact=exact)
    table = np.array([[_energies(pair, aspect) for pair in pairs] for aspect in aspects])
    versions = [own for pair in pairs for own in (pair.before, pair.after)]
    noise = float(np.mean([_within(own, distance) for own in versions]))
    p_value = None if exact else _permuted(table, _across(pairs, across or distance), generator)
    return Apart(table[:, :, 0], noise, p_value)


def own_distances(before: Answers, after: Answers, aspects: Sequence[Distance]) -> Array:
    """The mean distance between two answers of one version, shape (aspects, inputs); 0 without
    two."""
    found = np.zeros((len(aspects), len(before)))
    for k, answers in enumerate(zip(before, after, strict=True)):
        texts = [[text for text in some if text is not None] for some in answers]
        for m, aspect in enumerate(aspects):
            own = [_within(some, aspect) for some in texts if len(some) > 1]
            found[m, k] = float(np.mean(own)) if own else 0.0
    return found


def energies(before: Answers, after: Answers, noise: Array, aspects: Sequence[Distance]) -> Array:
    """The energy distance by aspect and input, for any number of replicates; NaN if a version has
    no answer. `noise`, of the same shape, stands in for the own distance of a version with a single
    answer."""
    found = np.full((len(aspects), len(before)), np.nan)
    for k, answers in enumerate(zip(before, after, strict=True)):
        olds, news = ([text for text in texts if text is not None] for texts in answers)
        if not olds or not news:
            continue
        for m, aspect in enumerate(aspects):
            between = float(np.mean([aspect(a, b) for a in olds for b in news]))
            own = [_within(x, aspect) if len(x) > 1 else noise[m, k] for x in (olds, news)]
            found[m, k] = between - sum(own) / 2
    return found


def _within(texts: Sequence[str], distance: Distance) -> float:
    """The mean distance between two answers of one version."""
    return (distance(texts[0], texts[1]) + distance(texts[1], texts[0])) / 2


def largest_mean(rows: Array) -> float:
    """The mean over inputs in the aspect that moved most, at least 0."""
    return max(float(rows.mean(axis=1).max()), 0.0) if rows.size else 0.0


def largest_interval(rows: Array, level: float = LEVEL) -> tuple[float, float]:
    """From the lower end of the interval of the aspect that moved most to the highest upper end of
    all of them: what moved least may still have moved as far as that."""
    ends = [mean_interval(row, level=level) for row in rows]
    low = ends[int(np.argmax(rows.mean(axis=1)))][0] if rows.size else 0.0
    return low, max(high for _, high in ends)


def mean_interval(values: Array, least: float = 0.0, level: float = LEVEL) -> tuple[float, float]:
    """Student's t interval of a mean in [least, 1]; all of it with fewer than two."""
    if len(values) < 2:
        return least, 1.0
    half = float(scipy.stats.t.ppf((1 + level) / 2, len(values) - 1) * scipy.stats.sem(values))
    centre = float(values.mean())
    low, high = np.clip([centre - half, centre + half], least, 1.0)
    return float(low), float(high)


def _energies(pair: Paired, distance: Distance) -> list[float]:
    """E for each way to split the four answers; the first is the true one."""
    answers = (*pair.before, *pair.after)
    apart = np.array([[distance(one, other) for other in answers] for one in answers])
    found = []
    for old in _SPLITS:
        new = tuple(k for k in range(4) if k not in old)
        own = sum(float(apart[np.ix_(some, some)].sum()) for some in (old, new)) / 4
        found.append(float(apart[np.ix_(old, new)].mean()) - own)
    return found


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
    """The p-value, from E by aspect, input and split; the first relabelling is the true one."""
    inputs = table.shape[1]
    if inputs <= MAX_EXACT_INPUTS:
        labels = np.array(list(product(range(6), repeat=inputs)))
    else:
        labels = generator.integers(0, 6, (PERMUTATIONS + 1, inputs))
        labels[0] = 0
    values = table[:, np.arange(inputs), labels].mean(axis=2)
    if len(across):
        signs = _SIGNS[labels].reshape(len(labels), -1)
        pairs = 4 * inputs * (inputs - 1)  # pairs of answers per side, across inputs
        values[0] -= np.einsum("ri,ij,rj->r", signs, across, signs, optimize=True) / (2 * pairs)
    spread = values.std(axis=1, keepdims=True)
    largest = (values / np.where(spread > 1e-9, spread, np.inf)).max(axis=0)
    return float(np.mean(largest >= largest[0] - 1e-9))


# -- as records -----------------------------------------------------------------------------------


def answer_comparison(
    pairs: Sequence[Paired], distance: Distance, generator: np.random.Generator, *, exact: bool
) -> AnswerComparison:
    """The change from one version to the other; args as for `compare_answers`. Its p-value is
    doubled: the first question has half of the error rate, `changes.correct` the other half."""
    apart = compare_answers(pairs, distance, generator, exact=exact)
    return as_comparison(apart, count_changed((pair.first for pair in pairs), distance))


def as_comparison(apart: Apart, count: "Counted") -> AnswerComparison:
    """The record of it; see `answer_comparison`."""
    p_value = None if apart.p_value is None else min(2 * apart.p_value, 1.0)
    low, high = apart.interval()
    return AnswerComparison(
        inputs=apart.distances.shape[1],
        **count._asdict(),
        distance=apart.mean,
        ci_low=low,
        ci_high=high,
        noise=apart.noise,
        p_value=p_value,
        significant=count.changed > 0 if p_value is None else p_value <= ALPHA,
    )


class Counted(NamedTuple):
    """How many answers became another one, and how many others changed a little, by at most
    `little`; how many that became another one may say the same in other words."""

    changed: int
    changed_little: int
    little: float
    reworded: int = 0


UNCHANGED = Counted(0, 0, 0.0)


def same_text(one: str, other: str) -> bool:
    """Whether two answers are the same text; white space is no difference."""
    return one.split() == other.split()


def count_changed(pairs: Iterable[tuple[str, str]], distance: Distance) -> Counted:
    """Count the answers that are another text among pairs of them."""
    apart = [(distance(*pair), pair) for pair in pairs if not same_text(*pair)]
    count = counted([by for by, _ in apart])
    if not isinstance(distance, VersionDistance):
        return count
    other = [pair for by, pair in apart if by > ANOTHER_ANSWER]
    return count._replace(reworded=sum(distance.may_say_the_same(*pair) for pair in other))


def counted(apart: Sequence[float]) -> Counted:
    """Count by how far each of the answers that changed is from what it was."""
    little = [by for by in apart if by <= ANOTHER_ANSWER]
    return Counted(len(apart) - len(little), len(little), max(little, default=0.0))
