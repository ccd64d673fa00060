"""How far the answers of two versions lie apart on the same inputs, beyond their own noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.attribution.estimation.distances import LAYERS
from smile_trace.attribution.estimation.text_comparison import text_comparison
from smile_trace.comparison.influence.regression import Array
from smile_trace.comparison.influence.verdicts import LEVEL
from smile_trace.records.comparison import AnswerComparison, EditEffect

PERMUTATIONS = 1999
MAX_EXACT_INPUTS = 7
"""Up to so many inputs every relabelling is counted (3⁷ = 2187); with more, a random sample."""
CHANGED = 0.05
"""Distance from which two answers are called different."""

Distance = Callable[[str, str], float]

_SPLITS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
"""The three ways to split an input's four answers into two versions of two answers each."""


@dataclass(frozen=True)
class Paired:
    """One input's answers: two of the old version, two of the new version."""

    before: tuple[str, str]
    after: tuple[str, str]


@dataclass(frozen=True)
class Apart:
    """How far two versions' answers lie apart.

    `distances`: the energy distance per input, shape (inputs,), at most 1, below 0 where the
    versions differ less from each other than each does from itself. `noise`: the mean distance
    between two answers of one version. `p_value`: None where the model repeats itself exactly.
    """

    distances: Array
    noise: float
    p_value: float | None

    @property
    def mean(self) -> float:
        """The mean distance over inputs, cut off at 0, the least that a true distance can be."""
        return max(float(self.distances.mean()), 0.0)

    def interval(self) -> tuple[float, float]:
        """Student's t interval of the mean over inputs, inside [0, 1]; [0, 1] with one input."""
        return mean_interval(self.distances)


def paired(before: Sequence[str | None], after: Sequence[str | None]) -> Paired | None:
    """One input's answers; None where one is missing. A single replicate counts as two."""
    old = [answer for answer in before if answer is not None]
    new = [answer for answer in after if answer is not None]
    if len(old) < len(before) or len(new) < len(after):
        return None
    return Paired((old[0], old[-1]), (new[0], new[-1]))


def text_distance(compared_by: str = LAYERS) -> Distance:
    """The answer change by text, averaged over both directions: symmetric, in [0, 1].

    Args:
        compared_by: the name of a comparison of texts, as for `text_comparison`.

    Raises:
        ValueError: there is no such comparison.
    """
    comparison = text_comparison("", None, compared_by)
    known: dict[tuple[str, str], float] = {}

    def distance(one: str, other: str) -> float:
        key = (one, other) if one <= other else (other, one)
        if key not in known:
            there, back = comparison.between(one, other), comparison.between(other, one)
            known[key] = 0.0 if one == other else (there + back) / 2
        return known[key]

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
    relabelled: p = (1 + #{Ē* ≥ Ē}) / (1 + #relabellings), Ē the mean over inputs, as in
    DBPA (arXiv 2412.00868, sec. 3); all relabellings are enumerated where there are few inputs.

    Args:
        exact: the model is deterministic, so that there is no noise to test against.

    Raises:
        ValueError: there is no pair.
    """
    if not pairs:
        raise ValueError("compare_answers() needs at least one input.")
    table = np.array([_energies(pair, distance) for pair in pairs])
    own = [(distance(*pair.before) + distance(*pair.after)) / 2 for pair in pairs]
    noise = float(np.mean(own))
    if exact:
        return Apart(table[:, 0], noise, None)
    return Apart(table[:, 0], noise, _permuted(table, generator))


def mean_interval(values: Array) -> tuple[float, float]:
    """Student's t interval, at LEVEL, of a mean distance; [0, 1] with fewer than two values."""
    if len(values) < 2:
        return 0.0, 1.0
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values))
    centre = float(values.mean())
    low, high = np.clip([centre - half, centre + half], 0.0, 1.0)
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


def _permuted(table: Array, generator: np.random.Generator) -> float:
    observed = table[:, 0].mean()
    rows = np.arange(len(table))
    if len(table) <= MAX_EXACT_INPUTS:
        means = [table[rows, list(split)].mean() for split in product(range(3), repeat=len(table))]
        return float(np.mean(np.array(means) >= observed - 1e-12))
    splits = generator.integers(0, 3, (PERMUTATIONS, len(table)))
    means = table[rows, splits].mean(axis=1)
    return float((1 + (means >= observed - 1e-12).sum()) / (PERMUTATIONS + 1))


# -- as records -----------------------------------------------------------------------------------


def answer_comparison(
    pairs: Sequence[Paired], distance: Distance, generator: np.random.Generator, *, exact: bool
) -> AnswerComparison:
    """The change from one version to the other; args as for `compare_answers`."""
    apart = compare_answers(pairs, distance, generator, exact=exact)
    low, high = apart.interval()
    changed = sum(_differs(pair, distance) for pair in pairs)
    return AnswerComparison(
        inputs=len(pairs),
        changed=changed,
        distance=apart.mean,
        ci_low=low,
        ci_high=high,
        noise=apart.noise,
        p_value=apart.p_value,
        significant=apart.p_value is None and changed > 0,
    )


def edit_effect(
    edit: tuple[int, ...],
    pairs: Sequence[tuple[Paired | None, Paired | None]],
    distance: Distance,
    generator: np.random.Generator,
    *,
    exact: bool,
) -> EditEffect:
    """The effect of one edit alone; an input counts once in the interval.

    Args:
        edit: its places in `VersionChange.segments`.
        pairs: per input the answers with the edit applied to the old version, and with it
            reverted in the new version; inputs with a missing answer do not count.
    """
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not both:
        return EditEffect(segments=edit, distance=0.0, ci_low=0.0, ci_high=1.0)
    flat = [pair for input_pairs in both for pair in input_pairs]
    apart = compare_answers(flat, distance, generator, exact=exact)
    per_input = apart.distances.reshape(-1, 2).mean(axis=1)
    low, high = mean_interval(per_input)
    changed = sum(any(_differs(pair, distance) for pair in input_pairs) for input_pairs in both)
    return EditEffect(
        segments=edit,
        distance=max(float(per_input.mean()), 0.0),
        ci_low=low,
        ci_high=high,
        changed=changed,
        p_value=apart.p_value,
        significant=apart.p_value is None and changed > 0,
    )


def _differs(pair: Paired, distance: Distance) -> bool:
    return distance(pair.before[0], pair.after[0]) > CHANGED
