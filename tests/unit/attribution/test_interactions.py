"""Two segments of which either is enough, or which only work together: found, and said."""

from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.statistics.worlds import World, nothing, planted
from smile_trace.attribution.estimation import gaussian_process, inference
from smile_trace.attribution.estimation.interactions import Pair, exact_pairs, pairs
from smile_trace.records import Explanation, Interaction, Message
from tests.support.studies import copying, run

LONG = "please tell me whether the Eiffel Tower stands near here or there today friend"


def either(messages: tuple[Message, ...]) -> str:
    """One of the two words is enough."""
    text = messages[0].content
    return "Paris" if "Eiffel" in text or "Tower" in text else "unknown"


def both(messages: tuple[Message, ...]) -> str:
    """Both words are needed."""
    text = messages[0].content
    return "Paris" if "Eiffel" in text and "Tower" in text else "unknown"


def test_the_interaction_is_the_second_difference_under_the_estimands_masks() -> None:
    n = 4
    x = np.array(list(product((0.0, 1.0), repeat=n)))
    y = 0.6 * x[:, 0] * x[:, 1] * (1 - 0.5 * x[:, 2]) + 0.2 * x[:, 2]
    effects = inference.enumerated(x, y)
    found = {(p.first, p.second): p for p in exact_pairs(x, y, effects)}
    # 0.6 where the third is retained, 0.3 where it is removed, with probability .5 and .2.
    assert found[0, 1].value == pytest.approx(np.mean([0.45, 0.54]))
    assert found[0, 1].alone == pytest.approx((0.0, 0.0))
    assert found[0, 1].beside == pytest.approx((0.495, 0.495))
    assert found[0, 1].kind == "either"
    assert found[0, 2].kind is None


@pytest.mark.parametrize(("model", "kind"), [(either, "either"), (both, "both")])
@pytest.mark.parametrize("words", ["where is the Eiffel Tower", LONG])
@pytest.mark.parametrize("seed", [0, 5, 6])  # both are out in some of the first twenty masks
def test_a_study_finds_and_reports_the_pair(model, kind, words, seed) -> None:
    explanation = run(words, model, seed=seed).explanation
    [pair] = explanation.interactions
    texts = {segment.key: segment.text for segment in explanation.segments}
    assert (texts[pair.first], texts[pair.second]) == ("Eiffel", "Tower")
    assert pair.kind == kind
    assert pair.ci_low <= pair.value <= pair.ci_high
    said = {
        "either": "f “Eiffel” and “Tower” either is enough",
        "both": "“Eiffel” and “Tower” only work together",
    }[kind]
    assert said in explanation.summary
    assert "measurable" in explanation.summary
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation


@pytest.mark.parametrize("seed", range(3))
def test_one_word_that_does_it_alone_is_in_no_pair(seed: int) -> None:
    assert run(LONG, copying("Eiffel"), seed=seed).explanation.interactions == ()


def test_no_pairs_without_a_reliable_explanation() -> None:
    study = run(LONG, either, seed=13).study
    [findings] = [study._find(level) for level in study._levels]
    assert [pair.kind for pair in findings.pairs] == ["either"]
    assert study.result().fidelity.status == "inconclusive"
    assert study.result().interactions == ()


def test_a_protected_word_does_not_displace_the_pair() -> None:
    explanation = run(LONG, both, protect=["please", "whether"]).explanation
    [pair] = explanation.interactions
    texts = {segment.key: segment.text for segment in explanation.segments}
    assert (texts[pair.first], texts[pair.second]) == ("Eiffel", "Tower")


@pytest.mark.parametrize(
    ("value", "half", "alone", "beside", "kind"),
    [
        (0.8, 0.2, (0.0, 0.1), (0.8, 0.9), "either"),
        (0.8, 0.9, (0.0, 0.1), (0.8, 0.9), None),  # may be none at all
        (0.1, 0.0, (0.0, 0.0), (0.1, 0.1), None),  # sure, and too small
        (0.4, 0.1, (0.5, 0.0), (0.9, 0.4), None),  # the first does much alone
        (-0.8, 0.2, (0.9, 0.8), (0.1, 0.0), "both"),
        (-0.4, 0.1, (0.9, 0.4), (0.5, 0.0), None),
    ],
)
def test_the_kind_of_a_pair(value, half, alone, beside, kind) -> None:
    assert Pair(0, 1, value, value - half, value + half, alone, beside).kind == kind


def test_second_differences_are_predictions() -> None:
    generator = np.random.default_rng(0)
    x = (generator.random((30, 6)) < 0.5).astype(float)
    fit = gaussian_process.fit(x, x[:, 0] * x[:, 1] + 0.1 * x[:, 2])
    second_differences = fit.second_differences(x, (1, 0))
    for first, second in product((0, 1), repeat=2):
        at = x.copy()
        at[:, [1, 0]] = first, second
        level = fit.mean + fit.constant * fit.coefficients.sum()
        assert second_differences[:, first, second] + level == pytest.approx(fit.predict(at))


@pytest.mark.slow
def test_pairs_of_planted_worlds_are_right() -> None:
    said: list[tuple[str, bool]] = []
    for study in range(8):
        generator = np.random.default_rng([5, study])
        worlds = [*planted(10, generator), nothing(10)]
        for world in worlds:
            said += [(world.name, right) for right in _said(world, [5, study], 0.1)]
    wrong = [name for name, right in said if not right]
    assert len(wrong) <= 2  # of 72 studies
    assert sum(name == "either of two" for name, right in said if right) >= 6
    assert sum(name == "any of three" for name, right in said if right) >= 12


def _said(world: World, seed: list[int], noise: float) -> list[bool]:
    """Per pair of which something is said, whether both are drivers and it is the right thing."""
    rows = world.draw(39, np.random.default_rng(seed), noise=noise)
    with threadpool_limits(limits=1, user_api="blas"):
        found = pairs(rows, inference.estimate(rows, seed).effect, seed)
    kinds = {"either of two": "either", "two of three": "either", "any of three": "both"}
    return [
        {pair.first, pair.second} <= set(world.drivers) and pair.kind == kinds.get(world.name)
        for pair in found
        if pair.kind
    ]


def test_interactions_in_json() -> None:
    pair = Interaction(kind="either", first="a", second="b", value=0.5, ci_low=0.1, ci_high=0.9)
    assert Interaction.model_validate_json(pair.model_dump_json()) == pair
