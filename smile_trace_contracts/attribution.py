"""The contract suites of a distance and of a solver; they import the worker's extra when called."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smile_trace.attribution import Distance, Solver

_TOLERANCE = 1e-6
_UNIT_TOLERANCE = 0.01


def check_distance(distance: "Distance") -> None:
    """Check that a distance keeps its contract; with pytest, call it in a test.

    Args:
        distance: between two sets of word vectors, as given to a study or registered.

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


_REMOVAL_PROBABILITIES = (0.5, 0.2)


def check_solver(solver: "Solver", *, tolerance: float = 0.1) -> None:
    """Check that a solver keeps its contract; with pytest, call it in a test.

    Args:
        solver: as given to a study.
        tolerance: the largest error of an effect, in units of answer change, where the truth is
            additive and almost without noise (60 rows, effects between -0.1 and 0.6).

    Raises:
        AssertionError: the sentence says what was broken.
    """
    import numpy as np  # comes with the worker's extra

    from smile_trace.attribution import Surrogate

    generator = np.random.default_rng(0)
    truth = np.array([0.0, 0.6, 0.0, 0.25, 0.0, -0.1])
    x = (generator.random((60, 6)) < np.resize(_REMOVAL_PROBABILITIES, 60)[:, None]).astype(float)
    y = np.clip(0.1 + x @ truth + 0.01 * generator.standard_normal(60), 0, 1)
    weights = generator.uniform(0.2, 1.0, 60)
    before = x.copy(), y.copy(), weights.copy()
    for given in (None, weights):
        fitted = solver.fit(x, y, given)
        assert isinstance(fitted, Surrogate), f"fit gives a {type(fitted).__name__}, no Surrogate"
        assert fitted.segments == 6, f"the surrogate has {fitted.segments} segments, not 6"
        effects = np.asarray(fitted.effects(_REMOVAL_PROBABILITIES))
        assert effects.shape == (6,), f"effects has the shape {effects.shape}, not (6,)"
        assert np.abs(effects - truth).max() <= tolerance, (
            f"it finds the effects {effects.round(3)}, not {truth} within {tolerance:g} each"
        )
        _check_predictions(fitted, x)
        again = solver.fit(x, y, given).effects(_REMOVAL_PROBABILITIES)
        assert np.array_equal(effects, again), "the same rows give two fits"
    unchanged = (np.array_equal(a, b) for a, b in zip((x, y, weights), before, strict=True))
    assert all(unchanged), "it changes its arguments"
    repeated = solver.fit(np.vstack([x, x]), np.append(y, y))
    _check_predictions(repeated, x)
    for rows in (1, 3, 5):  # fewer than segments
        _check_predictions(solver.fit(x[:rows], y[:rows]), x)
    flat = np.asarray(solver.fit(x, np.full(60, 0.3)).effects(_REMOVAL_PROBABILITIES))
    assert np.abs(flat).max() <= 0.01, f"a constant answer change has the effects {flat}"


def _check_predictions(fitted: Any, x: Any) -> None:
    """Check that every method agrees with the fit's predictions."""
    import numpy as np

    def predict(**toggled: float) -> Any:
        masks = x.copy()
        for segment, removed in toggled.items():
            masks[:, int(segment[1:])] = removed
        return fitted.predict(masks)

    predicted = np.asarray(fitted.predict(x))
    assert predicted.shape == (len(x),), f"predict gives the shape {predicted.shape}"
    assert np.isfinite(predicted).all(), "predict gives values that are not finite"
    contrasts = np.asarray(fitted.contrasts(x))
    assert contrasts.shape == x.shape, f"contrasts has the shape {contrasts.shape}, not {x.shape}"
    difference = predict(s1=1.0) - predict(s1=0.0)
    assert np.allclose(contrasts[:, 1], difference, atol=1e-6), "contrasts are not those of predict"
    pairs = np.asarray(fitted.second_differences(x, (1, 3)))
    assert pairs.shape == (len(x), 2, 2), f"second_differences has the shape {pairs.shape}"
    found = pairs[:, 1, 1] - pairs[:, 1, 0] - pairs[:, 0, 1] + pairs[:, 0, 0]
    both, first = predict(s1=1.0, s3=1.0), predict(s1=1.0, s3=0.0)
    second, none = predict(s1=0.0, s3=1.0), predict(s1=0.0, s3=0.0)
    expected = both - first - second + none
    assert np.allclose(found, expected, atol=1e-6), "second_differences are not those of predict"
    generator = np.random.default_rng(1)
    drawn = [(generator.random((400, x.shape[1])) < q).astype(float) for q in (0.5, 0.2)]
    mean = np.mean([np.asarray(fitted.contrasts(masks)).mean(axis=0) for masks in drawn], axis=0)
    effects = np.asarray(fitted.effects((0.5, 0.2)))
    assert np.abs(effects - mean).max() <= 0.05, "effects are not the mean of the contrasts"
