"""The loop that drives a Study with a Model, and threads for the event loop and the arithmetic."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution import (
    Answered,
    Embed,
    PerturbationStudy,
    Study,
    VectorTable,
    document_attributions,
)
from smile_trace.attribution.one_thread import load_arithmetic, one_thread
from smile_trace.attribution.word_vectors import load_vectors
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.explaining.notes import with_notes
from smile_trace.explaining.scoring import Scores
from smile_trace.models import Model, Request
from smile_trace.models.base import scores_answers
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import proxy_of_model
from smile_trace.records import (
    METHOD_VERSION,
    Cost,
    Explanation,
    ExplanationSettings,
    Perturbation,
    Prompted,
    Response,
    Signal,
)
from smile_trace.records.formats import cells
from smile_trace.records.formats.requests import asked_with, is_offered
from smile_trace.semconv import release

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop by process id: a forked child does not inherit its parent's threads."""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on our event loop, also inside a running one (a notebook); an
    interrupt (Ctrl-C) cancels it. Connections outlive the call. Raises RuntimeError from a
    coroutine on our loop, which would wait for itself."""
    loop = _loop()
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise RuntimeError(
            "explain() cannot be called inside a model that explain() itself is calling"
        )
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def run_in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run `function` in the thread that does the arithmetic of all studies, with one BLAS thread.
    More threads only wait for each other on such small matrices: on a busy machine an explanation
    took 4 s of processor time with two, and 0.2 s with one. Studies share the thread because
    OpenBLAS, whose threads belong to the process, obeys only one."""

    def limited() -> T:
        with one_thread():
            return function(*arguments)

    run = copy_context().run  # its log lines say what they are about
    return await asyncio.get_running_loop().run_in_executor(_executor(os.getpid()), run, limited)


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="smile-trace", daemon=True).start()
            _loops.clear()
            _loops[os.getpid()] = loop
        return loop


@lru_cache(maxsize=1)
def _executor(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="smile-trace-studies")


_SENT_BY = 0.05
"""Seconds by which a first request is on its way, which loading would slow down."""


def load_soon(*, vectors: bool) -> asyncio.Task[None]:
    """Load what a study needs in a thread of its own, while the model gives its first answer. The
    task ends when texts can be compared."""

    async def soon() -> None:
        await asyncio.sleep(_SENT_BY)
        if vectors:
            await asyncio.to_thread(load_vectors)
        with contextlib.suppress(RuntimeError):  # the process ends: the first answer failed
            asyncio.get_running_loop().run_in_executor(None, load_arithmetic)

    return asyncio.ensure_future(soon())


OnRound = Callable[[Sequence[Perturbation], Sequence[Response]], None]
"""Called after every round with its perturbations and their responses."""


class ExplanationFailed(SmileTraceError):
    """The prompt cannot be explained; the message says why and what to do."""

    code = ReasonCode.CANNOT_EXPLAIN


def resolve_signal(
    settings: ExplanationSettings, model: Model, prompted: Prompted | None = None
) -> Signal:
    """Resolve `auto`: the probability of the whole logged answer if the model scores it, else the
    text. The model gave an answer after reasoning because of that, so it is always compared as
    text, and so is one with a target. Raises ExplanationFailed if the probability is asked for, and
    the model cannot score answers."""
    if settings.target:
        return "text"
    if settings.signal == "auto":
        if prompted is not None and prompted.reasoning is not None:
            return "text"
        return "probability" if model.capabilities.scores_whole_answers else "text"
    if settings.signal == "probability" and not model.capabilities.scores_answers:
        raise ExplanationFailed(
            f"the model {model.name!r} gives no probabilities of a given answer: use signal "
            '"text", or a local model'
        )
    return settings.signal


async def ask_model(
    model: Model,
    perturbations: Sequence[Perturbation],
    *,
    prompted: Prompted,
    answer: str,
    signal: Signal,
) -> list[Response]:
    """The model's responses to `perturbations` of a prompt, in their order. `prompted`: the form
    and the parameters of every request; `answer`: scored by the model if the signal is its
    probability. Raises ExplanationFailed if the unperturbed prompt could not be asked;
    ModelUnavailable if the model cannot be asked at all; BudgetExceeded if a daily cap is
    reached."""
    if not perturbations:
        return []
    unperturbed = Request.of(prompted)
    requests = await run_in_thread(lambda: [_asked(unperturbed, row) for row in perturbations])
    with suppress_instrumentation():
        if signal == "probability" and scores_answers(model):
            responses = await model.score(requests, answer)
        else:
            responses = await model.generate(requests)
    if prompted.of_reasoning:
        responses = [_reasoning_of(response) for response in responses]
    _check_baseline(perturbations, responses)
    return responses


def _reasoning_of(response: Response) -> Response:
    """The response with its reasoning in place of the answer, which it may lack."""
    if not response.ok and response.reasoning is None:
        return response
    return response.model_copy(update={"text": response.reasoning or "", "failure": None})


def _asked(unperturbed: Request, row: Perturbation) -> Request:
    messages, parameters = row.messages, unperturbed.parameters
    if is_offered(unperturbed.messages):
        messages, parameters = asked_with(messages, parameters)
    update = {
        "messages": cells.as_sent(messages),
        "parameters": parameters,
        "replicate": row.replicate,
    }
    return unperturbed.model_copy(update=update)


async def ask_round(
    study: Study,
    model: Model,
    perturbations: Sequence[Perturbation],
    *,
    proxy: Model | None = None,
) -> list[Response]:
    """The responses to one round, in its order; `proxy` answers its share. Errors as in
    `ask_model`."""
    ask = partial(ask_model, prompted=study.prompted, answer=study.answer)
    if proxy is None:
        return await ask(model, perturbations, signal=study.signal)
    of_target = [k for k, row in enumerate(perturbations) if row.asked == "target"]
    of_proxy = [k for k, row in enumerate(perturbations) if row.asked == "proxy"]
    rows = [perturbations[k] for k in of_target]
    responses = await ask(model, rows, signal=study.signal)
    rows = [perturbations[k] for k in of_proxy]
    with proxy_of_model(proxy.name, model.name):
        responses += await ask(proxy, rows, signal=study.proxy_signal)
    in_order = dict(zip([*of_target, *of_proxy], responses, strict=True))
    return [in_order[k] for k in range(len(perturbations))]


class NeedsVectors(Protocol):
    """The part of a Study that `StudyVectors` uses."""

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The texts whose vectors these answers need."""
        ...


class StudyVectors:
    """The word vectors of a study, asked of an embedding model before the study needs them; without
    `embeddings` the packaged ones, which need no request."""

    def __init__(self, embeddings: Embed | None = None) -> None:
        self._embeddings = embeddings
        self.table = None if embeddings is None else VectorTable()
        """The `embed` argument of the study."""

    async def ask(self, study: NeedsVectors, pairs: Sequence[Answered] = ()) -> None:
        """Ask for the vectors that the study needs to take these responses; errors are those of
        `ask_model`."""
        if self._embeddings is None or self.table is None:
            return
        if missing := self.table.missing(await run_in_thread(study.texts, pairs)):
            self.table.add(missing, await run_in_thread(self._embeddings, missing))


class _Early:
    """Has a study compare each answer as it arrives, in the time that the model takes for others:
    a few hundredths of a second each, for which the model would wait at the end of a round."""

    def __init__(self, study: PerturbationStudy, loaded: asyncio.Task[None]) -> None:
        self._study, self._loaded = study, loaded
        self._tasks: list[asyncio.Task[None]] = []

    def take(self, response: Response) -> None:
        """Compare an answer soon."""
        self._tasks.append(asyncio.ensure_future(self._compare(response)))

    async def ended(self) -> None:
        """Wait until all are compared."""
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def _compare(self, response: Response) -> None:
        await self._loaded
        if self._study.prompted.of_reasoning:
            response = _reasoning_of(response)
        await run_in_thread(self._study.compare, response)


async def run(
    study: Study,
    model: Model,
    *,
    proxy: Model | None = None,
    vectors: StudyVectors | None = None,
    on_round: OnRound | None = None,
    before: Sequence[Response] = (),
    scores: Scores | None = None,
    loaded: asyncio.Task[None] | None = None,
) -> Explanation:
    """Ask and tell until the study is finished; returns its Explanation with cost and time.

    The study computes in a thread, so that other explanations go on. Errors are those of
    `ask_model`.

    Args:
        vectors: must own the table that the study was given.
        before: responses that were asked for before the study and belong to its cost.
        scores: must own the scores that the study was given.
        loaded: ends when texts can be compared; then each answer is, while others are awaited.
    """
    vectors = vectors or StudyVectors(None)
    of_target, of_proxy = list(before), list[Response]()
    early = _Early(study, loaded) if isinstance(study, PerturbationStudy) and loaded else None
    if early is not None and isinstance(model, MeteredModel):
        model.on_answer = early.take
    while perturbations := await run_in_thread(study.ask):
        responses = await ask_round(study, model, perturbations, proxy=proxy)
        if scores is not None:
            responses = await scores.take(study.answer, responses)
        pairs = list(zip(perturbations, responses, strict=True))
        await vectors.ask(study, pairs)
        if early is not None:
            await early.ended()
        await run_in_thread(study.tell, pairs)
        of_target.extend(response for row, response in pairs if row.asked == "target")
        of_proxy.extend(response for row, response in pairs if row.asked == "proxy")
        if on_round is not None:
            on_round(perturbations, responses)
    await vectors.ask(study)
    of_judge = () if scores is None else scores.replies
    return await run_in_thread(finish, study, model, of_target, of_proxy, of_judge)


def finish(
    study: Study,
    model: Model,
    responses: Iterable[Response],
    of_proxy: Iterable[Response] = (),
    of_judge: Iterable[Response] = (),
) -> Explanation:
    """The study's Explanation with time, cost, retrieved documents and notes on unknowns."""
    responses = list(responses)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = study.result()
    parts = *found.coarser, *found.segments
    update = {
        "cost": total_cost(cost_of(responses), cost_of(of_proxy), cost_of(of_judge)),
        "documents": tuple(document_attributions(study.prompted.documents, parts)),
        "explained_at": now,
        "parameters": study.prompted.parameters,
        "prompts": study.prompted.prompts,
        "package": release(),
        "method": METHOD_VERSION,
    }
    raised = max((response.limit or 0 for response in responses), default=0)
    again = sum(response.requests - 1 for response in responses)
    explanation = found.model_copy(update=update)
    return with_notes(explanation, study.prompted, model, raised=raised, again=again)


def cost_of(responses: Iterable[Response]) -> Cost:
    """The cost of responses; those from the cache cost nothing."""
    asked, cached = [], 0
    for response in responses:
        if response.cached:
            cached += 1
        else:
            asked.append(response)
    usages = [response.usage for response in asked if response.usage is not None]
    prices = [r.usd for r in asked if r.ok or r.usage is not None]  # a filtered response costs, too
    known = [price for price in prices if price is not None]
    return Cost(
        target_calls=sum(response.requests for response in asked),
        cached_calls=cached,
        tokens=sum((u.input_tokens or 0) + (u.output_tokens or 0) for u in usages),
        usd=sum(known) if len(known) == len(prices) else None,
    )


def total_cost(target: Cost, proxy: Cost, judge: Cost) -> Cost:
    """The sum of a target's, its proxy's and a judge's cost, each counted as `target_calls`."""
    every = target, proxy, judge
    known = [cost.usd for cost in every if cost.usd is not None]
    return Cost(
        target_calls=target.target_calls,
        proxy_calls=proxy.target_calls,
        judge_calls=judge.target_calls,
        cached_calls=sum(cost.cached_calls for cost in every),
        tokens=sum(cost.tokens for cost in every),
        usd=sum(known) if len(known) == len(every) else None,
    )


def _check_baseline(perturbations: Sequence[Perturbation], responses: Sequence[Response]) -> None:
    pairs = zip(perturbations, responses, strict=True)
    baseline = [r for row, r in pairs if row.kind == "baseline" and row.asked == "target"]
    if baseline and not any(response.ok for response in baseline):
        raise ExplanationFailed(f"the unchanged prompt got no answer: {baseline[0].failure}")
