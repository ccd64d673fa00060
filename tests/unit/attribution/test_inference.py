"""The estimate against the enumerated estimand, the test against planted truths."""

import numpy as np
import pytest

from benchmarks.statistics.worlds import World, mass, nothing, planted
from smile_trace.attribution.estimation import (
    fidelity,
    findings,
    gaussian_process,
    inference,
    ridge,
)
from smile_trace.attribution.estimation.locality import locality


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


def test_one_driver_has_its_change_and_the_others_nothing() -> None:
    x = _every_mask(5)
    assert inference.enumerated(x, 0.1 + 0.7 * x[:, 2]) == pytest.approx([0, 0, 0.7, 0, 0])


def test_conditioning_is_within_the_strata() -> None:
    """The pooled mixture would confound a segment with the stratum (.10 for a null segment)."""
    driver = World("driver", 8, (0,), lambda x: x[:, 0])
    assert driver.truth() == pytest.approx([1] + [0] * 7)
    rows = driver.draw(400, np.random.default_rng(1))
    found = inference.estimate(rows, [1])
    assert found.effect == pytest.approx([1] + [0] * 7, abs=0.01)


@pytest.mark.parametrize("number", range(8))
def test_the_estimate_comes_near_the_truth_and_stays_in_its_interval(number: int) -> None:
    generator = np.random.default_rng(number)
    world = planted(8, generator)[number]
    found = inference.estimate(world.draw(120, generator, noise=0.05), [number])
    assert found.effect == pytest.approx(world.truth(), abs=0.12)
    assert np.all(found.low <= found.effect)
    assert np.all(found.effect <= found.high)


def test_a_constant_answer_change_has_no_effects() -> None:
    world = World("constant", 9, (), lambda x: np.zeros(len(x)))
    found = inference.estimate(world.draw(39, np.random.default_rng(2)), [2])
    assert not found.effect.any()
    assert not found.low.any()
    assert not found.high.any()
    assert found.p_value is not None
    assert np.all(found.p_value == 1.0)


def test_rows_that_could_not_vary_are_excluded() -> None:
    rows = planted(8, np.random.default_rng(3))[0].draw(40, np.random.default_rng(3))
    varies = np.ones_like(rows.varies)
    varies[:, 4] = False
    out = inference.Rows(**{**vars(rows), "varies": varies})
    found = inference.estimate(out, [3])
    assert (found.low[4], found.high[4]) == (-1.0, 1.0)
    assert found.p_value is not None
    assert found.p_value[4] == 1.0


def test_p_values_of_a_null_segment_are_uniform() -> None:
    """Exact for any model: also where the answer change is far from linear, and noise uneven."""
    small = []
    for seed in range(150):
        generator = np.random.default_rng([4, seed])
        rows = mass(8).draw(30, generator, noise=0.1, uneven=True)
        rows.x[:, 3] = generator.random(30) < rows.q  # segment 3 has nothing to do with it
        small.append(inference.randomisation_test(rows, generator)[3] <= 0.2)
    assert 0.10 < np.mean(small) < 0.31


def test_leave_one_out_residuals_are_those_of_fits_without_the_row() -> None:
    """With the parameters of all rows; the constant's prior is wide, so that it is nearly free."""
    generator = np.random.default_rng(6)
    x = (generator.random((12, 4)) < 0.5).astype(float)
    y = 0.6 * x[:, 1] + 0.1 * generator.standard_normal(12)
    found = gaussian_process.leave_one_out_residuals(x, y)
    spread, mean = y.var(), y.mean()
    signal = spread * np.exp(-0.5 * np.abs(x[:, None] - x).sum(axis=2)) + 10 * spread
    for j in range(12):
        others = np.arange(12) != j
        covariance = signal[np.ix_(others, others)] + spread * np.eye(11)
        predicted = mean + signal[j, others] @ np.linalg.solve(covariance, y[others] - mean)
        assert found[j] == pytest.approx(y[j] - predicted)


def test_leave_one_out_residuals_of_no_segment_and_of_no_change() -> None:
    assert gaussian_process.leave_one_out_residuals(np.zeros((5, 0)), np.arange(5.0)).any()
    assert not gaussian_process.leave_one_out_residuals(np.eye(5), np.ones(5)).any()


def test_benjamini_hochberg() -> None:
    assert list(inference.benjamini_hochberg(np.array([0.01, 0.04, 0.09, 0.5]))) == [
        True,
        True,
        False,
        False,
    ]
    assert inference.benjamini_hochberg(np.zeros(0)).shape == (0,)


def test_ridge_finds_a_linear_truth_and_no_effect_in_noise() -> None:
    generator = np.random.default_rng(5)
    x = (generator.random((40, 6)) < 0.4).astype(float)
    exact = ridge.fit(x, 0.2 + x @ [0.5, 0, 0, -0.1, 0, 0])
    assert exact.coefficients == pytest.approx([0.5, 0, 0, -0.1, 0, 0], abs=0.01)
    assert exact.predict(x) == pytest.approx(0.2 + x @ [0.5, 0, 0, -0.1, 0, 0], abs=0.01)
    noise = ridge.fit(x, generator.standard_normal(40))
    assert np.abs(noise.coefficients).max() < 0.4


def test_locality_falls_with_what_is_removed_and_ignores_responses() -> None:
    vectors = np.eye(4)
    removed = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], dtype=float)
    weights = locality(removed, vectors, np.ones(4))
    assert weights[0] == 1.0
    assert list(weights) == sorted(weights, reverse=True)
    assert np.all(weights > 0)
    alike = locality(removed, np.ones((4, 3)), np.ones(4))
    assert alike[2] == 1.0  # the retained words say the same


@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_a_gaussian_process_knows_interactions(fraction: float) -> None:
    generator = np.random.default_rng(6)
    x = _every_mask(6)
    y = 0.9 * x[:, 0] * x[:, 3]
    seen = generator.random(len(x)) < fraction
    fitted = gaussian_process.fit(x[seen], y[seen])
    assert fitted.predict(x) == pytest.approx(y, abs=0.15)
    truth = inference.enumerated(x, y)
    assert fitted.effects(inference.REMOVAL_PROBABILITIES) == pytest.approx(truth, abs=0.08)


def test_contrasts_are_differences_of_predictions() -> None:
    world = planted(7, np.random.default_rng(7))[1]
    rows = world.draw(40, np.random.default_rng(7), noise=0.1)
    fitted = gaussian_process.fit(rows.x, rows.y)
    contrasts = fitted.contrasts(rows.x[:5])
    for i in range(7):
        removed, retained = rows.x[:5].copy(), rows.x[:5].copy()
        removed[:, i], retained[:, i] = 1, 0
        assert contrasts[:, i] == pytest.approx(fitted.predict(removed) - fitted.predict(retained))


def test_the_gradient_of_the_likelihood() -> None:
    from scipy.optimize import check_grad  # type: ignore[import-untyped]

    generator = np.random.default_rng(8)
    x = (generator.random((20, 4)) < 0.4).astype(float)
    x = np.unique(x, axis=0)
    y = generator.standard_normal(len(x))
    likelihood = gaussian_process._Likelihood(x, y - y.mean(), np.ones(len(x)), float(y.var()))
    at = generator.standard_normal(6) - 1
    error = check_grad(lambda p: likelihood(p)[0], lambda p: likelihood(p)[1], at)
    assert error < 1e-4


def test_held_out_r2_is_not_in_sample() -> None:
    """On pure noise an in-sample R² is far above zero; the cross-validated one is not."""
    in_sample, held_out = [], []
    for seed in range(6):
        rows = nothing(12).draw(40, np.random.default_rng(seed), noise=0.2)
        fitted = np.linalg.lstsq(np.column_stack([np.ones(40), rows.x]), rows.y, rcond=None)[0]
        errors = rows.y - np.column_stack([np.ones(40), rows.x]) @ fitted
        in_sample.append(1 - errors.var() / rows.y.var())
        quality = fidelity.held_out(rows, [seed])
        assert quality is not None
        held_out.append(quality.r2)
    assert np.mean(in_sample) > 0.2
    assert np.mean(held_out) < 0.05


def test_the_removed_amount_alone_is_no_explanation() -> None:
    rows = mass(12).draw(60, np.random.default_rng(9), noise=0.05)
    quality = fidelity.held_out(rows, [9])
    assert quality is not None
    assert quality.r2 > fidelity.MINIMAL_R2
    assert not quality.reliable


def test_a_driver_is_reliable_and_its_interval_says_so() -> None:
    rows = planted(10, np.random.default_rng(10))[0].draw(40, np.random.default_rng(10), noise=0.1)
    quality = fidelity.held_out(rows, [10])
    assert quality is not None
    assert quality.reliable
    assert quality.low < quality.r2 < quality.high <= 1.0


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
    low, high = np.array([0.2, -0.1, 0.5, -np.inf]), np.array([0.6, 0.1, 0.5, np.inf])
    moved = inference.limited_translation(np.array([0.0, 0.02, 0.3, 0.1]), low, high)
    assert moved == pytest.approx([0.25, 0.02, 0.5, 0.1])


def test_the_end_of_the_scale_is_no_end_of_an_interval() -> None:
    moved = inference.limited_translation(np.array([1.3]), np.array([0.9]), np.array([1.4]))
    assert moved == pytest.approx([1.0])


def test_what_is_not_significant_has_an_interval_that_holds_zero() -> None:
    low, high = np.array([0.1, 0.1, -0.4, -0.2]), np.array([0.5, 0.5, -0.1, 0.3])
    found = inference.Estimate((low + high) / 2, low, high, np.ones(4))
    agreeing = inference.holding_zero(found, np.array([True, False, False, False]))
    assert agreeing.low.tolist() == [0.1, 0.0, -0.4, -0.2]
    assert agreeing.high.tolist() == [0.5, 0.5, 0.0, 0.3]


def test_numbers_agree_in_noisy_studies() -> None:
    """Of everything that a level finds, and of many seeds: the things that a reader compares."""
    for number in range(12):
        generator = np.random.default_rng([7, number])
        world = planted(8, generator)[number % 8]
        rows = world.draw(39, generator, noise=(0.0, 0.1, 0.25)[number % 3])
        found = inference.estimate(rows, [number])
        significant = findings.discoveries(found)
        found = inference.holding_zero(found, significant)
        assert found.p_value is not None
        assert np.all((found.low <= found.effect) & (found.effect <= found.high))
        holds = (found.low <= 0) & (found.high >= 0)
        assert np.all(holds | significant)
        assert not np.any(holds & significant & (found.low < 0))
        assert not np.any((found.p_value < 1) & (np.abs(found.effect) < 0.005))


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
    for seed in range(60):
        rows = world.draw(20, np.random.default_rng(seed))
        found = inference.estimate(rows, [seed])
        if not rows.y.any():
            unmoved += 1
            assert not np.any(found.low)
            assert not np.any(found.high)
            found = inference.holding_the_unseen(found, rows)
        held.extend((found.low <= world.truth())[:3] & (world.truth() <= found.high)[:3])
    assert unmoved >= 5
    assert np.mean(held) >= 0.85
