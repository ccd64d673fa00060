"""The page on scale shows what its simulation prints; queues behave as queues do."""

import pytest

from benchmarks.scale.__main__ import processes, queues, rates
from benchmarks.scale.figures import SCENARIOS, Scenario
from benchmarks.scale.queues import day, needed, stages
from tests.support.paths import ROOT


@pytest.mark.parametrize("table", [rates, processes, queues])
def test_the_page_has_the_tables(table) -> None:
    assert table() in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_enough_processes_keep_every_queue_empty_and_one_fewer_does_not(scenario: Scenario) -> None:
    enough = needed(scenario)
    assert all(load.queue < 1 for load in day(scenario, enough))
    for k, count in enumerate(enough):
        if count > 1:
            fewer = [n - (place == k) for place, n in enumerate(enough)]
            loads = day(scenario, fewer)
            assert [load.stage for load in loads if load.queue >= 1] == [stages(scenario)[k].name]


def test_calls_that_wait_are_neither_lost_nor_made() -> None:
    scenario = Scenario("too much for MLflow", 5e7, 1, 0.0001)
    loads = {load.stage: load for load in day(scenario, [1, 1, 1, 1, 1])}
    left = 5e7 - 86_400 * 325
    assert not loads["MLflow"].ends
    assert loads["MLflow"].queue > left
