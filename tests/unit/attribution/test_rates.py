"""Seeded error rates on planted worlds, at a tenth of what benchmarks/statistics measures."""

import numpy as np
import pytest

import smile_trace
from benchmarks.statistics import texts
from benchmarks.statistics.proxy import measure, summary
from benchmarks.statistics.rates import run, table, tasks
from benchmarks.statistics.screen import dropped_after, trusts
from benchmarks.statistics.worlds import World, nothing, planted
from smile_trace.attribution.estimation.fit import Fit
from smile_trace.attribution.estimation.interactions import pairs
from smile_trace.attribution.one_thread import one_thread
from tests.support.one_value_worlds import WORLDS, OneValueWorld

pytestmark = pytest.mark.slow


def test_false_discoveries_without_drivers_are_rare() -> None:
    outcomes = [o for task in tasks(0.1, ["noise", "shuffled"]) for o in run(task, seed=11)]
    rows = table(outcomes)
    for name in ("nothing", "shuffled responses"):
        assert rows[name]["studies"] == 50
        assert rows[name]["some significant"] <= 10  # nominally 5; 11 has probability .009
        assert rows[name]["reliable"] <= 3  # of 20; nominally below 1
    assert (
        table([o for t in tasks(0.1, ["amount"]) for o in run(t, seed=11)])["mass"]["reliable"] <= 3
    )


def test_drivers_are_found_and_their_intervals_cover_the_enumerated_estimand() -> None:
    row = table([o for task in tasks(0.1, ["planted"]) for o in run(task, seed=12)])["all planted"]
    assert row["intervals"] >= 350
    assert 0.84 <= row["coverage"] <= 0.96
    assert row["false discovery rate"] <= 0.12
    assert row["first place"] >= 0.9


def test_studies_of_texts_hold_their_limits() -> None:
    """None is failed by more than luck in one of 1,000 runs."""
    seen = [texts.observe(case) for case in texts.cases(1, "content")]
    for limit in texts.LIMITS:
        count, of = texts.total(seen, limit)
        assert of, limit.name
        assert not limit.fails(count, of, 0.001), f"{limit.name}: {count} of {of}"


def test_a_good_proxy_makes_twenty_calls_as_good_as_many() -> None:
    [outcomes] = measure(["monotone"], 0.1, calls=20, seed=21).values()
    found = summary(outcomes)
    assert found["studies"] == 40
    assert found["first"] >= 0.95
    assert found["as_good"] >= 0.9
    assert found["mse_x1000"] < found["mse_same_calls"] / 3
    assert found["coverage_drivers"] >= 0.8
    assert found["false_discovery_rate"] <= 0.2


def test_a_useless_proxy_costs_nothing() -> None:
    [outcomes] = measure(["useless"], 0.1, calls=20, seed=22).values()
    found = summary(outcomes)
    assert found["first"] >= found["first_same_calls"] - 0.08
    assert found["mse_x1000"] <= 1.2 * found["mse_same_calls"]
    assert found["trust"] <= 0.2


def test_a_useless_proxy_is_dropped_within_ten_explanations_and_a_good_one_never() -> None:
    useless = [
        dropped_after(trusts("useless", number, 23, explanations=20)[1]) for number in range(20)
    ]
    assert sum(count is not None and count <= 10 for count in useless) >= 16
    assert all(useless)
    good = [trusts("monotone", number, 23, explanations=20)[1] for number in range(20)]
    assert all(dropped_after(seen) is None for seen in good)


@pytest.mark.parametrize("world", WORLDS, ids=[world.name for world in WORLDS])
def test_the_deciding_word_is_first_and_significant(world: OneValueWorld) -> None:
    for seed in range(2):
        explanation = smile_trace.explain(
            world.prompt, model=world.model, signal="text", distance="content", seed=seed, budget=40
        )
        first = explanation.ranked[0]
        assert first.text.strip() == world.word
        assert first.significant
        assert "stayed the same" not in explanation.summary


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
    with one_thread():
        found = pairs(rows, Fit(rows, seed).estimate.effect, seed)
    kinds = {"either of two": "either", "two of three": "either", "any of three": "both"}
    return [
        {pair.first, pair.second} <= set(world.drivers) and pair.kind == kinds.get(world.name)
        for pair in found
        if pair.kind
    ]
