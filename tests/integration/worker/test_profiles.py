"""The worker profiles a sample of the explained calls, each once, within a budget of its own."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.probes.of_prompt import profile_of_prompt
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.profiles import StoredProfile
from smile_trace.worker.explaining.profiles import seed_of
from smile_trace.worker.forget import find, forget
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker, ProfileTracker
from tests.support.planted import PlantedServer, serving
from tests.support.sample_profiles import QUESTION, RETURNS, first_document
from tests.support.spooled import call_span, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import settings_tables

EXPLAINED, PROFILED = 8, 60
ONE_AT_A_TIME: dict[str, Any] = {"worker": {"concurrent_explanations": 1}}


@contextmanager
def home(
    folder: Path, *numbers: int, **tables: dict[str, Any]
) -> Iterator[tuple[PlantedServer, Settings, dict[str, Any]]]:
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
        yield server, settings, made


def stored(settings: Settings) -> list[StoredProfile]:
    store = Store.open(settings)
    try:
        return list(store.profiles.read())
    finally:
        store.close()


def sent(server: PlantedServer) -> Counter[str]:
    """How often each request was sent."""
    return Counter(json.dumps(body["messages"]) for body in server.bodies)


def sent_undisturbed(folder: Path, *numbers: int) -> Counter[str]:
    """The same of a worker that nothing interrupts."""
    with home(folder / "undisturbed", *numbers) as (server, settings, _):
        run(settings, once=True, trackers=[])
        return sent(server)


def test_an_explained_call_is_profiled_once(tmp_path: Path) -> None:
    with home(tmp_path, 1) as (server, settings, _):
        [most] = plan(settings).models
        assert (most.explanations, most.calls) == (1, EXPLAINED + PROFILED)
        assert most.tokens is not None
        tracker, other = ProfileTracker(), FakeTracker()
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


def test_what_is_profiled_is_a_matter_of_the_settings(tmp_path: Path) -> None:
    probes = {"prompts": ["another"]}
    with home(tmp_path / "named", 1, probes=probes) as (_, settings, _):
        run(settings, once=True, trackers=[])
        assert stored(settings) == []
    with home(tmp_path / "only", 1, probes={"only": ["format"]}) as (_, settings, _):
        run(settings, once=True, trackers=[])
        [one] = stored(settings)
        assert list(one.profile.results) == ["stability", "paraphrase", "format"]
    with home(tmp_path / "wrong", 1, probes={"only": ["odrer"]}) as (server, settings, _):
        for command in (plan, run):
            with pytest.raises(SmileTraceError, match="no probe 'odrer': take some of stability"):
                command(settings)
        assert server.bodies == []


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_for_free(tmp_path: Path) -> None:
    with home(tmp_path, 1, 2, **ONE_AT_A_TIME) as (server, settings, made):
        workers = WorkerProcesses(settings.home, made)
        kills = 0
        try:
            for asked in (EXPLAINED + 6, EXPLAINED + 20, 2 * EXPLAINED + 50):
                workers.kill_when(lambda asked=asked: len(server.bodies) >= asked)
                kills += 1
            workers.finish()
        finally:
            workers.close()
        profiles = stored(settings)
        assert [one.trace_id for one in profiles] == [trace_id(1), trace_id(2)]
        assert all("order" in {r.name for r in one.profile.found} for one in profiles)
        again = sent(server) - sent_undisturbed(tmp_path, 1, 2)
        assert again.total() <= kills * 2, "what was in flight"
        store = Store.open(settings)
        try:
            assert len(server.bodies) <= store.status().spent.calls
            for one in profiles:
                key = f"{one.call_id}/{_hash(store, one.call_id)}/1/profile"
                assert 0 < store.ledger.spent("explanation", key).calls <= PROFILED
        finally:
            store.close()


@pytest.mark.slow
def test_a_profile_waits_for_the_daily_cap_and_goes_on(tmp_path: Path) -> None:
    at = [1_000_000.0]
    with home(tmp_path, 1, budget={"calls_per_day": 20}) as (server, settings, _):
        for day in range(1, 4):
            status = run(settings, once=True, trackers=[], clock=lambda: at[0])
            assert len(server.bodies) <= 20 * day
            at[0] += 86_400
        assert (status.explained, status.pending) == (1, 0)
        [one] = stored(settings)
        assert [result.name for result in one.profile.found] == ["order"]
        assert sent(server) == sent_undisturbed(tmp_path, 1)


def _hash(store: Store, call_id: str) -> str:
    explanation = store.explanation(call_id)
    assert explanation is not None
    return explanation.settings.hash
