"""Which part is first: nearness to the answer ranks, weighs tests, and cannot overrule the calls;
where no part stands out, a few are named, or none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.first_place import nearness, posterior, weights_of_tests
from smile_trace.attribution.estimation.inference import Rows
from smile_trace.attribution.reporting.verdict import first_place
from smile_trace.records import Fidelity, FirstPlace, Segment, Signal
from smile_trace.render.heatmap_layout import heatmap
from tests.support.studies import Fitted, copying, run

Array = np.ndarray
N = 12


def rows(effects: Array, count: int = 40, noise: float = 0.1, seed: int = 0) -> Rows:
    """Random masks of both strata, whose changes are the sum of the effects of what is removed, a
    level of its own for either stratum, and noise."""
    generator = np.random.default_rng(seed)
    q = np.resize([0.5, 0.2], count)
    x = (generator.random((count, len(effects))) < q[:, None]).astype(float)
    y = x @ effects + 0.3 * (q < 0.3) + noise * generator.standard_normal(count)
    none = np.zeros((1, len(effects)))
    return Rows(x, y, q, np.full(x.shape, True), np.ones(count), none, np.zeros(1))


def only(place: int, size: float = 1.0) -> Array:
    return np.eye(N)[place] * size


def test_a_word_is_as_near_as_the_nearest_word_of_the_answer() -> None:
    texts = ["Paris,", "French", "tell me about France", "ladder", ""]
    same, related, phrase, unrelated, nothing = nearness(texts, "It is in Paris.")
    assert same == pytest.approx(1)
    assert phrase > related > unrelated >= nothing == 0
    assert not nearness(texts, "").any()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array))
def test_tests_weigh_one_on_average_and_more_where_near(near: Array) -> None:
    weights = weights_of_tests(near)
    assert weights.mean() == pytest.approx(1)
    order = np.argsort(near, kind="stable")
    assert (np.diff(weights[order]) >= 0).all()


def test_the_level_of_a_stratum_is_no_effect() -> None:
    found = posterior(rows(only(3, 0.5), noise=0.01), np.zeros(N))
    np.testing.assert_allclose(found.mean, only(3, 0.5), atol=0.05)
    assert found.first([0])[3] == 1


def test_nearness_decides_what_the_answers_leave_open() -> None:
    weak = [rows(only(3, 0.25), noise=0.25, seed=seed) for seed in range(40)]

    def right(near: Array) -> int:
        return sum(int(np.argmax(posterior(some, near).mean) == 3) for some in weak)

    alone, helped, misled = right(np.zeros(N)), right(only(3)), right(only(5))
    assert helped >= alone + 5
    assert misled >= alone - 5


def test_nearness_cannot_overrule_the_answers() -> None:
    found = posterior(rows(only(3, 0.5)), only(5))
    assert found.mean.argmax() == 3
    assert abs(found.mean[5]) < 0.1
    assert found.first([0])[5] < 0.01


def test_the_posterior_does_not_know_the_order_of_the_segments() -> None:
    some, near = rows(only(3, 0.4) + only(7, 0.2)), only(7, 0.8)
    turned = np.roll(np.arange(N), 5)
    other = Rows(**{**vars(some), "x": some.x[:, turned]})
    one, again = posterior(some, near), posterior(other, near[turned])
    np.testing.assert_allclose(again.mean, one.mean[turned], atol=1e-10)
    np.testing.assert_allclose(again.covariance, one.covariance[turned][:, turned], atol=1e-10)


def test_where_nothing_varies_nothing_is_known() -> None:
    found = posterior(rows(np.zeros(N), noise=0), np.zeros(N))
    still = Rows(**{**vars(rows(np.zeros(N))), "y": np.full(40, 0.5)})
    assert not posterior(still, only(5)).first([0]).any()
    assert not found.mean.any()


def findings(*first: float) -> LevelFindings:
    n = len(first)
    shared = {"message": 0, "role": "user", "unit": "word", "protected": False}
    zeros = np.zeros(n)
    return LevelFindings(
        segments=tuple(
            Segment(text="w", start=k, end=k + 1, key=str(k), **shared) for k in range(n)
        ),
        effects=zeros,
        own=zeros,
        low=zeros,
        high=zeros,
        p_values=zeros + 1,
        significant=(False,) * n,
        leave_one_out=(None,) * n,
        rows=40,
        exact=False,
        fit=None,
        locality=(),
        first=np.array(first),
    )


UNSURE = Fidelity(status="inconclusive", reason="")


@pytest.mark.parametrize(
    ("first", "keys", "probability"),
    [
        ((0.1, 0.6, 0.1, 0.2), "1", 0.6),  # alone
        ((0.4, 0.02, 0.45, 0.05, 0.08), "20", 0.85),  # the smallest set, the likelier first
        ((0.05, 0.3, 0.3, 0.2, 0.05, 0.05, 0.05), "123", 0.8),
        ((0.3, 0.25, 0.3, 0.15), "", 0),  # half of all parts, or more
        ((0.11,) * 9 + (0.01,), "", 0),  # more than five
        ((0.17,) * 4 + (0.14,) + (0.03,) * 6, "01234", 0.82),
    ],
)
def test_one_part_is_first_or_a_few_or_none(
    first: tuple[float, ...], keys: str, probability: float
):
    found = first_place(findings(*first), UNSURE)
    assert found is not None
    assert found.keys == tuple(keys)
    assert found.probability == pytest.approx(probability)


def test_no_part_is_first_where_the_amount_removed_says_as_much() -> None:
    predicted = HeldOut(r2=0.5, low=0.4, high=0.6, gain=-0.1)
    found = first_place(replace(findings(0.6, 0.2, 0.2), fit=Fitted(predicted)), UNSURE)
    assert found == FirstPlace(keys=(), probability=0)


def test_no_part_is_first_where_nothing_is_known() -> None:
    found = findings(0.6, 0.2, 0.2)
    gone = UNSURE.model_copy(update={"reproduced": False})
    unchanged = UNSURE.model_copy(update={"status": "no_effect"})
    few = replace(found, rows=9)
    for of, fidelity in (
        (found, gone),
        (found, unchanged),
        (few, UNSURE),
        (findings(0, 0), UNSURE),
    ):
        assert first_place(of, fidelity) is None


PROMPT = "please tell me whether the Eiffel Tower stands near here or there today friend"


@pytest.mark.parametrize(("signal", "knows"), [("text", True), ("probability", False)])
def test_nearness_ranks_texts_alone_and_the_page_says_so(signal: Signal, knows: bool) -> None:
    explanation = run(PROMPT, copying("Eiffel"), signal=signal).explanation
    if signal == "text":
        [eiffel] = [s for s in explanation.segments if s.text == "Eiffel"]
        assert explanation.first == FirstPlace(keys=(eiffel.key,), probability=1)
        assert explanation.ranked[0] == eiffel
    assert (explanation.first is not None) == knows
    facts = heatmap(explanation).facts
    assert ("ranked also by how near a word is to the answer" in facts) == knows
