"""Pooled influences against planted truth."""

import numpy as np
import pytest

from benchmarks.comparison import planted
from smile_trace.comparison.influence.pooled_effects import PooledRows, pool
from smile_trace.comparison.influence.regression import fit
from smile_trace.comparison.influence.verdicts import calls_needed, judge, may_need


def _check(score: planted.Score, *, tolerance: float) -> None:
    """The figures of docs/comparison.md, within the sampling error of fewer repetitions."""
    assert 0.86 <= score.coverage.mean() <= 0.94
    assert score.coverage.min() >= 0.86 - tolerance
    assert score.coverage.max() <= 0.94 + tolerance
    assert score.no_effect_at_margin <= 0.07 + tolerance
    assert score.idle_found >= 0.90 - tolerance / 2
    assert score.needed_bound >= 0.95 - tolerance


def test_intervals_and_verdicts_hold_on_planted_truth() -> None:
    _check(planted.score(20), tolerance=0.22)


@pytest.mark.slow
def test_intervals_and_verdicts_hold_in_300_repetitions() -> None:
    score = planted.score(300)
    _check(score, tolerance=0.02)
    alone = planted.error_of_single_calls(200)
    # To the pooled error, a call alone needs (alone/pooled)² times its 40 calls.
    needed_alone = planted.CALLS * 40 * np.mean(alone**2 / score.error**2)
    assert needed_alone / 5 >= planted.CALLS * planted.MASKS


def test_the_clustered_error_is_the_jackknife_over_clusters() -> None:
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), [2, 3, 4] * 4)
    x = np.column_stack([np.ones(len(clusters)), generator.random((len(clusters), 3))])
    y = generator.normal(size=len(clusters)) + clusters % 3
    weights = 1.0 + clusters % 2
    found = fit(x, y, clusters, weights)  # type: ignore[arg-type]
    root = np.sqrt(weights)
    moved = []
    for cluster in range(12):
        rest = clusters != cluster
        without = np.linalg.lstsq(x[rest] * root[rest, None], y[rest] * root[rest], rcond=None)[0]
        moved.append(found.coefficients - without)
    assert np.allclose(found.covariance, 11 / 12 * np.transpose(moved) @ moved)


def test_a_coefficient_of_one_cluster_has_an_infinite_error() -> None:
    clusters = np.repeat(np.arange(6), 4)
    generator = np.random.default_rng(1)
    x = np.column_stack([np.ones(24), generator.random(24), (clusters == 2) * generator.random(24)])
    found = fit(x, generator.normal(size=24), clusters, np.ones(24))
    assert found.known.tolist() == [True, True, False]
    assert np.isinf(found.contrast(np.array([0.0, 0.0, 1.0]))[1])
    assert np.isfinite(found.contrast(np.array([0.0, 1.0, 0.0]))[1])


def test_the_spread_between_calls_is_estimated() -> None:
    rows = planted.pooled_rows(np.random.default_rng(3), calls=4000)
    spread = pool(rows).spread
    sometimes = spread[len(planted.MATTER) : planted.MARGIN]
    assert (sometimes > 0.07).all()
    assert spread[planted.IDLE].max() < 0.05


def test_rows_that_could_not_vary_are_excluded() -> None:
    rows = planted.pooled_rows(np.random.default_rng(4), calls=50)
    varies = rows.varies.copy()
    varies[:, 0] = False
    pooled = pool(PooledRows(rows.x, rows.y, rows.q, rows.call, rows.weight, varies))
    assert np.isinf(pooled.error[0])
    assert np.isfinite(pooled.error[1:]).all()
    assert judge(pooled, 0.05)[0].verdict == "inconclusive"


def test_weights_correct_unequal_sampling() -> None:
    """Calls that need segment 0 are sampled ten times as often as the others."""
    generator = np.random.default_rng(5)
    calls = 3000
    needs = generator.random(calls) < 0.1
    probability = np.where(needs, 1.0, 0.1)
    sampled = np.flatnonzero(generator.random(calls) < probability)
    call = np.repeat(sampled, 6)
    x = (generator.random((len(call), 4)) < 0.3).astype(float)
    y = 0.8 * x[:, 0] * needs[call]
    rows = PooledRows(
        x, y, np.full(len(call), 0.3), call, 1 / probability[call], np.ones_like(x, dtype=bool)
    )
    assert pool(rows).influence[0] == pytest.approx(0.08, abs=0.02)
    even = PooledRows(x, y, rows.q, call, np.ones(len(call)), rows.varies)
    assert pool(even).influence[0] > 0.3


def test_a_constant_model_has_only_segments_without_effect() -> None:
    rows = planted.pooled_rows(np.random.default_rng(6), calls=100)
    constant = PooledRows(rows.x, np.zeros(len(rows)), rows.q, rows.call, rows.weight, rows.varies)
    judged = judge(pool(constant), 0.05)
    assert {j.verdict for j in judged} == {"no_effect"}
    assert all(0.02 < j.may_need < 0.05 for j in judged)


def test_few_calls_are_inconclusive() -> None:
    rows = planted.pooled_rows(np.random.default_rng(7), calls=9)
    assert {j.verdict for j in judge(pool(rows), 0.05)} == {"inconclusive"}
    one = planted.pooled_rows(np.random.default_rng(7), calls=1)
    assert {j.verdict for j in judge(pool(one), 0.05)} == {"inconclusive"}


def test_the_bound_is_the_rule_of_three() -> None:
    assert may_need(1000, 0) == pytest.approx(3 / 1000, rel=0.01)
    assert may_need(0, 0) == 1.0
    assert may_need(20, 20) == 1.0
    assert may_need(100, 10) > 0.1


def test_more_calls_are_asked_for_where_the_error_is_large() -> None:
    assert calls_needed(0.0, 0.05, 40, 0.05) == pytest.approx(40 * 2.93**2, rel=0.01)
    assert calls_needed(0.3, float("inf"), 40, 0.05) is None
