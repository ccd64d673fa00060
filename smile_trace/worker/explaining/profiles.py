"""The profiles of a sample of the worker's calls, each made by the job that explains its call."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared
from smile_trace.probes import Probe, Variant, profile_metered
from smile_trace.records import Call, Prompted, Response
from smile_trace.records.profile import Profile
from smile_trace.settings import Settings
from smile_trace.store.jobs import Job
from smile_trace.store.spending.ledger import Purpose
from smile_trace.store.tables import Group
from smile_trace.worker.explaining.models import Models
from smile_trace.worker.explaining.waits import note_answers, waiting


def is_profiled(call: Call, settings: Settings, *, pooled: bool) -> bool:
    """Whether the call is profiled, once it is explained: the same ones every time.

    Args:
        pooled: whether its explanation is one of many that count together alone.
    """
    wanted = settings.probes
    if pooled or (wanted.prompts and Group.of(call).name not in wanted.prompts):
        return False
    return trace_fraction(f"profile {call.id}") < wanted.rate


def period_of(call: Call) -> str:
    """The UTC day on which the call was made, whose seed it has: `2026-11-27`."""
    return datetime.fromtimestamp(call.start_ns / 1e9, UTC).date().isoformat()


def seed_of(call_id: str, period: str) -> int:
    """What decides the variants of a call's profile: another one in every period."""
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

    Its rounds are no steps of the engine: what they paid for is in the store, so that they are
    repeated for free.

    Args:
        job: what the requests count on, for the purpose of a profile.
        call: the job's.
        probes: what is asked.
        models: the worker's.
        settings: the caps.
        on_answers: called after every round; what it raises ends the profile.

    Raises:
        Waits: a model cannot be asked for now, or a daily cap is reached.
        SmileTraceError: it cannot be profiled.
    """
    name, seed = job.settings.model, seed_of(call.id, period_of(call))

    def told(sent: Sequence[Variant], responses: Sequence[Response]) -> None:
        note_answers(models, name, responses)
        on_answers(sent, responses)

    with waiting(name):
        model = models.open(job, call, Purpose.PROFILE)
        options = ExplainOptions(budget=settings.budget.calls_per_profile, seed=seed)
        prepared = Prepared(Prompted.of(call), model, options, how=None)
        embed = models.embeddings(job)
        return await profile_metered(prepared, model, probes, embed=embed, on_answers=told)
