"""The estimate against the enumerated estimand, the test against planted truths."""

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace.attribution.estimation import (
    fidelity,
    findings,
    inference,
)
from smile_trace.attribution.estimation.few_segments import enough
from smile_trace.attribution.estimation.fit import Fit, Fits
from smile_trace.attribution.estimation.interactions import pairs
from tests.support.studies import copying, run


def _every_mask(n: int) -> np.ndarray:
    x = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
    return x[x.sum(axis=1) < n]


def test_enumeration_equals_the_estimand_from_its_definition() -> None:
    generator = np.random.default_rng(0)
    for world in planted(6, generator):
        x = _every_mask(6)
        shuffled = generator.permutation(len(x))
        found = inference.enumerated(x[shuffled], world.change(x[shuffled]))
        assert found == pytest.approx(world.truth(), abs=1e-12)
    x = _every_mask(5)
    assert inference.enumerated(x, 0.1 + 0.7 * x[:, 2]) == pytest.approx([0, 0, 0.7, 0, 0])


def test_conditioning_is_within_the_strata() -> None:
    """The pooled mixture would confound a segment with the stratum (.10 for a null segment)."""
    driver = World("driver", 8, (0,), lambda x: x[:, 0])
    assert driver.truth() == pytest.approx([1] + [0] * 7)
    rows = driver.draw(400, np.random.default_rng(1))
    found = Fit(rows, [1]).estimate
    assert found.effect == pytest.approx([1] + [0] * 7, abs=0.01)


@pytest.mark.parametrize("number", range(8))
def test_the_estimate_comes_near_the_truth_and_stays_in_its_interval(number: int) -> None:
    generator = np.random.default_rng(number)
    world = planted(8, generator)[number]
    found = Fit(world.draw(120, generator, noise=0.05), [number]).estimate
    assert found.effect == pytest.approx(world.truth(), abs=0.12)
    assert np.all(found.low <= found.effect)
    assert np.all(found.effect <= found.high)


def test_a_constant_answer_change_has_no_effects() -> None:
    world = World("constant", 9, (), lambda x: np.zeros(len(x)))
    found = Fit(world.draw(39, np.random.default_rng(2)), [2]).estimate
    assert not np.any([found.effect, found.low, found.high])
    assert found.p_value is not None
    assert np.all(found.p_value == 1.0)


def test_rows_that_could_not_vary_are_excluded() -> None:
    rows = planted(8, np.random.default_rng(3))[0].draw(40, np.random.default_rng(3))
    varies = np.ones_like(rows.varies)
    varies[:, 4] = False
    found = Fit(inference.Rows(**{**vars(rows), "varies": varies}), [3]).estimate
    assert found.p_value is not None
    assert (found.low[4], found.high[4], found.p_value[4]) == (-1.0, 1.0, 1.0)


def test_p_values_of_a_null_segment_are_uniform() -> None:
    """Exact for any model: also where the answer change is far from linear, and noise uneven."""
    small = []
    for seed in range(150):
        generator = np.random.default_rng([4, seed])
        rows = mass(8).draw(30, generator, noise=0.1, uneven=True)
        rows.x[:, 3] = generator.random(30) < rows.q  # segment 3 has nothing to do with it
        small.append(inference.randomisation_test(rows, generator)[3] <= 0.2)
    assert 0.10 < np.mean(small) < 0.31


def test_held_out_r2_is_not_in_sample() -> None:
    """On pure noise an in-sample R² is far above zero; the cross-validated one is not."""
    in_sample, held_out = [], []
    for seed in range(3):
        rows = nothing(12).draw(40, np.random.default_rng(seed), noise=0.2)
        fitted = np.linalg.lstsq(np.column_stack([np.ones(40), rows.x]), rows.y, rcond=None)[0]
        errors = rows.y - np.column_stack([np.ones(40), rows.x]) @ fitted
        in_sample.append(1 - errors.var() / rows.y.var())
        quality = fidelity.held_out(rows, [seed])
        assert quality is not None
        held_out.append(quality.r2)
    assert np.mean(in_sample) > 0.2
    assert np.mean(held_out) < 0.05


@pytest.mark.parametrize(
    ("world", "rows", "noise", "seed", "reliable"),
    [
        (mass(12), 60, 0.05, 9, False),  # the removed amount alone is no explanation
        (planted(10, np.random.default_rng(10))[0], 40, 0.1, 10, True),
    ],
)
def test_what_predicts_is_reliable_where_a_segment_does(
    world: World, rows: int, noise: float, seed: int, reliable: bool
) -> None:
    quality = fidelity.held_out(world.draw(rows, np.random.default_rng(seed), noise=noise), [seed])
    assert quality is not None
    assert quality.reliable is reliable
    assert quality.r2 > fidelity.MINIMAL_R2
    assert quality.low < quality.r2 < quality.high <= 1.0


def test_each_column_has_the_interval_that_it_has_alone() -> None:
    """Also where strata lack rows of one column, or all of them."""
    generator = np.random.default_rng(6)
    psi, weight = generator.standard_normal((2, 30, 5))
    strata = [generator.random((30, 5)) < 0.5 for _ in range(2)]
    strata[0][:, 1], strata[1][1:, 2] = False, False
    for of_stratum in strata:
        of_stratum[:, 3] = False
    together = np.array(inference.stratified(psi, weight, strata, rare=True))
    for k in range(5):
        used = [of[:, k] for of in strata if of[:, k].any()]
        alone = inference.stratified(psi[:, k], weight[:, k], used, rare=True)
        assert together[:, k] == pytest.approx(np.array(alone))
    assert np.isinf(together[1]).tolist() == [False, False, bool(strata[1][0, 2]), True, False]


def test_rows_are_fitted_once_until_they_or_their_answers_are_others() -> None:
    """Weights that the solver ignores make no difference."""
    fits, rows = Fits(), TWO_PAIRS.draw(34, np.random.default_rng(1))

    def of(**changed: np.ndarray) -> Fit:
        given = inference.Rows(**{**vars(rows), **changed})
        return fits.of(given, [0, 1], inference.DEFAULT_SOLVER, deterministic=True)

    first = of()
    assert of(weights=rows.weights / 2) is first
    assert of(y=rows.y / 2) is not first
    assert of() is not first


def test_how_well_rows_are_predicted_is_told_where_a_status_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes most of the fits; prompts without groups of parts are planned without it."""
    counts: dict[str, int] = {}

    def counted(module: ModuleType, name: str) -> None:
        own = getattr(module, name)

        def count(*given: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return own(*given)

        monkeypatch.setattr(module, name, count)

    counted(fidelity, "held_out")
    counted(inference, "randomisation_test")
    words = "please tell me whether the Eiffel Tower stands near here or there today friend"
    run(words, copying("Eiffel"))
    assert 1 <= counts["held_out"] < counts["randomisation_test"]


def test_an_interval_rests_on_the_rows_in_which_something_happened() -> None:
    weight, strata = np.ones(40), [np.arange(40) < 20, np.arange(40) >= 20]
    even, rare = np.tile([0.0, 1.0], 20), np.zeros(40)
    rare[7] = 1.0

    def widths(psi: np.ndarray) -> list[float]:
        found = [inference.stratified(psi, weight, strata, rare=r) for r in (False, True)]
        return [high - low for _, low, high in found]

    assert widths(even)[1] == pytest.approx(widths(even)[0])
    assert widths(rare)[1] > 3 * widths(rare)[0]
    assert widths(np.zeros(40)) == [0.0, 0.0]


def test_an_estimate_is_inside_its_interval_and_not_at_its_end() -> None:
    """But for the end of the scale."""
    low, high = np.array([0.2, -0.1, 0.5, -np.inf, 0.9]), np.array([0.6, 0.1, 0.5, np.inf, 1.4])
    moved = inference.limited_translation(np.array([0.0, 0.02, 0.3, 0.1, 1.3]), low, high)
    assert moved == pytest.approx([0.25, 0.02, 0.5, 0.1, 1.0])


def test_what_is_not_significant_has_an_interval_that_holds_zero() -> None:
    low, high = np.array([0.1, 0.1, -0.4, -0.2]), np.array([0.5, 0.5, -0.1, 0.3])
    found = inference.Estimate((low + high) / 2, np.zeros(4), low, high, np.ones(4))
    agreeing = inference.holding_zero(found, np.array([True, False, False, False]))
    assert agreeing.low.tolist() == [0.1, 0.0, -0.4, -0.2]
    assert agreeing.high.tolist() == [0.5, 0.5, 0.0, 0.3]


def test_numbers_agree_in_noisy_studies() -> None:
    """Of everything that a level finds, and of many seeds: the things that a reader compares."""
    for number in range(12):
        generator = np.random.default_rng([7, number])
        world = planted(8, generator)[number % 8]
        rows = world.draw(39, generator, noise=(0.0, 0.1, 0.25)[number % 3])
        found = Fit(rows, [number]).estimate
        significant = findings.discoveries(found)
        found = inference.holding_zero(found, significant)
        assert found.p_value is not None
        assert np.all((found.low <= found.effect) & (found.effect <= found.high))
        holds = (found.low <= 0) & (found.high >= 0)
        assert np.all(holds | significant)
        assert not np.any(holds & significant & (found.low < 0))
        assert not np.any((found.p_value < 1) & (np.abs(found.effect) < 0.005))


TWO_PAIRS = World(
    "two pairs",
    24,
    (0, 1, 2, 3),
    lambda x: 0.5 * x[:, :2].max(axis=1) + 0.5 * x[:, 2:4].max(axis=1),
)


def test_what_a_few_segments_reproduce_needs_no_other() -> None:
    for world in (TWO_PAIRS, *planted(10, np.random.default_rng(0))[:4]):
        rows = world.draw(60, np.random.default_rng(1))
        needed = np.flatnonzero(enough(rows.x, rows.y, 0.01))
        assert set(needed) == set(world.drivers), world.name
        noisy = world.draw(60, np.random.default_rng(1), noise=0.05)
        assert enough(noisy.x, noisy.y, 0.01).all(), "noise is reproduced by nothing"


def test_a_chance_of_the_masks_is_not_claimed_of_a_model_that_repeats_itself() -> None:
    """Both words of a pair are needed for half of the answer: what a smooth surrogate leaves of
    that is no noise, and now and then some other word seems to have to do with it."""
    true, false = 0, 0
    for seed in (4, 5, 6, 7, 10):
        rows = TWO_PAIRS.draw(34, np.random.default_rng([8, seed]))
        estimate = Fit(rows, [seed]).beside_a_rule
        found = np.flatnonzero(findings.discoveries(estimate))
        true, false = true + int(np.sum(found < 4)), false + int(np.sum(found >= 4))
    assert (true, false) == (14, 0)


def test_what_works_against_is_a_family_of_its_own() -> None:
    """Ten effects that support the answer must not carry one that seems to work against it."""
    p_value = np.array([0.001] * 10 + [0.04] + [0.5] * 9)
    effect = np.array([0.3] * 10 + [-0.05] + [0.02] * 9)
    low, high = effect - 0.01, effect + 0.01
    together = inference.Estimate(effect, effect, low, high, p_value)
    assert findings.discoveries(together).tolist() == [True] * 10 + [False] * 10
    alone = inference.Estimate(-effect, effect, -high, -low, np.where(effect < 0, 0.5, p_value))
    assert findings.discoveries(alone).tolist() == [True] * 10 + [False] * 10


def test_p_is_not_small_beside_an_effect_that_is_shown_as_none() -> None:
    effect, p_value = np.array([0.0, -0.0049, 0.006, -0.4]), np.array([0.01, 0.001, 0.02, 0.001])
    assert inference.beside(effect, p_value).tolist() == [1.0, 1.0, 0.02, 0.001]


def test_what_was_never_seen_is_bounded_by_how_often_it_was_looked_for() -> None:
    """Of one stratum it is Clopper and Pearson's end; of two the largest mean that leaves none
    likely enough, as a search finds it."""
    assert inference.never_seen([9]) == pytest.approx(1 - 0.05 ** (1 / 9))
    assert inference.never_seen([4, 4]) == pytest.approx(1 - 0.05 ** (1 / 8))
    assert inference.never_seen([0, 0]) == 1
    shares = np.linspace(0, 1, 2001)[:-1]
    for counts in ((0, 5), (1, 30), (5, 14), (6, 4)):
        # Of the first stratum each share; of the second what it leaves.
        left = (np.log(0.05) - counts[0] * np.log1p(-shares)) / max(counts[1], 1)
        second = np.where(left <= 0, -np.expm1(left), -np.inf)
        searched = ((shares + second) / 2).max()
        assert inference.never_seen(counts) == pytest.approx(searched, abs=1e-3)


def test_intervals_hold_what_may_have_been_missed() -> None:
    """Three segments of which any is enough: of the draws in which none was seen to matter, and of
    all others, nine in ten intervals hold the effect."""
    world = World("any of three", 10, (0, 1, 2), lambda x: x[:, :3].prod(axis=1))
    held: list[bool] = []
    unmoved = 0
    for seed in range(40):
        rows = world.draw(20, np.random.default_rng(seed))
        found = Fit(rows, [seed]).estimate
        if not rows.y.any():
            unmoved += 1
            assert not np.any(found.low)
            assert not np.any(found.high)
            found = inference.holding_the_unseen(found, rows)
        held.extend((found.low <= world.truth())[:3] & (world.truth() <= found.high)[:3])
    assert unmoved >= 3
    assert np.mean(held) >= 0.85


def test_the_numbers_of_one_noisy_draw() -> None:
    """As they were computed once: whoever changes the arithmetic says why they change."""
    [world] = [w for w in planted(8, np.random.default_rng(0)) if w.name == "either of two"]
    rows = world.draw(39, np.random.default_rng(1), noise=0.1)
    found = Fit(rows, [1]).estimate
    near = partial(pytest.approx, abs=0.002)
    assert found.effect == near([-0.016, -0.018, 0.267, 0.032, 0.312, -0.009, -0.013, -0.003])
    assert found.low == near([-0.109, -0.09, 0.141, -0.051, 0.225, -0.036, -0.11, -0.081])
    assert found.high == near([0.024, 0.041, 0.416, 0.14, 0.494, 0.078, 0.08, 0.07])
    assert found.p_value == near([0.634, 0.503, 0.001, 0.219, 0.001, 0.236, 0.66, 1.0])
    [pair] = [one for one in pairs(rows, found.effect, [1]) if one.kind]
    assert (pair.first, pair.second) == world.drivers == (2, 4)
    assert (pair.value, pair.low, pair.high) == near((0.901, 0.758, 1.044))
    assert (*pair.alone, *pair.beside) == near((-0.038, 0.003, 0.827, 0.869))


def test_what_excluded_parts_lose_together_any_of_them_may_cost_alone() -> None:
    low, high = np.zeros(4), np.array([0.6, 0.05, 0.05, 0.05])
    found = inference.Estimate(np.array([0.6, 0.02, 0.02, 0.02]), np.zeros(4), low, high, None)
    significant, unknown = np.array([True, False, False, False]), np.full(4, np.nan)

    def widened(
        rows: list[list[float]],
        lost: list[float],
        alone: list[float] | None = None,
        times: int = 1,
    ) -> list[float]:
        measured = unknown if alone is None else np.array(alone)
        held = inference.holding_joint_losses(
            found, np.array(rows), np.array(lost), measured, significant, times=times
        )
        return [float(most) for most in held.high]

    without_three = [0.0, 1.0, 1.0, 1.0]
    assert widened([without_three], [0.3]) == [0.6, 0.3, 0.3, 0.3]
    assert widened([without_three], [0.09]) == list(high)  # none of them matters
    # Also if what another one costs alone explains it: both may be needed for the same.
    costly = [np.nan, 0.14, np.nan, np.nan]
    assert widened([without_three], [0.15], costly) == [0.6, 0.05, 0.15, 0.15]
    two_of_them = [0.0, 1.0, 1.0, 0.0]
    assert widened([without_three, two_of_them], [0.15, 0.15], costly) == [0.6, 0.05, 0.15, 0.15]
    everything, without_two = [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]
    assert widened([everything, without_two], [0.9, 0.0]) == [0.6, 0.9, 0.05, 0.05]
    # A mask that lost nothing without it, and a part removed alone, tell of their parts.
    assert widened([without_three, [0.0, 0.0, 0.0, 1.0]], [0.3, 0.0]) == [0.6, 0.3, 0.3, 0.05]
    alone = [np.nan, 0.0, np.nan, np.nan]
    assert widened([without_three], [0.3], alone) == [0.6, 0.05, 0.3, 0.3]
    # Parts that cost nothing alone stand in for each other; the fewest that lost it together do.
    nothing = [np.nan, 0.0, 0.0, 0.0]
    assert widened([without_three], [0.3], nothing) == [0.6, 0.3, 0.3, 0.3]
    assert widened([without_three, two_of_them], [0.3, 0.2], nothing) == [0.6, 0.2, 0.2, 0.05]
    # Answers that differ: the median of three tells, and one of them nothing.
    assert widened([without_three], [0.9], times=3) == list(high)
    assert widened([without_three] * 3, [0.3, 0.9, 0.2], times=3) == [0.6, 0.3, 0.3, 0.3]
    assert widened([without_three] * 3, [0.9, 0.0, 0.02], times=3) == list(high)
