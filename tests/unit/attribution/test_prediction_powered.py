"""What a dozen of the target's rows and many of the proxy's say together."""

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.statistics.worlds import World, nothing, planted
from smile_trace.attribution.estimation.inference import Rows
from smile_trace.attribution.estimation.multifidelity import fit_low_fidelity
from smile_trace.attribution.estimation.prediction_powered import (
    PredictionPoweredEstimate,
    prediction_powered_estimate,
)

N = 10


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As a study computes: more threads cost more than they give."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def world(name: str, seed: int = 0) -> World:
    """A planted truth over N segments."""
    return next(w for w in planted(N, np.random.default_rng(seed)) if w.name == name)


def prediction_powered(
    target: World, proxy: World, *, seed: int, noise: float = 0.0, calls: int = 20
):
    """Both asked at random masks; gives the result and the target's rows."""
    generator = np.random.default_rng(seed)
    asked = proxy.draw(150, generator)
    of_proxy = fit_low_fidelity(asked.x, asked.y, asked.q, [seed])
    rows = target.draw(calls, generator, noise=noise)
    result = prediction_powered_estimate(
        rows, proxy.change(rows.x), proxy.change(rows.others_x), of_proxy, [seed]
    )
    return result, rows


def test_a_good_proxy_makes_the_intervals_narrow_and_they_hold_the_truth() -> None:
    target = world("any of three")
    found: PredictionPoweredEstimate = prediction_powered(target, target, seed=1, noise=0.05)[0]
    truth = target.truth()
    assert found.estimate.effect == pytest.approx(truth, abs=0.05)
    assert np.mean(found.estimate.high - found.estimate.low) < 0.25
    assert found.backed
    assert found.held_out is not None
    assert found.held_out.reliable


def test_the_target_corrects_a_wrong_proxy() -> None:
    target, proxy = world("one driver"), world("one driver", seed=5)
    assert target.drivers != proxy.drivers
    found: PredictionPoweredEstimate = prediction_powered(target, proxy, seed=2)[0]
    assert found.trust < 0.1
    assert int(np.argmax(found.estimate.effect)) == target.drivers[0]
    assert found.estimate.low[proxy.drivers[0]] <= 0 <= found.estimate.high[proxy.drivers[0]]


def test_a_good_fit_to_noise_is_not_backed() -> None:
    proxy = world("any of three")
    found = [
        prediction_powered(nothing(N), proxy, seed=s, noise=0.2, calls=9)[0] for s in range(48)
    ]
    fits = sum(r.held_out is not None and r.held_out.reliable for r in found)
    believed = sum(r.held_out is not None and r.held_out.reliable and r.backed for r in found)
    assert fits >= 4  # so few rows often look as if they were predicted
    assert believed <= 3


def test_a_mask_that_was_seen_is_not_held_out() -> None:
    target = world("graded")
    generator = np.random.default_rng(3)
    of_proxy = fit_low_fidelity(*_asked(target, generator), [3])  # type: ignore[call-arg]
    rows = target.draw(12, generator)
    twice = Rows(
        x=np.vstack([rows.x, rows.x]),
        y=np.append(rows.y, rows.y),
        q=np.append(rows.q, rows.q),
        varies=np.vstack([rows.varies, rows.varies]),
        weights=np.append(rows.weights, rows.weights),
        others_x=rows.others_x,
        others_y=rows.others_y,
    )
    none = prediction_powered_estimate(
        twice, target.change(twice.x), target.change(rows.others_x), of_proxy, [3]
    )
    assert none.held_out is None


def _asked(of: World, generator: np.random.Generator):
    rows = of.draw(150, generator)
    return rows.x, rows.y, rows.q
