"""The worker profiles a sample of the explained calls, and explains the paths of sampled traces.

Each once, and within a budget of its own.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.probes.prompt_profile import profile_of_prompt
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.job_results import StoredProfile
from smile_trace.store.stored import look_up
from smile_trace.worker.explaining.beside import seed_of
from smile_trace.worker.forget import find, forget
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from tests.support.agents_in_store import keep
from tests.support.fake_tracker import FakeTracker, ShowingTracker
from tests.support.planted import PlantedServer, serving
from tests.support.planted_agents import PlantedAgent, planted_agent
from tests.support.sample_profiles import QUESTION, RETURNS, first_document
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.strict_openai import StrictServer, strict
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import settings_tables

EXPLAINED, PROFILED = 8, 60


@contextmanager
def home(
    folder: Path, *numbers: int, **tables: dict[str, Any]
) -> Iterator[tuple[PlantedServer, Settings]]:
    """Captured calls, their model, and settings in which every explained call is profiled."""
    with serving(first_document) as server:
        caps = {"calls_per_explanation": EXPLAINED, "calls_per_profile": PROFILED}
        tables["budget"] = {**caps, **tables.get("budget", {})}
        tables["probes"] = {"rate": 1.0, **tables.get("probes", {})}
        made = settings_tables(server.base_url, tables)
        made["models"]["planted"]["concurrency"] = 2
        settings = Settings(home=folder / "home", **made)
        spans = [
            call_span(
                n,
                prompt=f"Case {n}. {QUESTION}",
                answer=RETURNS,
                **{"gen_ai.request.temperature": 0.0},  # type: ignore[arg-type]
            )
            for n in numbers
        ]
        write_spool(settings.spool, spans, "calls.jsonl")
        yield server, settings


def stored(settings: Settings) -> list[StoredProfile]:
    with Store.open(settings) as store:
        return list(store.profiles.read())


@pytest.mark.slow
def test_an_explained_call_is_profiled_once(tmp_path: Path) -> None:
    with home(tmp_path, 1) as (server, settings):
        [most] = plan(settings).models
        assert (most.explanations, most.calls) == (1, EXPLAINED + PROFILED)
        assert most.tokens is not None
        tracker, other = ShowingTracker(profiles=True), FakeTracker()
        status = run(settings, once=True, trackers=[tracker, other])
        assert (status.explained, status.pending) == (1, 0)
        [one] = stored(settings)
        assert tracker.profiles[one.call_id].profile == one.profile
        together = profile_of_prompt(one.prompt, since=0.0, settings=settings)
        assert [probe.name for probe in together.probes if probe.found] == ["order"]
        assert (one.trace_id, one.period) == (trace_id(1), "2025-11-24")
        assert one.profile.seed == seed_of(one.call_id, one.period)
        assert [result.name for result in one.profile.found] == ["order"]
        assert status.spent.calls == len(server.bodies) <= EXPLAINED + PROFILED
        run(settings, once=True, trackers=[tracker, other])
        assert len(server.bodies) == status.spent.calls
        assert tracker.log.count(f"profile {one.call_id}") == 1
        forget(settings, find(settings, trace=trace_id(1)), trackers=[])
        assert stored(settings) == []


@pytest.mark.slow
def test_what_is_profiled_is_a_matter_of_the_settings(tmp_path: Path) -> None:
    probes = {"prompts": ["another"]}
    with home(tmp_path / "named", 1, probes=probes) as (_, settings):
        run(settings, once=True, trackers=[])
        assert stored(settings) == []
    with home(tmp_path / "only", 1, probes={"only": ["format"]}) as (_, settings):
        run(settings, once=True, trackers=[])
        [one] = stored(settings)
        assert list(one.profile.results) == ["stability", "paraphrase", "format"]
    with home(tmp_path / "wrong", 1, probes={"only": ["odrer"]}) as (server, settings):
        for command in (plan, run):
            with pytest.raises(SmileTraceError, match="no probe 'odrer': use stability"):
                command(settings)
        assert server.bodies == []


AGENT = planted_agent(120, "user", 2)
"""It calls a tool; an order's number in the user's message decides."""


@contextmanager
def agent_in(
    home: Path, agent: PlantedAgent = AGENT, **tables: dict[str, Any]
) -> Iterator[tuple[StrictServer, Settings]]:
    """The agent's trace in a home, its model, and settings in which paths are explained."""
    with strict(agent.answer) as server:
        tables["explain"] = {"path": True, **tables.get("explain", {})}
        tables["budget"] = {"calls_per_explanation": 40, **tables.get("budget", {})}
        settings = Settings(home=home, **settings_tables(server.base_url, tables))
        keep(settings, agent.lines)
        yield server, settings


def path_in(settings: Settings) -> ExplanationPath | None:
    with Store.open(settings) as store:
        return store.paths.get(AGENT.trace_id)


def asked_again(server: StrictServer) -> int:
    """How many requests were sent a second time."""
    sent = Counter(json.dumps(body, sort_keys=True) for body in server.bodies)
    return sum(sent.values()) - len(sent)


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 4])
def test_the_path_of_a_sampled_trace_is_stored_and_delivered(at_once: int, tmp_path: Path) -> None:
    """With one explanation at a time its steps are explained after it."""
    tracker, other = ShowingTracker(paths=True), FakeTracker()
    budget, worker = {"calls_per_explanation": 60}, {"concurrent_explanations": at_once}
    with agent_in(tmp_path, budget=budget, worker=worker) as (server, settings):
        assert [(m.explanations, m.calls) for m in plan(settings).models] == [(2, 2 * 60 + 240)]
        status = run(settings, once=True, trackers=[tracker, other])
        path = path_in(settings)
        assert path is not None
        assert AGENT.named_by(path), path.summary
        assert [step.depth for step in path.steps] == [0, 1]
        for step in path.steps:
            alone = look_up(step.call, {}, settings).explanation
            assert alone is not None
            assert alone.settings.budget == step.explanation.settings.budget == 60
            assert alone.summary == step.explanation.summary, "a call is explained in one way"
        assert (status.explained, server.refused) == (2, [])
        assert asked_again(server) == 0, "the explanations and the path share their answers"
        assert tracker.paths[AGENT.trace_id].path == path
        asked = len(server.bodies)
        run(settings, once=True, trackers=[tracker, other])
        assert len(server.bodies) == asked
        assert tracker.log.count(f"path {AGENT.trace_id}") == 1
        forget(settings, find(settings, trace=AGENT.trace_id), trackers=[])
        assert path_in(settings) is None


@pytest.mark.slow
def test_a_path_goes_on_where_a_functions_own_settings_protect_the_results(tmp_path: Path) -> None:
    own = {"unit": "sentence", "protect": ["user", "assistant", "tool"]}
    with agent_in(tmp_path, explain={"function:ask": own}) as (_, settings):
        run(settings, once=True, trackers=[])
        path = path_in(settings)
        assert path is not None
        alone = look_up(path.steps[0].call, {}, settings).explanation
    assert alone is not None
    assert alone.settings.protect == ("user", "assistant", "tool")
    assert AGENT.named_by(path), path.summary
    assert not any(step.keeps_results for step in path.steps)


@pytest.mark.slow
def test_a_path_has_a_budget_of_its_own(tmp_path: Path) -> None:
    budget = {"calls_per_path": 32, "calls_per_explanation": 8}
    with agent_in(tmp_path, budget=budget) as (server, settings):
        explained = run(settings, once=True, trackers=[]).explained
        path = path_in(settings)
    assert path is not None
    assert path.budget == 32
    assert len(server.bodies) <= 32 + explained * 8
    said = [source.not_followed for _, source in path.ends] + [step.note for step in path.steps]
    assert any("budget" in str(one) for one in said), path.summary


@pytest.mark.slow
def test_a_path_that_was_killed_in_the_middle_goes_on_for_free(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"explain": {"path": True}, "worker": {"concurrent_explanations": 1}}
    with agent_in(tmp_path, worker=tables["worker"]) as (server, settings):
        made = settings_tables(server.base_url, tables)
        made["models"]["planted"]["concurrency"] = 2
        workers = WorkerProcesses(settings.home, made)
        try:
            kills = 0
            for asked in (10, 30):
                workers.kill_when(lambda asked=asked: len(server.bodies) >= asked)
                kills += 1
            workers.finish()
        finally:
            workers.close()
        path = path_in(settings)
        assert path is not None
        assert AGENT.named_by(path)
        assert asked_again(server) <= kills * 2, "what was in flight"


@pytest.mark.slow
def test_a_path_waits_for_the_daily_cap_and_goes_on(tmp_path: Path) -> None:
    at = [1_000_000.0]
    clock: Callable[[], float] = lambda: at[0]  # noqa: E731
    budget = {"calls_per_day": 60, "calls_per_explanation": 40}
    with agent_in(tmp_path, budget=budget) as (server, settings):
        tracker = FakeTracker()
        first = run(settings, once=True, trackers=[tracker], clock=clock)
        assert (first.explained, first.pending, len(tracker.explanations)) == (1, 1, 1)
        said = [one.reason.partition(": ")[0] for one in first.pending_by_reason]
        assert "explained, and its path or profile waits" in said
        assert len(server.bodies) <= 60
        assert path_in(settings) is None
        at[0] += 86_400
        assert run(settings, once=True, trackers=[], clock=clock).explained == 2
        assert len(server.bodies) <= 120
        path = path_in(settings)
        assert path is not None
        assert AGENT.named_by(path)
        assert asked_again(server) == 0
