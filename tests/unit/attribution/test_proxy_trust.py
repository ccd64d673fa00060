"""When a proxy is dropped: a test that may be repeated after every explanation."""

import numpy as np

from smile_trace.attribution.estimation.proxy_trust import ERROR, MIN_MEAN_TRUST, mistrusted


def test_a_proxy_of_minimal_trust_is_hardly_ever_dropped_however_often_one_looks() -> None:
    generator = np.random.default_rng(3)
    dropped = 0
    for _ in range(1000):  # the worst case: all or nothing, with the line as its mean
        values = (generator.random(100) < MIN_MEAN_TRUST).astype(float)
        dropped += any(mistrusted(values[:seen]) for seen in (5, 10, 20, 40, 70, 100))
    assert dropped <= 1000 * ERROR + 3 * (1000 * ERROR) ** 0.5


def test_a_useless_proxy_is_dropped_soon_and_stays_dropped() -> None:
    generator = np.random.default_rng(4)
    looks = []
    for _ in range(50):
        values = generator.beta(0.3, 2.0, 80)  # mostly near 0, with a mean of .13
        first = next(n for n in range(1, 81) if mistrusted(values[:n]))
        assert all(mistrusted(np.append(values[:first], [1.0] * more)) for more in (1, 30))
        looks.append(first)
    assert np.median(looks) <= 10
    assert not mistrusted([])


def test_it_takes_more_than_a_few_explanations_to_drop_one() -> None:
    assert not mistrusted([0.0] * 3)
    assert mistrusted([0.0] * 10)


def test_a_good_proxy_is_never_dropped() -> None:
    generator = np.random.default_rng(5)
    for _ in range(20):
        assert not mistrusted(np.clip(0.8 + 0.2 * generator.standard_normal(300), 0, 1))
