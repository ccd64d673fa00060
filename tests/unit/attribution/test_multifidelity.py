"""The multi-fidelity model: closed sums against enumeration, and the trust in a proxy."""

from itertools import product

import numpy as np
import pytest

from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.inference import Array
from smile_trace.attribution.estimation.multifidelity import fit_low_fidelity, fit_multi_fidelity

N = 6
EVERY = np.array(list(product((0.0, 1.0), repeat=N)))


def any_of(*drivers: int):
    """0.9 where any of the drivers was removed."""
    return lambda x: 0.9 * x[:, list(drivers)].max(axis=1)


def masks(rows: int, seed: int) -> tuple[Array, Array]:
    """Random masks with their drop probabilities."""
    generator = np.random.default_rng(seed)
    q = np.resize(inference.REMOVAL_PROBABILITIES, rows)
    return (generator.random((rows, N)) < q[:, None]).astype(float), q


def by_enumeration(y: Array) -> Array:
    """The estimand of a function whose values at EVERY mask are `y`, the empty one included."""
    effects = np.zeros(N)
    for i, q in product(range(N), inference.REMOVAL_PROBABILITIES):
        weights = np.where(np.delete(EVERY, i, axis=1) > 0, q, 1 - q).prod(axis=1)
        out = EVERY[:, i] > 0
        effects[i] += (weights[out] @ y[out] - weights[~out] @ y[~out]) / 2
    return effects


def test_the_effects_of_the_model_are_those_of_its_predictions() -> None:
    x, _ = masks(14, 1)
    truth, proxy = any_of(0, 1), any_of(0, 2)
    of_proxy = fit_low_fidelity(EVERY, proxy(EVERY), np.full(len(EVERY), np.nan), [0])
    z = np.clip(of_proxy.fit.predict(x), 0, 1)
    fit = fit_multi_fidelity(x, z, truth(x))
    assert fit.drift  # the proxy is wrong about two segments
    predicted = fit.predict(EVERY, np.clip(of_proxy.fit.predict(EVERY), 0, 1))
    # Bent changes are averaged over sampled masks.
    closed = fit.effects(of_proxy, of_proxy.bent(z))
    assert closed == pytest.approx(by_enumeration(predicted), abs=0.02)


def test_toggling_a_segment_equals_predicting_the_mask() -> None:
    x, q = masks(40, 2)
    of_proxy = fit_low_fidelity(x, any_of(0, 3)(x), q, [0])
    removed, retained = of_proxy.toggled(x[:5])
    for row, i in product(range(5), range(N)):
        for value, toggled in ((1.0, removed), (0.0, retained)):
            turned = x[row].copy()
            turned[i] = value
            expected = np.clip(of_proxy.fit.predict(turned[None]), 0, 1)[0]
            assert toggled[row, i] == pytest.approx(expected, abs=1e-9)


def test_the_error_of_the_fit_is_corrected_and_reported() -> None:
    x, q = masks(150, 3)
    noisy = any_of(0)(x) + 0.2 * np.random.default_rng(4).standard_normal(150)
    of_proxy = fit_low_fidelity(x, noisy, q, [0])
    truth = by_enumeration(any_of(0)(EVERY))
    assert np.all(np.abs(of_proxy.effects + of_proxy.correction - truth) < 4 * of_proxy.error)
    assert np.all(of_proxy.error < 0.1)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("distortion", [lambda y: y, np.square, np.sqrt])
def test_a_proxy_with_the_target_s_order_is_trusted(noise, distortion) -> None:
    x, _ = masks(16, 5)
    truth = any_of(0, 1)(x)
    y = truth + noise * np.random.default_rng(6).standard_normal(16)
    assert fit_multi_fidelity(x, distortion(truth), y).trust > 0.95


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_proxy_with_another_driver_is_not_trusted(noise: float) -> None:
    x, _ = masks(16, 7)
    y = any_of(0, 1)(x) + noise * np.random.default_rng(8).standard_normal(16)
    fit = fit_multi_fidelity(x, any_of(4)(x), y)
    assert fit.trust < 0.2
    nothing = fit_low_fidelity(EVERY, any_of(4)(EVERY), np.full(len(EVERY), np.nan), [0])
    effects = fit.effects(nothing, nothing.bent(any_of(4)(x)))
    assert np.argmax(effects) in (0, 1)


def test_links_stay_between_zero_and_one() -> None:
    x, _ = masks(20, 9)
    truth = any_of(0, 1)(x)
    fit = fit_multi_fidelity(x, truth**2, truth)
    ends = fit.link(np.array([0.0, 1.0]))
    assert ends == pytest.approx([0.0, 1.0], abs=0.1)
