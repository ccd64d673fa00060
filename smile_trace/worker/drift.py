"""Replays the prompts of `[drift]` every period, in a thread of its own, and raises alarms."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from smile_trace._guards.bounded_http import HEADERS
from smile_trace._guards.presentable import hide, presentable
from smile_trace._text.log_context import about
from smile_trace.errors import SmileTraceError
from smile_trace.models import ModelUnavailable
from smile_trace.probes import Probe
from smile_trace.probes.drift import DriftSeries, drift_of
from smile_trace.probes.fixed_set import (
    DRAWS,
    Unanswered,
    ask_reference,
    choose_cases,
    replay,
    seed_of,
)
from smile_trace.probes.kinds import installed_probes
from smile_trace.records import JSON, Call
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.drift import DriftAlarm, DriftAnswer, NewCase, StoredCase
from smile_trace.store.jobs import Job
from smile_trace.store.spending.ledger import Purpose
from smile_trace.worker.explaining.beside import Waits, waiting
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.telemetry import traced

TIMEOUT = 10.0
"""Seconds for the whole exchange: a receiver that keeps sending a little gets no more of them."""


class NotTold(Exception):
    """The receiver did not take it; the message says why."""


def post(variable: str, document: dict[str, JSON]) -> None:
    """Post a document as JSON to the address in an environment variable, without reading the reply.
    Raises NotTold if it was not taken, or the variable holds no address."""
    address = os.environ.get(variable)
    if not address:
        raise NotTold(f"drift.webhook_env names {variable}, which is not set")
    hide(address)  # whoever knows it may post there
    answered: Future[int] = Future()
    threading.Thread(target=_ask, args=(address, document, answered), daemon=True).start()
    try:
        status = answered.result(TIMEOUT + 1)  # only the look-up of a name cannot be ended
    except TimeoutError:
        raise NotTold(f"it did not answer within {TIMEOUT:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotTold(presentable(f"{type(error).__name__}: {error}")) from None
    if not 200 <= status < 300:
        raise NotTold(f"it answered with status {status}")


def _ask(address: str, document: dict[str, JSON], answered: "Future[int]") -> None:
    """Ask in a thread and an event loop of its own, which can end it wherever it waits."""
    try:
        answered.set_result(asyncio.run(_status(address, document)))
    except BaseException as error:  # noqa: BLE001  raised where it is waited for
        answered.set_exception(error)


async def _status(address: str, document: dict[str, JSON]) -> int:
    connections: list[Any] = []

    async def note(event: str, what: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            connections.append(what["return_value"])

    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx.AsyncClient(headers=HEADERS, timeout=None) as client,
            client.stream("POST", address, json=document, extensions={"trace": note}) as reply,
        ):
            return reply.status_code
    finally:
        for connection in connections:  # httpx leaves one open that is cut off in its handshake
            await connection.aclose()


logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""Time between two looks at what is due."""
WAIT_SECONDS = 300.0
"""Time until a failed request or notice is tried again."""


def period_of(now: float, hours: float) -> str:
    """The beginning of that moment's period, in UTC: `2026-11-27T00:00`."""
    seconds = hours * 3600
    begin = datetime.fromtimestamp(now // seconds * seconds, UTC)
    return begin.isoformat(timespec="minutes").removesuffix("+00:00")


@dataclass
class DriftMonitor:
    """Replays what is due, and tells of alarms. A prompt with an alarm is not asked any more.
    `open_models`: opens the models, which are closed after each replay; `stopping`: ends it before
    the next case. Raises SmileTraceError: `drift.probes` names an unknown probe."""

    store: Store
    settings: Settings
    open_models: Callable[[], Models]
    stopping: threading.Event
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._probes = named(self.settings.drift.probes)
        self._not_before: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def look(self) -> None:
        """Replay each prompt that was not replayed in this period, and tell of alarms."""
        now, due = self.clock(), []
        period = period_of(now, self.settings.drift.period_hours)
        for name in self.settings.drift.prompts:
            if now < self._not_before.get(name, 0.0):
                continue
            if self.store.drift.alarm(name) is not None:
                with self._noting(name, now):
                    self._tell(name)
            elif self.store.drift.last_period(name) != period:
                due.append(name)
        if due:
            asyncio.run(self._replay(due, period, now))

    async def _replay(self, names: Sequence[str], period: str, now: float) -> None:
        models = self.open_models()
        try:
            for name in names:
                with self._noting(name, now):
                    if cases := self.store.drift.cases(name):
                        await self._go_on(name, period, cases, models)
                    else:
                        await self._begin(name, period, models)
        finally:
            await models.close()

    async def _begin(self, name: str, period: str, models: Models) -> None:
        """Choose the set, without what cannot be answered."""
        answered: list[tuple[NewCase, Sequence[DriftAnswer]]] = []
        for case in choose_cases(self.store, name, self.settings.drift.cases):
            if self.stopping.is_set():
                return
            try:
                case, answers = await self._reference(case, period, models)
            except Unanswered as error:
                logger.info("a request of %s is not replayed: %s", name, error)
            else:
                if answers:  # the request has something that a probe varies
                    answered.append((case, answers))
        if not answered:
            raise Unanswered(f"the probes could not be used on any explained call of {name!r} yet")
        self.store.drift.begin(name, answered, period=period, now=self.clock())
        logger.info("%s is replayed from now on: %d requests", name, len(answered))

    async def _reference(
        self, case: NewCase, period: str, models: Models
    ) -> tuple[NewCase, Sequence[DriftAnswer]]:
        call, job = self._call_of(case, period)
        with _asking(models, job):
            model = models.open(job, call, Purpose.PROFILE)
            case = await ask_reference(case, call, model, period)
            embed = models.embeddings(job)
            answers = await replay(
                case, call, model, self._probes, period=period, draws=DRAWS, embed=embed
            )
        return case, answers

    async def _go_on(
        self, name: str, period: str, cases: Sequence[StoredCase], models: Models
    ) -> None:
        answered: list[tuple[StoredCase, Sequence[DriftAnswer]]] = []
        for case in cases:
            if self.stopping.is_set():
                return
            call, job = self._call_of(case, period)
            probes = named(self.store.drift.probes_of(case))
            with _asking(models, job):
                model, embed = models.open(job, call, Purpose.PROFILE), models.embeddings(job)
                answers = await replay(case, call, model, probes, period=period, embed=embed)
            answered.append((case, answers))
        self.store.drift.keep(name, answered, period=period)
        self._test(drift_of(self.store, name, self.settings.drift.false_alarm_rate))

    def _call_of(self, case: NewCase, period: str) -> tuple[Call, Job]:
        """The case's call, and a job that its requests count on: as a profile's, with a cap for
        each case and period."""
        call, job = self.store.traces.call(case.call_id), self.store.jobs.of_call(case.call_id)
        if call is None or job is None:
            raise Unanswered(f"the call {case.call_id} is being explained anew")
        if (refusal := self.store.ledger.refusal(job.settings.model)) is not None:
            raise Postponed(refusal.text, code=refusal.code)
        scope = f"drift {period} {seed_of(case.messages, 'scope', period, 0)}"
        return call, job.model_copy(update={"settings_hash": scope})

    def _test(self, series: DriftSeries) -> None:
        if series.alarm is None:
            last = [(one.probe, one.periods[-1]) for one in series.probes if one.periods]
            told = ", ".join(f"{name} {one.changed} of {one.asked}" for name, one in last)
            logger.info("replayed %s; changed answers: %s", series.prompt, told)
            return
        probe, period = series.alarm
        alarm = DriftAlarm(
            prompt=series.prompt, probe=probe.probe, period=period.period, told=False
        )
        self.store.drift.raise_alarm(alarm)
        logger.warning("%s", sentence(series))
        self._tell(series.prompt)

    def _tell(self, name: str) -> None:
        """Tell of an alarm, unless that has been done; raises NotTold if it was not taken."""
        alarm, variable = self.store.drift.alarm(name), self.settings.drift.webhook_env
        if alarm is None or alarm.told:
            return
        if variable is not None:
            series = drift_of(self.store, name, self.settings.drift.false_alarm_rate)
            post(variable, {"text": sentence(series), **alarm.model_dump(exclude={"told"})})
        self.store.drift.told(name)

    @contextmanager
    def _noting(self, name: str, now: float) -> Iterator[None]:
        """Log what cannot be done for a prompt, once, and let it be tried again in a while."""
        try:
            yield
        except StoreError:
            raise
        except (SmileTraceError, NotTold) as error:
            self._not_before[name] = now + WAIT_SECONDS
            if self._said.get(name) != str(error):
                self._said[name] = str(error)
                logger.warning("drift of %s: %s; it is tried again", name, error)
        else:
            self._said.pop(name, None)


class Postponed(SmileTraceError):
    """A model cannot be asked for now, or a daily cap is reached."""


@contextmanager
def _asking(models: Models, job: Job) -> Iterator[None]:
    """Pause the job's model if it cannot be asked, as an explanation does. Raises Postponed if the
    requests inside cannot go on for now; their answers so far are kept."""
    name = job.settings.model
    try:
        fields = {"trace_id": job.trace_id, "call_id": job.call_id, "model": name}
        with about(**fields), traced("replay"), waiting(name):
            yield
    except Waits as waits:
        if isinstance(waits.error, ModelUnavailable):
            models.unavailable(name, waits.error)
        raise Postponed(str(waits), code=waits.error.code) from waits
    if models.is_paused(name):
        models.answered(name)


def sentence(series: DriftSeries) -> str:
    """An alarm in words."""
    assert series.alarm is not None
    probe, period = series.alarm
    return (
        f"{series.prompt} no longer answers as it did on {series.reference}: by {probe.probe}, "
        f"{period.changed} of {period.asked} answers changed in the period from {period.period}, "
        f"{probe.reference_changed} of {probe.reference_asked} at the beginning; the chance that "
        f"such an alarm is false is at most {series.false_alarm_rate:.3g}"
    )


def named(names: Sequence[str]) -> list[Probe]:
    """The probes of those names; raises SmileTraceError for an unknown one."""
    known = installed_probes()
    if unknown := [name for name in names if name not in known]:
        raise SmileTraceError(
            f"drift.probes: there is no probe {unknown[0]!r}: use {', '.join(known)}"
        )
    return [known[name] for name in dict.fromkeys(names)]
