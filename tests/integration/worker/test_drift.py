"""Prompts that are replayed every period: a swapped model is found, and somebody is told."""

import json
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.errors import SmileTraceError
from smile_trace.probes.drift import drift_of
from smile_trace.probes.fixed_set import DRAWS, choose_cases
from smile_trace.probes.review.tasks import stored_tasks
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.retention import apply_retention
from smile_trace.worker.drift import WAIT_SECONDS, DriftMonitor, NotTold, period_of, post
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.fleet import Fleet
from smile_trace.worker.forget import find, forget
from smile_trace.worker.metrics import StatusCollector
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from smile_trace.worker.store_retry import StoreRetry
from tests.support.judged import judgement, with_profile
from tests.support.planted import PlantedServer
from tests.support.replayed import DAY, OLD, Receiver, SwappedModel, with_explained
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id
from tests.support.store_rows import call_id, explanation, only

CASES = 5
MODELS = int(os.environ.get("MODELS", "4"))  # `make bench-drift` swaps 20
BEGIN = 1_764_244_800.0
HANGING = 120.0  # seconds after which something never ends

Configure = Callable[..., Settings]


class Clock:
    """Unix seconds that the test sets."""

    now = BEGIN

    def __call__(self) -> float:
        return self.now


def monitor_of(store: Store, settings: Settings, clock: Clock) -> DriftMonitor:
    """As the worker has it."""
    models = partial(Models, store, settings, Fleet(4), None, StoreRetry(), clock)
    return DriftMonitor(store, settings, models, threading.Event(), clock)


@pytest.mark.slow
def test_swapped_models_are_found_within_three_periods(
    configure: Configure, server: PlantedServer
) -> None:
    names = [f"prompt {n:02}" for n in range(MODELS)]
    model = SwappedModel({name: 1 + n % 2 for n, name in enumerate(names)}, noise=0.03)
    server.function = model
    settings = configure(
        drift={"prompts": names, "cases": CASES},
        budget={"calls_per_day": None, "usd_per_day": None},
    )
    store, clock = Store.open(settings), Clock()
    try:
        for n, name in enumerate(names):
            with_explained(store, name, 100 * n + 1, CASES)
        monitor = monitor_of(store, settings, clock)
        for model.period in range(5):
            monitor.look()
            asked = len(server.bodies)
            monitor.look()
            assert len(server.bodies) == asked, "once a period"
            clock.now += DAY
        found = 0
        for name in names:
            alarm = store.drift.alarm(name)
            soon = {period_of(BEGIN + (model.at(name) + k) * DAY, 24) for k in range(3)}
            found += alarm is not None and alarm.period in soon
        assert found >= 0.9 * MODELS
        assert len(server.bodies) <= MODELS * CASES * (1 + DRAWS + 4)
    finally:
        store.close()


@pytest.mark.slow
def test_a_dry_run_counts_what_is_replayed(configure: Configure, server: PlantedServer) -> None:
    server.function = SwappedModel({"support": 9})
    settings = configure(drift={"prompts": ["support", "other"], "cases": CASES})
    clock = Clock()
    with Store.open(settings, clock) as store:
        with_explained(store, "support", 1, CASES + 2)
        for requests in (1 + DRAWS, 1):
            [planned] = plan(settings, clock).models
            asked, tokens = len(server.bodies), store.status().spent.tokens
            assert (planned.explanations, planned.calls) == (0, CASES * requests)
            assert planned.replays == planned.calls
            monitor_of(store, settings, clock).look()
            assert len(server.bodies) == asked + planned.calls
            assert planned.tokens is not None
            assert store.status().spent.tokens - tokens <= planned.tokens
            assert plan(settings, clock).models == (), "once a period"
            clock.now += DAY


def test_the_worker_replays_raises_an_alarm_and_tells_of_it(
    configure: Configure,
    server: PlantedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.function = model = SwappedModel({"support": 1})
    clock = Clock()
    with Receiver() as receiver, caplog.at_level(logging.INFO):
        monkeypatch.setenv("ALARMS", f"{receiver.url}/hook")
        settings = configure(
            drift={"prompts": ["support"], "cases": CASES, "webhook_env": "ALARMS"},
            budget={"calls_per_day": None, "usd_per_day": None},
        )
        store = Store.open(settings)
        with_explained(store, "support", 1, CASES)
        for model.period in range(2):
            run(settings, once=True, trackers=[], clock=clock)
            clock.now += DAY
        alarm = store.drift.alarm("support")
        assert alarm is not None
        assert alarm.period == period_of(BEGIN + DAY, 24)
        assert not alarm.told, "the first post was refused"
        assert "support no longer answers as it did on 2025-11-27T00:00" in caplog.text
        assert "drift of support: it answered with status 500" in caplog.text
        asked = len(server.bodies)
        assert store.status().spent.calls == asked == CASES * (1 + DRAWS + 1)
        monitor = monitor_of(store, settings, clock)
        for _ in range(2):
            monitor.look()
        assert len(server.bodies) == asked, "it is asked no more"
        refused, taken = receiver.requests
        assert refused.body == taken.body
        assert taken.body["prompt"] == "support"
        assert taken.body["text"] in caplog.text
        metrics = {one.name: one.samples for one in StatusCollector(store, settings).collect()}
        [sample] = metrics["smile_trace_drift_alarm"]
        assert (sample.labels, sample.value) == ({"prompt": "support"}, 1.0)
        [share] = metrics["smile_trace_drift_other_answers"]
        assert (share.labels["probe"], share.value) == ("stability", 1.0)
        store.close()
        shown(monkeypatch, settings)


def shown(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The command shows the series, and begins anew."""
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    command = CliRunner()
    told = command.invoke(app, ["drift", "support"])
    assert told.exit_code == 0, told.output
    assert "support: 5 requests, 0 of them failures that people confirmed" in told.output
    assert "0 of 15  reference" in told.output
    assert "5 of 5" in told.output
    assert "ALARM" in told.output
    read = json.loads(command.invoke(app, ["drift", "support", "--json"]).output)
    assert read["probes"][0]["reference_asked"] == CASES * DRAWS
    assert command.invoke(app, ["drift", "support", "--restart"]).exit_code == 0
    for again in (["drift", "support"], ["test", "support", "--series"]):  # its name of before
        error = command.invoke(app, again).exception
        assert isinstance(error, SmileTraceError)
        assert "no prompt or function named 'support' is replayed" in str(error)


@pytest.mark.slow
def test_a_model_that_cannot_be_asked_is_asked_later_and_nothing_twice(
    configure: Configure, server: PlantedServer
) -> None:
    server.function = SwappedModel({"support": 9})
    settings = configure(
        drift={"prompts": ["support"], "cases": CASES, "probes": ["stability", "paraphrase"]},
        budget={"calls_per_day": None, "usd_per_day": None},
    )
    store, clock = Store.open(settings), Clock()
    try:
        with_explained(store, "support", 1, CASES)
        monitor = monitor_of(store, settings, clock)
        monitor.look()
        begun = len(server.bodies)
        assert begun == CASES * (1 + 2 * DRAWS)
        clock.now += DAY
        server.faults += [None, None, None, (503, {}, {"error": {"message": "away"}})]
        monitor.look()
        monitor.look()  # not before WAIT_SECONDS
        assert store.drift.last_period("support") == period_of(BEGIN, 24)
        assert store.pauses.all()
        clock.now += WAIT_SECONDS
        monitor.look()
        assert store.drift.last_period("support") == period_of(clock.now, 24)
        assert len(server.bodies) <= begun + 2 * CASES + 2
        assert not store.pauses.all()
        found = drift_of(store, "support", 0.05)
        assert [one.probe for one in found.probes] == ["paraphrase", "stability"]
        assert [one.alarm_from for one in found.probes] == [pytest.approx(40.0)] * 2
        assert found.alarm is None
    finally:
        store.close()


def test_the_set_is_what_people_confirmed_and_stays_until_it_is_forgotten(
    configure: Configure, server: PlantedServer
) -> None:
    server.function = lambda prompt: OLD
    settings = configure(drift={"prompts": ["chat planted"], "cases": 2})
    with Store.open(settings) as store:
        with_profile(store)
        [order] = sample_profile().found
        item = stored_tasks(store)[order.variants[0].id].item
        store.judgements.keep([(item, judgement(item, "anna"))])
        store.jobs.explain(only(store.jobs.due(now=5.0, limit=1)), explanation(), now=6.0)
        case, own = choose_cases(store, "chat planted", 2)
        assert (case.call_id, case.confirmed) == (own.call_id, not own.confirmed)
        assert case.messages == order.variants[0].messages
        with_explained(store, "another", 2, 1)
        store.drift.begin("chat planted", [(case, [])], period="p", now=1.0)
        apply_retention(store.database, settings.retention, clock=lambda: BEGIN + 1000 * DAY)
        assert store.traces.call(call_id(1)) is not None
        assert store.traces.call(call_id(2)) is None
        forget(settings, find(settings, trace=trace_id(1)), trackers=[])
        assert store.drift.cases("chat planted") == []


def test_an_unknown_probe_is_said_at_the_start(tmp_path: Path, configure: Configure) -> None:
    tables: dict[str, Any] = {"prompts": ["a"], "probes": ["odrer"]}
    with pytest.raises(SmileTraceError, match="no probe 'odrer': use stability"):
        run(configure(drift=tables), once=True, trackers=[])


DRIPPED = {
    "header": ("http", b"HTTP/1.1 200 OK\r\nx: ", b"x"),
    "not yet": ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "handshake": ("https", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", b"\x00"),
}
"""How a receiver never comes to an end: what it begins with, and what it says for ever."""


@pytest.mark.parametrize("how", DRIPPED)
def test_a_webhook_that_never_ends_is_hung_up_on(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme, beginning, more = DRIPPED[how]
    hung_up, said = threading.Event(), queue.Queue[BaseException | None]()

    def drip() -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):  # once the other side has hung up
            client.recv(1)
            client.sendall(beginning)
            while True:
                client.sendall(more)
                time.sleep(0.01)
        hung_up.set()

    def tell() -> None:
        try:
            post("ALARMS", {"text": "an alarm"})
            said.put(None)
        except BaseException as error:  # noqa: BLE001  the test looks at it
            said.put(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("ALARMS", address)
        monkeypatch.setattr("smile_trace.worker.drift.TIMEOUT", 0.2)
        for work in (drip, tell):
            threading.Thread(target=work, daemon=True).start()
        error = said.get(timeout=HANGING)
        assert isinstance(error, NotTold)
        assert str(error) == "it did not answer within 0.2 seconds"
        assert hung_up.wait(HANGING)
