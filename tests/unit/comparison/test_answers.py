"""The paired energy distance and its permutation test."""

import numpy as np
import pytest

from smile_trace.comparison.answers import Paired, compare_answers, text_distance


def _distance(one: str, other: str) -> float:
    return min(abs(float(one) - float(other)), 1.0)


def _rejections(change: float, repetitions: int = 400, inputs: int = 12) -> float:
    rejected = 0
    for repetition in range(repetitions):
        generator = np.random.default_rng([repetition, 3])
        own = generator.normal(size=inputs)
        noise = generator.normal(scale=0.2, size=(inputs, 4))
        pairs = [
            Paired((str(o + n[0]), str(o + n[1])), (str(o + change + n[2]), str(o + change + n[3])))
            for o, n in zip(own, noise, strict=True)
        ]
        p_value = compare_answers(pairs, _distance, generator).p_value
        assert p_value is not None
        rejected += p_value <= 0.05
    return rejected / repetitions


def test_equal_versions_are_rejected_at_the_nominal_rate() -> None:
    assert _rejections(0.0) <= 0.08


def test_a_real_change_is_significant() -> None:
    assert _rejections(0.4, repetitions=60) >= 0.9


def test_a_deterministic_model_needs_no_p_value() -> None:
    pairs = [Paired(("0", "0"), ("1", "1")), Paired(("0", "0"), ("0", "0"))]
    apart = compare_answers(pairs, _distance, np.random.default_rng(0), exact=True)
    assert apart.p_value is None
    assert apart.distances.tolist() == [1.0, 0.0]


def test_one_input_of_a_noisy_model_is_not_significant() -> None:
    pairs = [Paired(("0", "0"), ("1", "1"))]
    apart = compare_answers(pairs, _distance, np.random.default_rng(0))
    assert apart.p_value == pytest.approx(1 / 3)
    assert apart.interval() == (0.0, 1.0)


def test_no_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        compare_answers([], _distance, np.random.default_rng(0))


def test_the_text_distance_is_symmetric_and_in_range() -> None:
    distance = text_distance()
    texts = ["Paris is the capital.", "The capital is Paris!", "", "नमस्ते 世界 🎉", "no", "yes"]
    for one in texts:
        assert distance(one, one) == 0
        for other in texts:
            assert distance(one, other) == distance(other, one)
            assert 0 <= distance(one, other) <= 1
    assert distance("yes", "no") > 0.5
