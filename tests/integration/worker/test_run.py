"""The whole worker on real parts: the store, the engine, an HTTP model, a tracker."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.jobs import Job, Jobs
from smile_trace.store.model_states import Pause
from smile_trace.store.outbox import TrackerState
from smile_trace.trackers import TrackerUnavailable
from smile_trace.worker.explaining.explain import Explainer, StoredRound
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.fleet import Fleet
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import WorkerError, check_health
from smile_trace.worker.run import run
from smile_trace.worker.sample import sample
from smile_trace.worker.store_retry import StoreRetry
from smile_trace.worker.upkeep import request_again
from tests.support.fake_tracker import FakeTracker, FolderTracker
from tests.support.planted import PlantedServer
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import (
    PROMPT,
    WORD,
    capture,
    planted_answer,
    requests_sent,
    settings_tables,
    slow_answer,
    wait_for,
)

Configure = Callable[..., Settings]


def test_from_the_spool_to_the_tracker(settings: Settings, server: PlantedServer) -> None:
    tracker = FakeTracker()
    capture(settings, 1, 2, 3)
    status = run(settings, once=True, trackers=[tracker])
    assert (status.captured, status.explained, status.reliable) == (3, 3, 3)
    assert len(tracker.explanations) == 3
    for item in tracker.explanations.values():
        best = item.explanation.ranked[0]
        assert best.text.startswith(WORD)
        assert best.significant
        assert item.explanation.cost.target_calls == 20
    assert len(server.bodies) == status.spent.calls == 60
    assert max(requests_sent(server).values()) == 1
    assert tracker.closed
    log = list(tracker.log)
    run(settings, once=True, trackers=[tracker])
    assert (tracker.log, len(server.bodies)) == (log, 60), "nothing is done twice"


def test_calls_are_explained_while_others_are_read(
    settings: Settings, at_work, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, explained = Ingest.run, list[int]()

    def reads_on(ingest: Ingest, stopping: Callable[[], bool]) -> object:
        found = read(ingest, stopping)
        if found.traces:
            with Store.open(settings) as store:
                sample(store, settings)
                wait_for(lambda: stopping() or store.status().explained == 2)
                explained.append(store.status().explained)
        return found

    monkeypatch.setattr(Ingest, "run", reads_on)
    capture(settings, 1, 2)
    with at_work(settings):
        wait_for(lambda: explained)
    assert explained == [2], "they wait until all is read"


@pytest.mark.slow
def test_a_start_says_what_is_served_and_what_it_tries_again(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gone = FakeTracker("gone")
    gone.fail_with = TrackerUnavailable("it is down")
    capture(settings, 1)
    run(settings, once=True, trackers=[gone])
    caplog.clear()
    caplog.set_level(logging.INFO)
    for name in ("planted", "removed"):
        pause = Pause(name=name, reason="wrong key", failures=1, since=1.0, not_before=2.0)
        store.pauses.put(pause)
    store.outbox.note_state(TrackerState(name="idle", failures=1, reason="it is down", since=1.0))
    run(settings, once=True, trackers=[gone, FakeTracker("idle")])
    said = [line.getMessage() for line in caplog.records]
    starts = f"the worker starts on {settings.home}; models: planted; trackers: gone, idle"
    at = said.index(starts)
    assert said[at + 1 : at + 3] == [
        "planted is still paused, and tried now: wrong key",
        "gone was not accepting data before, trying again: it is down",
    ]
    again = [one for one in said if "tried now" in one or "trying again" in one]
    assert len(again) == 2, "removed and idle are not tried"


@pytest.mark.slow
def test_an_answer_ends_a_pause_that_another_worker_has_put(
    settings: Settings, store: Store, at_work, caplog: pytest.LogCaptureFixture
) -> None:
    with at_work(settings):
        capture(settings, 1)
        wait_for(lambda: store.status().explained == 1)
        pause = Pause(name="planted", reason="it is down", failures=1, since=1.0, not_before=2.0)
        store.pauses.put(pause)
        capture(settings, 2)
        wait_for(lambda: store.status().explained == 2)
    assert not store.pauses.all(), "the others would ask one call at a time from now on"
    assert "planted answers again" in caplog.text


@pytest.mark.slow
def test_a_run_that_cannot_read_its_job_tries_again(
    settings: Settings, server: PlantedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, refused = Jobs.get, list[int]()

    def get(jobs: Jobs, job_id: int) -> Job:
        if job_id not in refused:
            refused.append(job_id)
            raise StoreUnavailable("the database restarts")
        return read(jobs, job_id)

    monkeypatch.setattr(Jobs, "get", get)
    capture(settings, 1, 2)
    status = run(settings, once=True, trackers=[])
    assert len(refused) == status.explained == 2


@pytest.mark.slow
def test_a_failing_call_ends_failed_with_its_reason_and_holds_up_no_other(
    configure: Configure, server: PlantedServer
) -> None:
    settings = configure(explain={"protect": ["all of this"]})
    write_spool(settings.spool, [call_span(9, prompt="all of this")], "a.jsonl")
    capture(settings, 1)
    status = run(settings, once=True, trackers=[])
    assert (status.explained, status.failed) == (1, 1)
    assert "protected" in status.failed_by_reason[0].reason


@pytest.mark.slow
def test_a_failed_call_is_explained_when_it_is_retried(
    settings: Settings, server: PlantedServer
) -> None:
    capture(settings, 1)
    server.faults = [(400, {}, {"error": {"message": "not today"}})] * 20
    status = run(settings, once=True, trackers=[])
    assert (status.explained, status.failed) == (0, 1)
    assert "not today" in status.failed_by_reason[0].reason
    server.faults = []
    with Store.open(settings) as store:
        assert request_again(store, settings, None) == 1
    status = run(settings, once=True, trackers=[])
    assert (status.explained, status.failed) == (1, 0)


@pytest.mark.slow
def test_one_answer_that_fails_is_not_the_end_where_a_paused_model_is_tried(
    settings: Settings, server: PlantedServer, at_work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At temperature .8 the prompt itself is asked several times, and one of them is enough."""
    monkeypatch.setattr("smile_trace.worker.explaining.job_models.MIN_PROBE_WAIT", 0.2)
    sampled = {"gen_ai.request.temperature": 0.8}
    span = call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT), **sampled)  # type: ignore[arg-type]
    write_spool(settings.spool, [span])
    server.faults = [(401, {}, {"error": {"message": "wrong key"}})] * 1000
    with at_work(settings) as store:
        wait_for(lambda: store.status().paused_models)
        server.faults = [(400, {}, {"error": {"message": "not today"}})]
        wait_for(lambda: store.status().explained + store.status().failed)
        assert (store.status().explained, server.faults) == (1, [])


@pytest.mark.slow
def test_once_leaves_the_jobs_of_a_model_that_is_gone(
    configure: Configure, server: PlantedServer
) -> None:
    settings = configure(
        models={"gone": {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1", "retries": 0}}
    )
    capture(settings, 1)
    write_spool(settings.spool, [call_span(2, model="gone", prompt=PROMPT)], "b.jsonl")
    status = run(settings, once=True, trackers=[])
    assert (status.explained, status.pending, status.failed) == (1, 1, 0)
    assert status.pending_by_reason[0].count == 1
    assert status.paused_models[0].name == "gone"
    back = configure(
        models={"gone": {"kind": "endpoint", "base_url": server.base_url, "retries": 0}}
    )
    status = run(back, once=True, trackers=[])  # at once: whoever starts it has mended something
    assert (status.explained, status.paused_models) == (2, ())


@pytest.mark.slow
def test_the_daily_cap_holds_to_the_call_and_the_rest_waits(
    configure: Configure, server: PlantedServer
) -> None:
    settings = configure(budget={"calls_per_day": 50, "calls_per_explanation": 20})
    capture(settings, 1, 2, 3, 4)
    status = run(settings, once=True, trackers=[])
    assert len(server.bodies) == status.spent_today.calls <= 50
    assert status.explained >= 1
    assert status.explained + status.pending == 4
    assert any("50 calls per day" in r.reason for r in status.pending_by_reason)
    richer = configure(budget={"calls_per_day": 1000, "calls_per_explanation": 20})
    assert run(richer, once=True, trackers=[]).explained == 4
    assert max(requests_sent(server).values()) == 1  # what was paid for was used


@pytest.mark.slow
def test_a_limit_per_minute_holds_over_all_explanations_under_way(
    configure: Configure, server: PlantedServer
) -> None:
    table = configure().models["planted"].model_dump()
    settings = configure(models={"planted": {**table, "requests_per_minute": 1200}})
    capture(settings, 1, 2)
    began = time.monotonic()
    assert run(settings, once=True, trackers=[]).explained == 2
    assert time.monotonic() - began >= 0.05 * (len(server.bodies) - 1)


def test_a_second_worker_is_refused(settings: Settings, at_work) -> None:
    with at_work(settings):
        wait_for(lambda: (settings.home / "engine.db").exists())
        with pytest.raises(WorkerError, match="another worker"):
            run(settings, once=True, trackers=[])
        assert "runs on" in check_health(settings.home)
    with pytest.raises(WorkerError, match="start smile-trace worker"):
        check_health(settings.home)
    run(settings, once=True, trackers=[])


def test_a_tracker_of_unknown_name_is_said(configure: Configure) -> None:
    with pytest.raises(WorkerError, match=r"trackers\.nonesuch"):
        run(configure(trackers={"nonesuch": {}}), once=True)


def test_a_round_that_fails_because_the_worker_stops_is_explained_later(
    settings: Settings, store: Store
) -> None:
    """At the end the models are closed under what takes too long, and their clients raise."""
    capture(settings, 1)
    Ingest(store, settings).run()
    sample(store, settings)
    [job] = store.jobs.due(now=time.time(), limit=1)
    assert store.jobs.start(job, now=time.time(), worker_id=None)
    retry = StoreRetry()
    models = Models(store, settings, Fleet(1), None, retry)
    explainer = Explainer(store, models, settings, retry)

    async def closed(_: object) -> NoReturn:
        explainer.stop()
        raise RuntimeError("Cannot send a request, as the client has been closed.")

    asyncio.run(explainer.explain(store.jobs.get(job.id), closed))
    status = store.status()
    assert (status.pending, status.running, status.failed) == (1, 0, 0)


def test_a_limit_that_was_raised_is_kept_by_the_run_that_goes_on(
    settings: Settings, store: Store, server: PlantedServer
) -> None:
    """Its rounds so far come from the engine, and are not asked again."""
    message = {"role": "assistant", "content": None, "reasoning_content": "Hm."}
    usage = {"prompt_tokens": 3, "completion_tokens": 600}
    cut = {"choices": [{"message": message, "finish_reason": "length"}], "usage": usage}
    server.faults = [(200, {}, cut)]
    capture(settings, 1)
    Ingest(store, settings).run()
    sample(store, settings)
    rounds: list[StoredRound] = []
    for first in (True, False):
        [job] = store.jobs.due(now=time.time(), limit=1)
        assert store.jobs.start(job, now=time.time(), worker_id=None)
        retry, kept = StoreRetry(), list(rounds)
        models = Models(store, settings, Fleet(1), None, retry)
        explainer = Explainer(store, models, settings, retry)

        async def checkpoint(
            ask: Callable[[], Awaitable[StoredRound]],
            kept: list[StoredRound] = kept,
            explainer: Explainer = explainer,
            first: bool = first,
        ) -> tuple[StoredRound, bool]:
            if kept:
                return kept.pop(0), False
            rounds.append(await ask())
            if first:
                explainer.stop()
            return rounds[-1], True

        asyncio.run(explainer.explain(store.jobs.get(job.id), checkpoint))
    own, *raised = [body["max_tokens"] for body in server.bodies]
    assert own < raised[0]
    assert len(raised) > 2
    assert set(raised) == {raised[0]}
    explained = store.explanation(job.call_id)
    assert explained is not None
    assert "requests were sent again (1 more call)" in explained.summary
    assert explained.cost.target_calls == len(server.bodies)


@pytest.fixture
def workers(settings: Settings, server: PlantedServer) -> Iterator[WorkerProcesses]:
    server.function = slow_answer
    tables = settings_tables(server.base_url, {"worker": {"concurrent_explanations": 2}})
    tables["models"]["planted"]["concurrency"] = 2
    started = WorkerProcesses(settings.home, tables)
    yield started
    started.close()


@pytest.mark.slow
def test_killed_between_rounds_nothing_is_lost_or_paid_twice(
    workers: WorkerProcesses, server: PlantedServer, settings: Settings
) -> None:
    capture(settings, 1, 2)
    kills = 0
    for asked in (5, 25):
        workers.kill_when(lambda asked=asked: len(server.bodies) >= asked)
        kills += 1
    workers.finish()
    tracker = workers.tracker
    assert tracker.visible("explanation") == {f"{trace_id(n)}:{span_id(1)}" for n in (1, 2)}
    assert len(tracker.visible("trace")) == 2
    again = sum(count - 1 for count in requests_sent(server).values())
    assert again <= kills * 2 * 2  # what was in flight: two requests of two explanations
    with Store.open(settings) as store:
        status = store.status()
    assert status.explained == 2
    assert status.spent.calls >= len(server.bodies)


@pytest.mark.slow
def test_a_stop_signal_ends_the_worker_soon_and_the_next_one_goes_on(
    workers: WorkerProcesses, server: PlantedServer, settings: Settings
) -> None:
    capture(settings, 1, 2)
    worker = workers.start()
    wait_for(lambda: len(server.bodies) >= 5)
    worker.terminate()
    worker.join(120)  # 10 s where nothing else runs
    assert worker.exitcode == 0, workers.log()
    assert 5 <= len(server.bodies) < 40
    workers.finish()
    assert max(requests_sent(server).values()) == 1
    assert len(workers.tracker.visible("explanation")) == 2


@pytest.mark.slow
def test_an_answer_that_was_lost_on_its_way_is_visible_once(settings: Settings) -> None:
    tracker = FolderTracker(settings.home / "tracker")
    (tracker.folder / "cut").touch()
    capture(settings, 1)
    run(settings, once=True, trackers=[tracker])
    assert len(tracker.visible("trace")) == 1
    assert len(tracker.deliveries()) == 3  # the trace twice, its explanation once


@pytest.mark.slow
def test_a_call_that_kills_the_worker_is_found_out(
    workers: WorkerProcesses, server: PlantedServer, settings: Settings
) -> None:
    capture(settings, 1)
    hanging = threading.Event()
    server.function = lambda prompt: str(hanging.wait(60))
    for kill in range(1, 6):
        workers.kill_when(lambda kill=kill: len(server.bodies) >= kill)
    hanging.set()
    workers.finish()
    with Store.open(settings) as store:
        [reason] = store.status().failed_by_reason
    assert "the worker died 5 times" in reason.reason


@pytest.mark.slow
def test_a_model_at_its_own_cap_waits_and_holds_up_no_other(
    configure: Configure, server: PlantedServer
) -> None:
    how = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
    settings = configure(models={"capped": {**how, "calls_per_day": 5}})
    for number, model in ((1, "capped"), (2, "capped"), (3, "planted")):
        span = call_span(
            number, prompt=f"{PROMPT} {number}", answer=planted_answer(PROMPT), model=model
        )
        write_spool(settings.spool, [span], f"{number}.jsonl")
    status = run(settings, once=True, trackers=[])
    assert (status.explained, status.pending, status.failed) == (1, 2, 0)
    assert sum(body["model"] == "capped" for body in server.bodies) <= 5
    assert "for the model 'capped' is used up" in status.pending_by_reason[0].reason


def test_the_worker_keeps_house(
    configure: Configure, store: Store, server: PlantedServer, at_work
) -> None:
    settings = configure(retention={"days": 1e-9, "response_days": 1e-9})
    tracker = FakeTracker()
    capture(settings, 1)
    run(settings, once=True, trackers=[tracker])
    assert len(tracker.explanations) == 1
    with at_work(settings, tracker):
        wait_for(lambda: store.status().captured == 0)
    assert store.status().spent.calls == len(server.bodies) > 0
