"""The contract suite of a distance."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smile_trace.attribution import Distance

_TOLERANCE = 1e-6
_UNIT_TOLERANCE = 0.01


def check_distance(distance: "Distance") -> None:
    """Check that a distance keeps its contract; with pytest, call it in a test.

    Args:
        distance: of two sets of word vectors, as it is given to a study or registered.

    Raises:
        AssertionError: the sentence says what was broken.
    """
    import numpy as np  # comes with the worker's extra

    from smile_trace.attribution.word_vectors import unit

    generator = np.random.default_rng(0)

    def answer(words: int) -> Any:
        return unit(generator.standard_normal((words, 24)))

    near, far = [], []
    for words, others in ((8, 8), (5, 9), (12, 3), (1, 6), (1, 1)) * 3:
        x, y = answer(words), answer(others)
        before = x.copy(), y.copy()
        value = distance(x, y)
        where = f"of {words} and {others} words"
        assert isinstance(value, float | int | np.number), f"{value!r} {where} is no number"
        assert np.isfinite(value), f"{value} {where} is not finite"
        assert -_TOLERANCE <= value <= 1 + _TOLERANCE, f"{value} {where} is not in [0, 1]"
        assert np.array_equal(x, before[0]), "it changes its first argument"
        assert np.array_equal(y, before[1]), "it changes its second argument"
        assert value == distance(x, y), f"it gives two values {where}"
        assert abs(value - distance(y, x)) <= _TOLERANCE, f"it is not symmetric {where}"
        assert abs(distance(x, x)) <= 1e-4, f"a set of {words} words has a distance from itself"
        assert abs(distance(x, x[::-1])) <= 1e-4, f"it depends on the order of {words} words"
        if words > 1:
            noisy = x + 0.02 * generator.standard_normal(x.shape)
            near.append(distance(x, unit(noisy)))
            far.append(distance(x, answer(words)))
    assert np.mean(near) < np.mean(far), "similar answers are no nearer than unrelated ones"
    one, other = np.eye(24)[:1], np.eye(24)[1:2]
    most = distance(one, other)
    assert most >= 1 - _UNIT_TOLERANCE, (
        f"two orthogonal words are {most:g} apart, not 1: `scaled` of distances.py sets the unit"
    )
