"""One job from its call to its explanation, round by round; knows nothing of the engine."""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ParamSpec, TypeVar

from smile_trace._guards.presentable import presentable
from smile_trace.attribution import Embed, Study
from smile_trace.comparison.pooled_study import PooledStudy
from smile_trace.errors import BudgetExceeded, Reason, ReasonCode, SmileTraceError
from smile_trace.explaining.driver import (
    ExplanationFailed,
    StudyVectors,
    ask_round,
    finish,
    resolve_signal,
    run_in_thread,
)
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study, why_no_proxy
from smile_trace.models import Model, ModelUnavailable, NotRepeatable, ReasoningRefused
from smile_trace.models.metered import MeteredModel
from smile_trace.probes import chosen
from smile_trace.records import (
    JSON,
    Call,
    Cost,
    Explanation,
    Perturbation,
    Prompted,
    Response,
    Trace,
)
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.jobs import Job
from smile_trace.store.spending.accounts import Spent
from smile_trace.store.spending.ledger import Purpose
from smile_trace.worker.explaining.beside import (
    Waits,
    day_of,
    explain_trace_path,
    is_checked,
    is_profiled,
    profile_call,
    trace_to_follow,
    with_check,
)
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.explaining.proxy_screen import note, pair_of, unused, why_dropped
from smile_trace.worker.store_retry import StoreRetry
from smile_trace.worker.telemetry import describe, traced

logger = logging.getLogger(__name__)

StoredRound = dict[str, JSON]
Checkpoint = Callable[[Callable[[], Awaitable[StoredRound]]], Awaitable[tuple[StoredRound, bool]]]
"""Runs a round and stores its JSON result, or returns another worker's stored one; and whether it
ran."""

MAX_CRASHES = 5
"""A job counts as the cause if this many workers died in turn while it ran, without a round in
between."""
BUDGET_WAIT = 300.0
"""Seconds until a job that met the daily cap tries again (it may have been raised)."""
_BESIDE = "explained, and its path or profile waits: "
"""Said of a job whose explanation is kept."""
ENGINE_WAIT = 5.0
"""Seconds until a job whose round the engine could not keep is started again."""

P = ParamSpec("P")
T = TypeVar("T")


class _Postponed(Exception):
    """The attempt ends here, and a later one goes on: the worker stops, or the round that was kept
    is another one."""


@dataclass(frozen=True)
class _Asked:
    """A job's study, and the models that answer its rounds."""

    job: Job
    call: Call
    study: Study
    model: MeteredModel
    proxy: MeteredModel | None
    vectors: StudyVectors

    def go_on_after(self, rows: Sequence[Perturbation], responses: Sequence[Response]) -> None:
        """Keep the raised limit of a round that another run asked: it is raised once."""
        for row, response in zip(rows, responses, strict=True):
            model = self.proxy if row.asked == "proxy" else self.model
            if model is not None and response.limit is not None:
                model.limit = response.limit


@dataclass
class Explainer:
    """Explains jobs of the store with the models of the settings. Raises SmileTraceError:
    `probes.only` names an unknown probe."""

    store: Store
    models: Models
    settings: Settings
    store_retry: StoreRetry
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._probes = chosen(self.settings.probes.only or None)
        self._stopping = False

    def stop(self) -> None:
        """Return every running explanation to pending after its current round."""
        self._stopping = True

    async def explain(self, job: Job, checkpoint: Checkpoint) -> None:
        """Explain a running job; its outcome is in the store.

        Raises:
            StoreUnavailable: the worker stops while nothing can be written; the job is still
                running, and a later worker goes on with it.
        """
        if job.crashes >= MAX_CRASHES:
            said = f"the worker died {job.crashes} times while explaining this"
            await self._fail(job, Reason(ReasonCode.WORKER_CRASHED, said))
            return
        with traced("explain"):
            await self._with_outcome(job, checkpoint)

    async def _with_outcome(self, job: Job, checkpoint: Checkpoint) -> None:
        """Explain the job, or say in the store why it waits or failed."""
        try:
            await self._explain(job, checkpoint)
        except _Postponed:
            await self._postpone(job, None, 0.0)
        except Waits as waits:
            await self._wait(job, waits.error, BUDGET_WAIT, said=_BESIDE)
        except (ModelUnavailable, BudgetExceeded) as error:
            if isinstance(error, NotRepeatable):  # it must not hold up the model's other calls
                await self._fail(job, error.reason)
            else:
                await self._wait(job, error)
        except StoreUnavailable:
            await self._postpone(job, None, ENGINE_WAIT)
        except SmileTraceError as error:
            await self._fail(job, error.reason)
        except Exception as error:
            if self._stopping:  # the models are closed under a round that takes too long
                await self._postpone(job, None, 0.0)
                return
            logger.exception("%s could not be explained", job.call_id)
            said = f"internal error: {type(error).__name__}: {error}"
            await self._fail(job, Reason(ReasonCode.INTERNAL_ERROR, said))

    async def _explain(self, job: Job, checkpoint: Checkpoint) -> None:
        call = await self._retry(self.store.traces.call, job.call_id)
        if call is None or call.answer is None:
            raise SmileTraceError(
                "its trace is no longer in the store", code=ReasonCode.CALL_REMOVED
            )
        model, proxy, dropped = self.models.open(job, call), None, None
        pair = pair_of(job, call)
        if pair is not None:
            dropped = why_no_proxy(call.answer, job.settings)
            dropped = dropped or await self._retry(why_dropped, self.store, pair)
            proxy = self.models.proxy(job) if dropped is None else None
            if proxy is None:  # the model alone is asked, as often as without a proxy
                dropped = dropped or "the settings no longer have this model"
                job = self.models.without_proxy(job)
        vectors = StudyVectors(self.models.embeddings(job))
        proxy_calls = self.models.proxy_calls
        prompted, told = Prompted.of(call), list[Response]()
        study = _study(job, prompted, model, proxy, proxy_calls, vectors.table)
        asked = _Asked(job, call, study, model, proxy, vectors)
        try:
            await self._ask_all(asked, checkpoint, told)
        except ReasoningRefused as refused:
            prompted = prompted.without_earlier_reasoning(str(refused))
            less = job.model_copy(update={"settings": job.settings.less(len(told))})
            study = _study(less, prompted, model, proxy, proxy_calls, vectors.table)
            await self._ask_all(replace(asked, study=study), checkpoint, told)
        await vectors.ask(study)
        with traced("fit"):
            explanation = await run_in_thread(finish, study, model, told)
            explanation = explanation.model_copy(update={"settings": job.settings})
        spent = await self._retry(self.store.ledger.spent, "explanation", job.budget_scope.key)
        scope = job.budget_scope.for_purpose(Purpose.PROXY)
        of_its_proxy = await self._retry(self.store.ledger.spent, "explanation", scope.key)
        told_calls = sum(response.requests for response in told)
        explanation = _with_cost(explanation, spent, of_its_proxy, told_calls)
        if pair is not None and dropped is not None:
            explanation = explanation.model_copy(update={"proxy": unused(pair, dropped)})
        elif pair is not None:
            await self._retry(note, self.store, pair, explanation, job, now=self.clock())
        rate = self.settings.explain.sanity_check_rate
        if is_checked(job.call_id, rate) and not job.settings.pooled:
            explanation = await self._checked(explanation, job, call, prompted)
        await self._keep(job, call, explanation)

    async def _ask_all(self, asked: _Asked, checkpoint: Checkpoint, told: list[Response]) -> None:
        """Append every round's responses to `told`; raises _Postponed if it ends before the last.
        Raises ReasoningRefused if it can be asked only without its earlier reasoning."""
        job, study = asked.job, asked.study
        while perturbations := await run_in_thread(study.ask):
            self._stop_asked()
            await self._retry(self.models.look)
            if self.models.is_paused(job.settings.model):
                await self._try_paused(asked, perturbations)
            with traced("round", perturbations=len(perturbations)):
                ask = partial(_round, study, asked.model, asked.proxy, perturbations)
                kept, ran = await checkpoint(ask)
                responses = _read_round(kept, perturbations)
            if responses is None:  # what it paid for is in the store
                raise _Postponed
            asked.go_on_after(perturbations, responses)
            pairs = list(zip(perturbations, responses, strict=True))
            await asked.vectors.ask(study, pairs)
            with traced("fit"):
                await run_in_thread(study.tell, pairs)
            told += responses
            if ran and not all(response.cached for response in responses):
                await self._retry(self.store.jobs.progressed, job.id, now=self.clock())

    async def _keep(self, job: Job, call: Call, explanation: Explanation) -> None:
        """Keep the explanation, then what is asked beside it; the last of these ends the job."""
        trace = await self._retry(trace_to_follow, self.store, job, self.settings)
        profiled = is_profiled(call, self.settings, pooled=job.settings.pooled)
        keep, now = partial(self.store.jobs.explain, job, explanation), self.clock()
        ends = trace is None and not profiled
        await self._retry(partial(keep, now=now, ends=ends))
        describe(outcome=explanation.fidelity.status)
        logger.info("explained %s: %s", job.call_id, explanation.fidelity.status)
        if trace is not None:
            await self._explain_path(job, trace)
        if profiled:
            await self._profile(job, call)
        if not ends:
            await self._retry(partial(keep, now=self.clock()))

    async def _explain_path(self, job: Job, trace: Trace) -> None:
        """Explain the path of the trace that ends with this call; failing leaves the explanation as
        is."""
        follow = explain_trace_path(
            job,
            trace,
            self.models,
            self.settings,
            self._stop_asked,
            store=self.store,
            read=self._retry,
        )
        try:
            with traced("path"):
                path = await follow
        except SmileTraceError as error:
            logger.warning("the path of %s is not explained: %s", job.trace_id, error)
            return
        await self._retry(self.store.paths.keep, job, path, now=self.clock())
        logger.info("explained the path of %s: %d steps", job.trace_id, len(path.steps))

    async def _profile(self, job: Job, call: Call) -> None:
        """Profile the call, unless this attempt has done so; failing leaves the explanation as
        is."""
        period = day_of(call)
        if await self._retry(self.store.profiles.is_there, job, period):
            return
        try:
            with traced("profile"):
                profile = await profile_call(
                    job, call, self._probes, self.models, self.settings, self._stop_asked
                )
        except SmileTraceError as error:
            logger.warning("%s is not profiled: %s", job.call_id, error)
            return
        keep = partial(self.store.profiles.keep, job, call, profile, period=period)
        await self._retry(partial(keep, now=self.clock()))
        logger.info("profiled %s: %s", job.call_id, profile.summary)

    def _stop_asked(self, *_: object) -> None:
        if self._stopping:
            raise _Postponed

    async def _try_paused(self, asked: _Asked, perturbations: Sequence[Perturbation]) -> None:
        """Ask a paused model for the first missing answer of a round.

        It counts in no explanation's cap: however often a paused model is probed, the jobs that
        wait for it keep their budget. Raises ModelUnavailable if it still cannot be asked;
        BudgetExceeded if a daily cap is reached.
        """
        job = asked.job
        model = self.models.open(job, asked.call, Purpose.PAUSED)
        model.limit = asked.model.limit
        for row in perturbations:
            if row.asked == "proxy":
                continue
            try:
                [response] = await ask_round(asked.study, model, [row])
            except ExplanationFailed:
                return  # one repeat of the prompt: the round asks them all, and decides
            if response.cached:
                continue
            if response.ok or response.usage is not None:  # a refusal, too, is a sign of life
                await self._retry(self.models.answered, job.settings.model)
            return

    async def _checked(
        self, explanation: Explanation, job: Job, call: Call, prompted: Prompted
    ) -> Explanation:
        """Add a sanity check. Its rounds are no steps of the engine: their answers are in the
        store, so that they are repeated for free."""
        if job.settings.proxy is not None:
            job = self.models.without_proxy(job)
        model = self.models.open(job, call, Purpose.SANITY_CHECK)
        embed = self.models.embeddings(job)
        with traced("sanity check"):
            return await with_check(explanation, job, prompted, model, embed, self._stop_asked)

    async def _wait(
        self,
        job: Job,
        error: ModelUnavailable | BudgetExceeded,
        seconds: float = 0.0,
        said: str = "",
    ) -> None:
        reason = Reason(error.reason.code, f"{said}{error.reason.text}")
        if isinstance(error, ModelUnavailable):
            await self._retry(self.models.unavailable, job.settings.model, error)
            # The pause of its own model decides when; a path may wait for another one's.
            await self._postpone(job, reason, seconds)
        elif error.daily:
            await self._postpone(job, reason, BUDGET_WAIT)
        else:
            await self._fail(job, reason)

    async def _postpone(self, job: Job, reason: Reason | None, seconds: float) -> None:
        now = self.clock()
        reason = reason and _presentable(reason)
        describe(outcome="postponed", **({} if reason is None else {"reason": reason.code.value}))
        await self._retry(self.store.jobs.postpone, job, reason, until=now + seconds, now=now)

    async def _fail(self, job: Job, reason: Reason) -> None:
        reason = _presentable(reason)
        describe(outcome="failed", reason=reason.code.value)
        await self._retry(self.store.jobs.fail, job.id, reason, now=self.clock())
        logger.info("%s is not explained: %s", job.call_id, reason.text)

    async def _retry(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Use the store off the event loop, which has answers to receive, however long the disk is
        full."""
        return await asyncio.to_thread(lambda: self.store_retry(work, *args, **kwargs))


def _presentable(reason: Reason) -> Reason:
    return Reason(reason.code, presentable(reason.text))


def _study(
    job: Job,
    prompted: Prompted,
    model: Model,
    proxy: Model | None,
    proxy_calls: int,
    embed: Embed | None,
) -> Study:
    signal = resolve_signal(job.settings, model, prompted)
    prompted = prompted.without_earlier_reasoning(taken=model.capabilities.takes_reasoning)
    if job.settings.pooled:
        return PooledStudy(
            prompted,
            job.settings,
            answer=prompted.answer or "",
            signal=signal,
            deterministic=model.deterministic(prompted.parameters),
        )
    return make_study(
        prompted,
        model,
        ExplainOptions.from_record(job.settings),
        job.settings,
        signal=signal,
        whole_without_part=True,
        proxy=proxy,
        proxy_calls=proxy_calls,
        embed=embed,
    )


async def _round(
    study: Study, model: Model, proxy: Model | None, perturbations: Sequence[Perturbation]
) -> dict[str, JSON]:
    """One round as JSON. What makes the job wait or fail is a result, too: the engine would keep an
    exception for good, and raise it again at each resumption."""
    asked = {"asked": _fingerprint(perturbations)}
    try:
        responses = await ask_round(study, model, perturbations, proxy=proxy)
    except NotRepeatable as error:
        refused = isinstance(error, ReasoningRefused)
        return {**asked, "not_repeatable": str(error), "reasoning": refused}
    except ModelUnavailable as error:
        return {**asked, "unavailable": str(error), "permanent": error.permanent}
    except BudgetExceeded as error:
        return {**asked, "exceeded": str(error), "daily": error.daily}
    except StoreUnavailable as error:
        return {**asked, "unwritable": str(error)}
    except SmileTraceError as error:
        return {**asked, "failed": str(error), "code": error.code.value}
    return {**asked, "responses": [response.model_dump(mode="json") for response in responses]}


def _fingerprint(perturbations: Sequence[Perturbation]) -> str:
    """A hash of the texts that a round asked, in their order."""
    asked = [
        [p.replicate, [m.identity for m in p.messages], *(["proxy"] * (p.asked == "proxy"))]
        for p in perturbations
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _read_round(
    kept: Mapping[str, JSON], perturbations: Sequence[Perturbation]
) -> list[Response] | None:
    """Its responses; None if the release that stored it asked something else."""
    if kept.get("asked") != _fingerprint(perturbations):
        return None
    match kept:
        case {"not_repeatable": str(message), "reasoning": bool(reasoning)}:
            raise ReasoningRefused(message) if reasoning else NotRepeatable(message)
        case {"unavailable": str(message), "permanent": bool(permanent)}:
            raise ModelUnavailable(message, permanent=permanent)
        case {"exceeded": str(message), "daily": bool(daily)}:
            raise BudgetExceeded(message, daily=daily)
        case {"unwritable": str(message)}:
            raise StoreUnavailable(message)
        case {"failed": str(message), "code": str(code)}:
            raise SmileTraceError(message, code=ReasonCode(code))
    return [Response.model_validate(response) for response in kept["responses"]]


def _with_cost(explanation: Explanation, spent: Spent, proxy: Spent, told: int) -> Explanation:
    """The explanation with the ledger's cost, which includes interrupted runs. `spent` holds the
    proxy's dollars already."""
    cost = Cost(
        target_calls=spent.calls,
        proxy_calls=proxy.calls,
        cached_calls=max(0, told - spent.calls - proxy.calls),
        tokens=spent.tokens + proxy.tokens,
        usd=None if spent.unpriced_calls else spent.usd,
    )
    return explanation.model_copy(update={"cost": cost})
