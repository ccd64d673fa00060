"""Sanity checks of a sample of the worker's explanations."""

import hashlib
import logging

from smile_trace.attribution import Embed
from smile_trace.errors import BudgetExceeded
from smile_trace.evaluation import sanity_check
from smile_trace.explaining.driver import OnRound
from smile_trace.models import Model, ModelUnavailable
from smile_trace.records import Explanation, Prompted
from smile_trace.records.evaluation import SanityCheck
from smile_trace.store.jobs import Job

logger = logging.getLogger(__name__)


def is_checked(call_id: str, rate: float) -> bool:
    """Whether the explanation of this call is checked: the same ones every time."""
    drawn = int(hashlib.sha256(f"sanity check {call_id}".encode()).hexdigest()[:13], 16) / 16**13
    return drawn < rate


async def with_check(
    explanation: Explanation,
    job: Job,
    prompted: Prompted,
    model: Model,
    embed: Embed | None,
    on_round: OnRound,
) -> Explanation:
    """The explanation with the sanity check in its metadata.

    An explanation that is there waits for nothing: where the model cannot be asked any more, or
    a cap is reached, the check is inconclusive.
    """
    try:
        found = await sanity_check(prompted, model, job.settings, embed=embed, on_round=on_round)
    except (ModelUnavailable, BudgetExceeded) as error:
        found = SanityCheck(outcome="inconclusive", reason=str(error))
    logger.info("sanity check of %s %s: %s", job.call_id, found.outcome, found.reason)
    metadata = {**explanation.metadata, "sanity_check": found.model_dump(mode="json")}
    return explanation.model_copy(update={"metadata": metadata})
