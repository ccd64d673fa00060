"""A job's work beside its explanation: profiles, sanity checks, the path of its trace."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace.attribution import Embed
from smile_trace.errors import BudgetExceeded, SmileTraceError
from smile_trace.evaluation import sanity_check
from smile_trace.explaining.api import ask_once, explain_metered
from smile_trace.explaining.driver import OnRound
from smile_trace.explaining.inputs import answered_call
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.path_walk import STEP_BUDGET, PathWalk
from smile_trace.explaining.paths import PATH_DEPTH
from smile_trace.explaining.preparation import Prepared
from smile_trace.models import Model, ModelUnavailable
from smile_trace.models.metered import MeteredModel
from smile_trace.probes import Probe, Variant, profile_metered
from smile_trace.records import JSON, Call, Explanation, Perturbation, Prompted, Response, Trace
from smile_trace.records.call import trace_id_of
from smile_trace.records.evaluation import SanityCheck
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.spending.ledger import Purpose
from smile_trace.store.stored import look, of_step
from smile_trace.store.tables import Group
from smile_trace.worker.explaining.job_models import Models

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS, _LONGEST_WAIT = 0.5, 300.0
"""Between two looks at a call that is being explained, and until it is asked beside that: it may
wait for this very place."""


class Waits(Exception):
    """Requests beside an explanation cannot go on for now; the answers so far are in the store, and
    not asked for again."""

    def __init__(self, error: ModelUnavailable | BudgetExceeded) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def waiting(model: str | None) -> Iterator[None]:
    """Turn passing errors into `Waits`. `model` is blamed unless an error names another one."""
    try:
        yield
    except ModelUnavailable as error:
        if error.permanent:
            raise
        error.model = error.model or model
        raise Waits(error) from error
    except BudgetExceeded as error:
        if not error.daily:
            raise
        raise Waits(error) from error


def note_answers(models: Models, name: str, responses: Sequence[Response]) -> None:
    """End the pause of a model that has answered."""
    if models.is_paused(name) and any(r.ok and not r.cached for r in responses):
        models.answered(name)


def is_profiled(call: Call, settings: Settings, *, pooled: bool) -> bool:
    """Whether the call is profiled, once it is explained; the same answer every time. `pooled`: its
    explanation counts only together with many."""
    wanted = settings.probes
    if pooled or (wanted.prompts and Group.of(call).name not in wanted.prompts):
        return False
    return trace_fraction(f"profile {call.id}") < wanted.rate


def day_of(call: Call) -> str:
    """The UTC day of the call, which decides its seed: `2026-11-27`."""
    return datetime.fromtimestamp(call.start_ns / 1e9, UTC).date().isoformat()


def seed_of(call_id: str, period: str) -> int:
    """The seed of the variants in a call's profile, different in every period."""
    return int(hashlib.sha256(f"profile {period} {call_id}".encode()).hexdigest()[:7], 16)


async def profile_call(
    job: Job,
    call: Call,
    probes: Sequence[Probe],
    models: Models,
    settings: Settings,
    on_answers: Callable[..., None],
) -> Profile:
    """The profile of the job's call.

    Its rounds are no steps of the engine: their answers are in the store, so that they are repeated
    for free. `on_answers`: called after every round; what it raises ends the profile. Raises Waits
    if a model cannot be asked for now, or a daily cap is reached; SmileTraceError if it cannot be
    profiled.
    """
    name, seed = job.settings.model, seed_of(call.id, day_of(call))

    def told(sent: Sequence[Variant], responses: Sequence[Response]) -> None:
        note_answers(models, name, responses)
        on_answers(sent, responses)

    with waiting(name):
        model = models.open(job, call, Purpose.PROFILE)
        options = ExplainOptions(budget=settings.budget.calls_per_profile, seed=seed)
        prepared = Prepared(Prompted.of(call), model, options, how=None)
        embed = models.embeddings(job)
        return await profile_metered(prepared, model, probes, embed=embed, on_answers=told)


logger = logging.getLogger(__name__)


def is_checked(call_id: str, rate: float) -> bool:
    """Whether the explanation of this call is checked; the same answer every time."""
    return trace_fraction(f"sanity check {call_id}") < rate


async def with_check(
    explanation: Explanation,
    job: Job,
    prompted: Prompted,
    model: Model,
    embed: Embed | None,
    on_round: OnRound,
) -> Explanation:
    """The explanation with the sanity check in its metadata. A finished explanation waits for
    nothing: if the model cannot be asked, or a cap is reached, the check is inconclusive."""
    try:
        found = await sanity_check(prompted, model, job.settings, embed=embed, on_round=on_round)
    except (ModelUnavailable, BudgetExceeded) as error:
        found = SanityCheck(outcome="inconclusive", reason=str(error))
    logger.info("sanity check of %s %s: %s", job.call_id, found.outcome, found.reason)
    metadata = {**explanation.metadata, "sanity_check": found.model_dump(mode="json")}
    return explanation.model_copy(update={"metadata": metadata})


def trace_to_follow(store: Store, job: Job, settings: Settings) -> Trace | None:
    """The trace of several calls whose path is wanted and missing in this attempt, if the job
    explains its final answer by itself."""
    if not settings.explain.path or job.settings.pooled or store.paths.is_there(job):
        return None
    return trace_ending_with(job.call_id, store)


def trace_ending_with(call_id: str, store: Store) -> Trace | None:
    """The trace of several calls whose final answer is that of this call; None for any other."""
    try:
        trace = store.trace(trace_id_of(call_id))
        final = answered_call(trace).id
    except (KeyError, SmileTraceError):  # it was removed just now, or no call has an answer
        return None
    return trace if len(trace.calls) > 1 and final == call_id else None


class Read(Protocol):
    """Reads the store off the event loop, however long that takes."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns."""
        ...


async def explain_trace_path(
    job: Job,
    trace: Trace,
    models: Models,
    settings: Settings,
    on_round: OnRound,
    *,
    store: Store,
    read: Read,
) -> ExplanationPath:
    """The path of the trace that ends with the job's call, to which the calls of all steps are
    charged.

    Its rounds are no steps of the engine: their answers are in the store, so that they are repeated
    for free. `on_round`: called after every round; what it raises ends the path. Raises Waits if a
    model cannot be asked for now, or a daily cap is reached; SmileTraceError if the final answer
    cannot be explained within the budget of a path.
    """
    asking = _Asking(job, models, settings, on_round, store, read)
    options = ExplainOptions(budget=settings.budget.calls_per_path)
    return await PathWalk(trace, asking, options, PATH_DEPTH).run(answered_call(trace))


@dataclass
class _Asking:
    """Asks the calls of one path with the worker's models."""

    job: Job
    models: Models
    settings: Settings
    on_round: OnRound
    store: Store
    read: Read

    def __post_init__(self) -> None:
        self._embed = self.models.embeddings(self.job)

    async def stored(self, call: Call, options: ExplainOptions) -> Explanation | None:
        """See `path_walk.Asking.stored`. A call that is being explained is waited for."""
        if call.id != self.job.call_id:
            await self._wait_for(call)
        own = self._own(call, options)
        asked = of_step({}, unit=own.unit, protect=own.protect, answer_part=own.answer_part)
        found = await self.read(look, self.store, call.id, asked)
        return found.as_thorough(options.calls, options.answer_part)

    async def most(self, call: Call) -> int:
        """See `path_walk.Asking.most`: as many as a job that waits will ask, which are then shared,
        and give the same explanation."""
        waits = await self._state(call) == "pending"
        return self._own(call).calls if waits else STEP_BUDGET

    async def explain(self, call: Call, options: ExplainOptions) -> Explanation:
        """See `path_walk.Asking.explain`."""
        with waiting(call.model):
            model = self._opened(call)
            prepared = Prepared(Prompted.of(call), model, self._own(call, options), how=None)
            return await explain_metered(
                prepared, model, embed=self._embed, on_round=partial(self._told, call)
            )

    async def _wait_for(self, call: Call) -> None:
        ends = asyncio.get_running_loop().time() + _LONGEST_WAIT
        while await self._state(call) == "running" and asyncio.get_running_loop().time() < ends:
            self.on_round((), ())
            await asyncio.sleep(_POLL_SECONDS)

    async def _state(self, call: Call) -> str | None:
        job = await self.read(self.store.jobs.newest, call.id)
        return None if job is None else job.state

    def _own(self, call: Call, step: ExplainOptions | None = None) -> ExplainOptions:
        """The options with which the worker explains the call, as a step of the path. What the
        prompt's own settings protect narrows another question, and would end the path."""
        own = ExplainOptions.from_settings(self.settings, call.model or "*", call)
        if step is None:
            return own
        plain = ExplainOptions.from_settings(self.settings, call.model or "*")
        if own.protect != plain.protect:
            own = replace(own, unit=plain.unit, protect=plain.protect)
        unit = own.unit if step.unit == "auto" else step.unit
        return replace(own, unit=unit, budget=step.budget, answer_part=step.answer_part, proxy=None)

    async def answer(self, call: Call, parameters: dict[str, JSON]) -> Response:
        """See `path_walk.Asking.answer`."""
        prompted = Prompted.of(call).model_copy(update={"parameters": parameters})
        with waiting(call.model):
            response = await ask_once(prompted, self._opened(call))
        self._told(call, (), [response])
        return response

    def _opened(self, call: Call) -> MeteredModel:
        update = {"model": call.model or "*"}
        settings = self.job.settings.model_copy(update=update)
        job = self.job.model_copy(update={"settings": settings})
        return self.models.open(job, call, Purpose.PATH)

    def _told(
        self, call: Call, asked: Sequence[Perturbation], responses: Sequence[Response]
    ) -> None:
        note_answers(self.models, call.model or "*", responses)
        self.on_round(asked, responses)
