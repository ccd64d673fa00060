"""Simulated calls of one template whose truth is known.

    python -m benchmarks.comparison.planted [REPETITIONS]

The answer change of a call whose segments x are removed is 1 − Π_i (1 − b_i x_i) + noise: what is
lost already cannot be lost again. b_i, the effect of segment i for that call, varies between
calls; the population's mean influence at keep probability .7 is then
E[b_i] Π_{k≠i} (1 − .3 E[b_k]), exactly.
"""

import sys
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV  # type: ignore[import-untyped]
from sklearn.model_selection import KFold  # type: ignore[import-untyped]

from smile_trace.comparison.pooled_effects import PooledRows, pool
from smile_trace.comparison.verdicts import pooled_verdicts
from smile_trace.records.verdicts import SMALLEST_EFFECT

SEGMENTS, CALLS, MASKS = 30, 200, 6
KEEP, NOISE = 0.7, 0.15
MATTER = (0.6, 0.45, 0.35, 0.25, 0.15)
SOMETIMES = ((0.8, 0.1), (0.6, 0.2), (0.4, 0.5))
"""Effect and share of the calls that need the segment."""
MARGIN = len(MATTER) + len(SOMETIMES)
"""The place of the segment whose mean influence is exactly the limit."""
IDLE = slice(MARGIN + 1, SEGMENTS)
VARIATION = 0.1
"""Standard deviation between calls of the effects that always matter (as a Beta law)."""


@dataclass(frozen=True)
class Template:
    """Mean effects, shape (SEGMENTS,), and true mean influences at keep .7, same shape."""

    effects: np.ndarray
    truth: np.ndarray


def template() -> Template:
    """The planted template."""
    effects = np.zeros(SEGMENTS)
    effects[: len(MATTER)] = MATTER
    effects[len(MATTER) : MARGIN] = [size * share for size, share in SOMETIMES]
    rest = np.prod(1 - (1 - KEEP) * effects)
    effects[MARGIN] = SMALLEST_EFFECT / rest
    spoiled = 1 - (1 - KEEP) * effects
    return Template(effects, effects * np.prod(spoiled) / spoiled)


def effects_of_calls(calls: int, generator: np.random.Generator) -> np.ndarray:
    """The effect of each segment for each call, shape (calls, SEGMENTS)."""
    planted = template()
    b = np.zeros((calls, SEGMENTS))
    for i, mean in enumerate(MATTER):
        size = mean * (1 - mean) / VARIATION**2 - 1
        b[:, i] = generator.beta(mean * size, (1 - mean) * size, calls)
    for k, (size, share) in enumerate(SOMETIMES):
        b[:, len(MATTER) + k] = size * (generator.random(calls) < share)
    b[:, MARGIN] = planted.effects[MARGIN]
    return b


def draw_masks(
    segments: int, count: int, generator: np.random.Generator, *, keep: float
) -> list[tuple[bool, ...]]:
    """Independent keep-masks; a mask that removes everything is drawn again."""
    masks: list[tuple[bool, ...]] = []
    while len(masks) < count:
        retained = generator.random(segments) < keep
        if retained.any():
            masks.append(tuple(bool(r) for r in retained))
    return masks


def pooled_rows(
    generator: np.random.Generator,
    *,
    calls: int = CALLS,
    masks: int = MASKS,
) -> PooledRows:
    """Rows of a fresh sample of calls with a few masks each."""
    b = effects_of_calls(calls, generator)
    call = np.repeat(np.arange(calls), masks)
    retained = np.array(draw_masks(SEGMENTS, calls * masks, generator, keep=KEEP))
    x = 1.0 - retained
    y = 1 - np.prod(1 - b[call] * x, axis=1) + generator.normal(0, NOISE, len(call))
    return PooledRows(
        x=x,
        y=y,
        q=np.full(len(call), 1 - KEEP),
        call=call,
        weight=np.ones(len(call)),
        varies=np.ones_like(x, dtype=bool),
    )


@dataclass(frozen=True)
class Score:
    """Rates over repetitions. `coverage` per segment; `needed_bound`: how often the bound holds
    for the segment that a tenth of the calls need."""

    coverage: np.ndarray
    excluded_at_limit: float
    idle_found: float
    rare_excluded: float
    needed_bound: float
    rare_bound_mean: float
    error: np.ndarray
    spread: np.ndarray


def score(repetitions: int, *, seed: int = 0) -> Score:
    """Repeat the whole estimate on fresh calls."""
    planted = template()
    rare = len(MATTER)
    covered, found, errors, spreads = np.zeros(SEGMENTS), [], [], []
    margin = rare_excluded = bounded = 0
    bounds = []
    for repetition in range(repetitions):
        pooled = pool(pooled_rows(np.random.default_rng([seed, repetition])))
        said = pooled_verdicts(pooled, SMALLEST_EFFECT)
        low, high = (np.array([getattr(s, end) for s in said]) for end in ("low", "high"))
        covered += (low <= planted.truth) & (planted.truth <= high)
        margin += said[MARGIN].verdict == "excluded"
        rare_excluded += said[rare].verdict == "excluded"
        bounded += said[rare].may_need >= SOMETIMES[0][1]
        bounds.append(said[rare].may_need)
        found.append(np.mean([s.verdict == "excluded" for s in said[IDLE]]))
        errors.append(pooled.error)
        spreads.append(pooled.spread)
    return Score(
        coverage=covered / repetitions,
        excluded_at_limit=margin / repetitions,
        idle_found=float(np.mean(found)),
        rare_excluded=rare_excluded / repetitions,
        needed_bound=bounded / repetitions,
        rare_bound_mean=float(np.mean(bounds)),
        error=np.mean(errors, axis=0),
        spread=np.mean(spreads, axis=0),
    )


def error_of_single_calls(explained: int, *, budget: int = 40, seed: int = 1) -> np.ndarray:
    """The standard error, per segment, of one call's attribution at `budget` calls.

    From `explained` calls explained alone, as a Study does it: keep probability .5 and .8 in
    turn and the cross-fitted estimate, whose deviation from the call's own exact value is
    measured.
    """
    squares = np.zeros(SEGMENTS)
    for k in range(explained):
        generator = np.random.default_rng([seed, k])
        b = effects_of_calls(1, generator)[0]
        q = np.resize([0.5, 0.2], budget)
        x = (generator.random((budget, SEGMENTS)) < q[:, None]).astype(float)
        y = 1 - np.prod(1 - b * x, axis=1) + generator.normal(0, NOISE, budget)
        psi = _scores(x, y, q, generator)
        estimate = np.mean([psi[q == value].mean(axis=0) for value in (0.5, 0.2)], axis=0)
        spoiled = [1 - value * b for value in (0.5, 0.2)]
        exact = np.mean([b * np.prod(s) / s for s in spoiled], axis=0)
        squares += (estimate - exact) ** 2
    return np.sqrt(squares / explained)


def _scores(
    x: np.ndarray, y: np.ndarray, q: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Cross-fitted, doubly robust scores of every row and segment, shape of x."""
    design = np.column_stack([x, q])
    scale = (x - q[:, None]) / (q * (1 - q))[:, None]
    psi = np.zeros_like(x)
    for train, test in KFold(5, shuffle=True, random_state=int(generator.integers(2**31))).split(x):
        model = RidgeCV(np.logspace(-2, 3, 11)).fit(design[train], y[train])
        residual = y[test] - model.predict(design[test])
        psi[test] = model.coef_[: x.shape[1]] + scale[test] * residual[:, None]
    return psi


def main() -> None:
    """Print the figures of acceptance."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    found = score(repetitions)
    planted = template()
    print(f"{CALLS} calls × {MASKS} masks, {SEGMENTS} segments, {repetitions} repetitions")
    print(
        f"coverage of 90 % intervals: mean {found.coverage.mean():.3f}, "
        f"from {found.coverage.min():.3f} to {found.coverage.max():.3f}"
    )
    for i in range(MARGIN + 2):
        print(
            f"  segment {i}: truth {planted.truth[i]:.3f} coverage {found.coverage[i]:.3f} "
            f"error {found.error[i]:.4f} spread {found.spread[i]:.3f}"
        )
    print(f"excluded at the limit: {found.excluded_at_limit:.3f}")
    print(f"idle segments excluded: {found.idle_found:.3f}")
    print(
        f"needed by a tenth: excluded {found.rare_excluded:.3f}, "
        f"bound holds {found.needed_bound:.3f}, mean bound {found.rare_bound_mean:.3f}"
    )
    alone = error_of_single_calls(300)
    ratio = float(np.mean(alone**2 / found.error**2))
    pooled_calls = CALLS * MASKS
    print(f"one call alone at 40 calls: error {alone.mean():.4f}, pooled {found.error.mean():.4f}")
    print(
        f"explaining each of {CALLS} calls alone to the pooled error: "
        f"{CALLS * 40 * ratio:,.0f} calls, pooled {pooled_calls:,}: "
        f"{pooled_calls / (CALLS * 40 * ratio):.4f}"
    )
    b = effects_of_calls(20_000, np.random.default_rng(2))
    own = [b * np.prod(1 - v * b, axis=1, keepdims=True) / (1 - v * b) for v in (0.5, 0.2)]
    between = np.mean(own, axis=0).std(axis=0)
    needed = (alone**2 + between**2) / found.error**2
    print(
        f"the mean from calls explained alone, 40 each: {np.mean(needed) * 40:,.0f} calls, "
        f"pooled {pooled_calls:,}: {pooled_calls / (np.mean(needed) * 40):.3f}"
    )


if __name__ == "__main__":
    main()
