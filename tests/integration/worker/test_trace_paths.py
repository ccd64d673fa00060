"""The worker explains the paths of sampled traces, each once, within a budget of its own."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.forget import find, forget
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from tests.support.agents_in_store import keep
from tests.support.fake_tracker import FakeTracker, PathTracker
from tests.support.planted_agents import PlantedAgent, planted_agent
from tests.support.strict_openai import StrictServer, strict
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import settings_tables

AGENT = planted_agent(120, "user", 2)
"""It calls a tool; an order's number in the user's message decides."""


@contextmanager
def serving(
    home: Path, agent: PlantedAgent = AGENT, **tables: dict[str, Any]
) -> Iterator[tuple[StrictServer, Settings]]:
    """The agent's trace in a home, its model, and settings in which paths are explained."""
    with strict(agent.answer) as server:
        tables["explain"] = {"path": True, **tables.get("explain", {})}
        tables["budget"] = {"calls_per_explanation": 40, **tables.get("budget", {})}
        settings = Settings(home=home, **settings_tables(server.base_url, tables))
        keep(settings, agent.lines)
        yield server, settings


def stored(settings: Settings) -> ExplanationPath | None:
    store = Store.open(settings)
    try:
        return store.paths.get(AGENT.trace_id)
    finally:
        store.close()


def asked_again(server: StrictServer) -> int:
    """How many requests were sent a second time."""
    sent = Counter(json.dumps(body, sort_keys=True) for body in server.bodies)
    return sum(sent.values()) - len(sent)


def test_the_path_of_a_sampled_trace_is_stored_and_delivered(tmp_path: Path) -> None:
    tracker, other = PathTracker(), FakeTracker()
    with serving(tmp_path, worker={"concurrent_explanations": 1}) as (server, settings):
        assert [(m.explanations, m.calls) for m in plan(settings).models] == [(2, 2 * 40 + 90)]
        status = run(settings, once=True, trackers=[tracker, other])
        path = stored(settings)
        assert path is not None
        assert AGENT.named_by(path), path.summary
        assert [step.depth for step in path.steps] == [0, 1]
        assert (status.explained, server.refused) == (2, [])
        assert asked_again(server) == 0, "the explanations and the path share their answers"
        assert tracker.paths[AGENT.trace_id].path == path
        asked = len(server.bodies)
        run(settings, once=True, trackers=[tracker, other])
        assert len(server.bodies) == asked
        assert tracker.log.count(f"path {AGENT.trace_id}") == 1
        forget(settings, find(settings, trace=AGENT.trace_id), trackers=[])
        assert stored(settings) is None


@pytest.mark.slow
def test_it_has_a_budget_of_its_own(tmp_path: Path) -> None:
    budget = {"calls_per_path": 32, "calls_per_explanation": 8}
    with serving(tmp_path, budget=budget) as (server, settings):
        explained = run(settings, once=True, trackers=[]).explained
        path = stored(settings)
    assert path is not None
    assert path.budget == 32
    assert len(server.bodies) <= 32 + explained * 8
    said = [source.not_followed for _, source in path.ends] + [step.note for step in path.steps]
    assert any("budget" in str(one) for one in said), path.summary


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_for_free(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"explain": {"path": True}, "worker": {"concurrent_explanations": 1}}
    with serving(tmp_path, worker=tables["worker"]) as (server, settings):
        made = settings_tables(server.base_url, tables)
        made["models"]["planted"]["concurrency"] = 2
        workers = WorkerProcesses(settings.home, made)
        try:
            kills = 0
            for asked in (20, 45):
                workers.kill_when(lambda asked=asked: len(server.bodies) >= asked)
                kills += 1
            workers.finish()
        finally:
            workers.close()
        path = stored(settings)
        assert path is not None
        assert AGENT.named_by(path)
        assert asked_again(server) <= kills * 2, "what was in flight"


@pytest.mark.slow
def test_a_path_waits_for_the_daily_cap_and_goes_on(tmp_path: Path) -> None:
    at = [1_000_000.0]
    clock: Callable[[], float] = lambda: at[0]  # noqa: E731
    budget = {"calls_per_day": 60, "calls_per_explanation": 40}
    with serving(tmp_path, budget=budget) as (server, settings):
        assert run(settings, once=True, trackers=[], clock=clock).pending == 1
        assert len(server.bodies) <= 60
        assert stored(settings) is None
        at[0] += 86_400
        assert run(settings, once=True, trackers=[], clock=clock).explained == 2
        path = stored(settings)
        assert path is not None
        assert AGENT.named_by(path)
        assert asked_again(server) == 0
