"""The paths of sampled traces, each explained by the job of its final answer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from smile_trace.errors import SmileTraceError
from smile_trace.explaining.api import ask_once, explain_metered
from smile_trace.explaining.driver import OnRound
from smile_trace.explaining.inputs import answered_call
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.path_walk import PathWalk
from smile_trace.explaining.paths import PATH_DEPTH
from smile_trace.explaining.preparation import Prepared
from smile_trace.models.metered import MeteredModel
from smile_trace.records import (
    JSON,
    Call,
    Explanation,
    Perturbation,
    Prompted,
    Response,
    Trace,
)
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.spending.ledger import Purpose
from smile_trace.worker.explaining.models import Models
from smile_trace.worker.explaining.waits import note_answers, waiting


def trace_to_follow(store: Store, job: Job, settings: Settings) -> Trace | None:
    """The trace whose path is wanted: of several calls, whose final answer is the job's, which is
    explained for itself. None for any other, and where this attempt has its path already."""
    if not settings.explain.path or job.settings.pooled or store.paths.is_there(job):
        return None
    return trace_ending_with(job.call_id, store)


def trace_ending_with(call_id: str, store: Store) -> Trace | None:
    """The trace of several calls whose final answer is that of this call; None for any other."""
    try:
        trace = store.trace(call_id.partition(":")[0])
        final = answered_call(trace).id
    except (KeyError, SmileTraceError):  # it was removed just now, or no call has an answer
        return None
    return trace if len(trace.calls) > 1 and final == call_id else None


async def explain_trace_path(
    job: Job, trace: Trace, models: Models, settings: Settings, on_round: OnRound
) -> ExplanationPath:
    """The path of the trace that ends with the job's call.

    Its rounds are no steps of the engine: what they paid for is in the store, so that they are
    repeated for free.

    Args:
        job: of the final answer; the calls of all steps count on it, for the purpose of a path.
        trace: its calls in order of start.
        models: the worker's.
        settings: the caps, and how calls are explained.
        on_round: called after every round; what it raises ends the path.

    Raises:
        Waits: a model cannot be asked for now, or a daily cap is reached.
        SmileTraceError: the final answer cannot be explained within the budget of a path.
    """
    asking = _Asking(job, models, settings, on_round)
    options = ExplainOptions(budget=settings.budget.calls_per_path)
    return await PathWalk(trace, asking, options, PATH_DEPTH).run(answered_call(trace))


class _Asking:
    """Asks the calls of one path with the worker's models."""

    def __init__(self, job: Job, models: Models, settings: Settings, on_round: OnRound) -> None:
        self._job = job
        self._models = models
        self._settings = settings
        self._on_round = on_round
        self._embed = models.embeddings(job)

    async def explain(self, call: Call, options: ExplainOptions) -> Explanation:
        """See `path_walk.Asking.explain`."""
        own = ExplainOptions.from_settings(self._settings, call.model or "*", call)
        unit = own.unit if options.unit == "auto" else options.unit
        own = replace(own, unit=unit, budget=options.budget, part=options.part, proxy=None)
        with waiting(call.model):
            model = self._opened(call)
            prepared = Prepared(Prompted.of(call), model, own, how=None)
            return await explain_metered(
                prepared, model, embed=self._embed, on_round=partial(self._told, call)
            )

    async def answer(self, call: Call, parameters: dict[str, JSON]) -> Response:
        """See `path_walk.Asking.answer`."""
        prompted = Prompted.of(call).model_copy(update={"parameters": parameters})
        with waiting(call.model):
            response = await ask_once(prompted, self._opened(call))
        self._told(call, (), [response])
        return response

    def _opened(self, call: Call) -> MeteredModel:
        update = {"model": call.model or "*"}
        settings = self._job.settings.model_copy(update=update)
        job = self._job.model_copy(update={"settings": settings})
        return self._models.open(job, call, Purpose.PATH)

    def _told(
        self, call: Call, asked: Sequence[Perturbation], responses: Sequence[Response]
    ) -> None:
        note_answers(self._models, call.model or "*", responses)
        self._on_round(asked, responses)
