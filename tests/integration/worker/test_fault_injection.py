"""Models and trackers that take nothing for a while: everything waits, and arrives by itself.

The worker is the real one; only its clock is turned.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.settings import Settings
from smile_trace.store.queries.status import TrackerCounts
from smile_trace.trackers import CapturedTrace, Outcome, TrackerUnavailable
from smile_trace_contracts.fake_http_server import Answer, Fault
from smile_trace_mlflow import MLflowTracker
from tests.support.fake_tracker import FakeTracker
from tests.support.fault_injection import DAY, HOUR, ClockedWorker, Start
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import FixedServer, PlantedServer, running, serving
from tests.support.reverse_proxy import ReverseProxy
from tests.support.spooled import trace_id
from tests.support.worker_settings import capture, planted_answer, requests_sent, wait_for

Configure = Callable[..., Settings]


QUOTA = {"message": "no money left", "code": "insufficient_quota", "type": "insufficient_quota"}
WRONG: dict[str, tuple[int, dict[str, str], Any]] = {
    "wrong key": (401, {}, {"error": {"message": "wrong key"}}),
    "no money left": (429, {}, {"error": QUOTA}),
    "too busy": (503, {}, {"error": {"message": "overloaded"}}),
    "does not answer": (0, {}, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["wrong key", "does not answer"])
def test_a_model_is_gone_for_an_hour(
    reason: str,
    settings: Settings,
    server: PlantedServer,
    start: Start,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    server.faults = [WRONG[reason]] * 1000
    capture(settings, 1, 2, 3)
    tracker = FakeTracker()
    worker = start(settings, tracker)
    wait_for(lambda: worker.store.status().paused_models)
    worker.clock.pass_time(HOUR)
    status = worker.store.status()
    assert (status.pending + status.running, status.failed) == (3, 0)
    [paused] = status.paused_models
    assert (paused.name, reason in paused.reason) == ("planted", True)
    assert paused.next_try - worker.clock.now <= 600
    # tried again ever more rarely, and by one explanation at a time (its concurrency is 8)
    assert paused.tries <= 12
    assert len(server.bodies) <= 3 * 8 + 12 * 8
    server.faults = []
    worker.until(lambda: len(tracker.explanations) == 3)
    status = worker.store.status()
    assert (status.explained, status.failed, status.paused_models) == (3, 0, ())
    assert max(requests_sent(server).values()) > 1  # what was refused was asked again
    assert said(caplog, "planted is paused") == said(caplog, "planted answers again") == 1


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["no money left", "does not answer", "is not reached"])
def test_a_model_that_is_gone_for_long_costs_no_explanation(
    reason: str,
    configure: Configure,
    server: PlantedServer,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One call waits and is what the model is tried with, retries and all, time and again."""
    monkeypatch.setattr("smile_trace.models.retry.MAX_WAIT", 0.01)
    planted = configure().models["planted"].model_dump() | {"retries": 4}
    settings = configure(models={"planted": planted}, budget={"calls_per_explanation": 12})
    capture(settings, 1)
    port = server.server_address[1]
    if reason in WRONG:
        server.faults = [WRONG[reason]] * 10_000
    else:
        server.shutdown()
        server.server_close()
    worker = start(settings, FakeTracker())
    wait_for(lambda: worker.store.status().paused_models)
    worker.until(lambda: worker.store.status().paused_models[0].tries > 8)
    status = worker.store.status()
    assert (status.pending + status.running, status.failed) == (1, 0)
    server.faults = []
    # A connection that broke may have been a paid answer: what was sent so before the pause
    # counts, and only that. The request that the model was tried with is one more.
    texts = 12 if reason != "does not answer" else 12 - (1 + 4) + 1
    again = nullcontext(server) if reason in WRONG else running(FixedServer(planted_answer, port))
    with again as back:
        worker.until(lambda: worker.store.status().explained == 1)
        assert len(set(requests_sent(back))) == texts
        asked = len(server.bodies) + len(back.bodies) * (back is not server)
        assert worker.store.status().spent.calls == asked


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["too busy", "no money left"])
def test_a_model_that_goes_in_the_middle_takes_no_explanation_with_it(
    wrong: str,
    configure: Configure,
    server: PlantedServer,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything in flight is refused with all its retries: more than an explanation's cap."""
    monkeypatch.setattr("smile_trace.models.retry.MAX_WAIT", 0.01)
    planted = configure().models["planted"].model_dump() | {"retries": 4}
    settings = configure(models={"planted": planted}, budget={"calls_per_explanation": 12})
    server.faults = [None] * 3 + [WRONG[wrong]] * 1000
    capture(settings, 1)
    worker = start(settings, FakeTracker())
    wait_for(lambda: worker.store.status().paused_models)
    server.faults = []
    worker.until(lambda: worker.store.status().explained == 1)
    assert len(set(requests_sent(server))) == 12
    assert worker.store.status().spent.calls == len(server.bodies)


@pytest.mark.slow
def test_word_vectors_that_are_gone_pause_nobody_else(
    configure: Configure, server: PlantedServer, start: Start
) -> None:
    with serving(lambda prompt: "") as vectors:
        vectors.faults = [(503, {}, {"error": {"message": "overloaded"}})] * 1000
        here = {"kind": "endpoint", "base_url": vectors.base_url, "retries": 0}
        settings = configure(models={"vectors": here}, explain={"embeddings": "vectors"})
        capture(settings, 1, 2)
        worker = start(settings, FakeTracker())
        wait_for(lambda: worker.store.status().paused_models)
        worker.clock.pass_time(HOUR)
        status = worker.store.status()
        assert [paused.name for paused in status.paused_models] == ["vectors"]
        assert (status.failed, status.explained) == (0, 0)
        assert len(vectors.bodies) <= 4 + status.paused_models[0].tries
        assert max(requests_sent(server).values()) == 1  # answers that came are not asked for again
        vectors.faults = []
        worker.until(lambda: worker.store.status().explained == 2)
        assert max(requests_sent(server).values()) == 1
        assert worker.store.status().paused_models == ()
        day = worker.store.ledger.today()
        assert worker.store.ledger.spent("model", f"{day}/vectors").calls == len(vectors.bodies)


class HangingTracker(FakeTracker):
    """It answers nothing until it is `released`."""

    def __init__(self) -> None:
        super().__init__("hanging")
        self.held, self.released = threading.Event(), threading.Event()

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        self.held.set()
        assert self.released.wait(300)
        return super().deliver_traces(items)


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_tracker_that_hangs_and_one_that_fails_hold_up_no_other(
    settings: Settings, at_work
) -> None:
    well, ill, hanging = FakeTracker("well"), FakeTracker("ill"), HangingTracker()
    ill.fail_with = TrackerUnavailable("it is down", retry_after=0.1)
    capture(settings, 1, 2)
    with at_work(settings, hanging, ill, well) as store:
        try:
            wait_for(lambda: len(well.explanations) == 2)
            assert hanging.held.is_set()
            assert hanging.log == ill.log == []

            def of_ill() -> tuple[str | None, int]:
                [one] = [one for one in store.status().trackers if one.name == "ill"]
                return one.unavailable, one.waiting

            wait_for(lambda: of_ill() == ("it is down", 4))
        finally:
            hanging.released.set()
        ill.fail_with = None
        wait_for(lambda: len(hanging.explanations) == len(ill.explanations) == 2)
    for one in (well, ill, hanging):
        assert len(one.log) == len(set(one.log)) == 4, one.name


@pytest.mark.slow
@pytest.mark.mlflow
@pytest.mark.usefixtures("server")
def test_a_real_mlflow_is_down_then_refuses_then_its_experiment_is_deleted(
    settings: Settings, mlflow_server: MLflowServer, start: Start
) -> None:
    experiment = mlflow_server.new_experiment()
    client = MlflowClient()
    with ReverseProxy(mlflow_server.port) as proxy:
        proxy.faults = [Fault("close", times=None)]
        tracker = MLflowTracker.from_settings({"tracking_uri": proxy.url, "experiment": experiment})
        assert tracker is not None
        capture(settings, 1, 2)
        worker = start(settings, tracker)

        def counted() -> TrackerCounts:
            [one] = worker.store.status().trackers
            return one

        def wait_until_it_says(text: str) -> None:
            worker.until(
                lambda: any(text in (t.unavailable or "") for t in worker.store.status().trackers)
            )

        wait_until_it_says("does not answer")
        worker.until(lambda: worker.store.status().explained == 2)
        proxy.faults = [Fault("answer", Answer(401, b""), times=None)]
        wait_until_it_says("refuses our credentials")
        proxy.faults = []
        worker.until(lambda: counted().explanations == 2)
        found = client.get_experiment_by_name(experiment)
        assert found is not None
        client.delete_experiment(found.experiment_id)
        capture(settings, 3, 4)
        wait_until_it_says("was deleted: restore it")
        client.restore_experiment(found.experiment_id)
        worker.until(lambda: counted().explanations == 4)
        assert (counted().traces, counted().waiting, counted().refused) == (4, 0, ())
        worker.stop()
    kept = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    assert {t.info.trace_id for t in kept} == {f"tr-{trace_id(n)}" for n in (1, 2, 3, 4)}
    assert [len(t.data.spans) for t in kept] == [2] * 4
    assessed = [sorted(a.name for a in t.info.assessments) for t in kept]
    assert assessed == [["smile.driver", "smile.verdict"]] * 4


@pytest.mark.slow
def test_a_clock_that_is_put_back_a_day_holds_nothing_up(
    settings: Settings, server: PlantedServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.worker.run.MAINTENANCE_SECONDS", 0.5)
    tracker = FakeTracker()
    tracker.fail_with = TrackerUnavailable("it is down", retry_after=300.0)
    server.faults = [(401, {}, {"error": {"message": "wrong key"}})] * 1000
    capture(settings, 1)
    worker = start(settings, tracker)
    wait_for(lambda: worker.store.status().paused_models)
    wait_for(lambda: worker.store.status().trackers[0].paused)
    worker.clock.now -= DAY
    server.faults, tracker.fail_with = [], None
    wait_for(lambda: len(tracker.explanations) == 1)  # without another second passing


@pytest.mark.slow
def test_a_clock_that_goes_back_and_forth_pays_no_day_twice(
    configure: Configure, server: PlantedServer, start: Start
) -> None:
    settings = configure(budget={"calls_per_day": 30, "calls_per_explanation": 10})
    capture(settings, *range(1, 13))
    worker = start(settings, FakeTracker())
    began, seen = worker.clock.now, set[str]()
    for later in (0, 1, 0, 1, 0):  # each from its beginning, however long the last one took
        worker.clock.now = began + later * DAY
        seen.add(worker.store.ledger.today())
        worker.until(lambda: spent(worker) == 30)
    assert len(seen) == 2
    for day in seen:
        assert worker.store.ledger.spent("day", day).calls == 30
    worker.until(lambda: len(server.bodies) >= 60)  # the last one is spent before it is sent
    assert len(server.bodies) == 60
    assert worker.store.status().failed == 0


def spent(worker: ClockedWorker) -> int:
    ledger = worker.store.ledger
    return ledger.spent("day", ledger.today()).calls


def said(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)
