"""Seeded error rates on planted worlds, at a tenth of what benchmarks/statistics measures."""

import pytest

from benchmarks.statistics import texts
from benchmarks.statistics.rates import run, table, tasks

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
    seen = [texts.observe(case) for case in texts.cases(1, "layers")]
    for limit in texts.LIMITS:
        count, of = texts.total(seen, limit)
        assert of, limit.name
        assert not limit.fails(count, of, 0.001), f"{limit.name}: {count} of {of}"
