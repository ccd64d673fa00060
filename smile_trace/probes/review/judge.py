"""Variants judged by a model, on the store's ledger, caps and cache."""

import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.explaining.driver import wait_for
from smile_trace.explaining.preparation import judge_settings, named_model
from smile_trace.explaining.spending import Estimate
from smile_trace.models.metered import MeteredModel, ask_all
from smile_trace.probes.judgements import judge_id, question_to_judge, read_reply
from smile_trace.records import Prompted, Record, Response
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.settings import ModelSettings, Settings
from smile_trace.store import Store

AT_ONCE = 20
"""Variants that are asked about together; replies are kept before the next batch."""


class Judged(Record):
    """The numbers of variants judged, of unreadable replies, and of missing replies; `failure` is
    one reason for the latter."""

    judged: int = 0
    unreadable: int = 0
    failed: int = 0
    failure: str | None = None


def estimate_judging(name: str, tasks: Sequence[ReviewTask], settings: Settings) -> Estimate:
    """Estimate the most that judging variants takes, each question as long as the longest. Raises
    SmileTraceError: as for `judge_settings`."""
    how = judge_settings(name, settings)
    asked = [question_to_judge(task, how) for task in tasks]
    longest = max(asked, key=lambda one: len(one.messages[-1].content))
    prompted = Prompted(
        messages=longest.messages,
        parameters=longest.parameters,
        answer_limit=longest.answer_limit,
        answer=None,
    )
    most = len(tasks) * how.most_attempts
    return Estimate.of_requests(name, how, prompted, most, "message")


def ask_judge(name: str, tasks: Sequence[ReviewTask], store: Store, settings: Settings) -> Judged:
    """Ask a model about each variant, and keep the replies in the store. A reply in another form
    than requested is kept as "cannot say". Raises SmileTraceError: as for `judge_settings`;
    ModelUnavailable if it cannot be asked at all; BudgetExceeded if a daily cap is reached; what
    was judged before is kept."""
    how, who = judge_settings(name, settings), judge_id(name, settings)
    asking = _Asking(name, how, store, settings)
    counts = Judged()
    for start in range(0, len(tasks), AT_ONCE):
        some = tasks[start : start + AT_ONCE]
        responses = wait_for(asking.ask(some))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = list[tuple[ReviewTask, Judgement]]()
        for task, response in zip(some, responses, strict=True):
            if not response.ok:
                failed = counts.failed + 1
                counts = counts.model_copy(update={"failed": failed, "failure": response.failure})
                continue
            said = read_reply(task, response.text or "", judge=who, at=now)
            count = "unreadable" if said is None else "judged"
            counts = counts.model_copy(update={count: getattr(counts, count) + 1})
            kept.append((task, said or _cannot_say(task, who, now)))
        store.judge_judgements.keep([(task.item, said) for task, said in kept])
    return counts


class _Asking:
    """Asks a judge; the answers about a trace are removed with it when it is forgotten."""

    def __init__(self, name: str, how: ModelSettings, store: Store, settings: Settings) -> None:
        self._name, self._how, self._store = name, how, store
        self._model = named_model(name, settings, None)
        self._scope = f"judge/{uuid.uuid4().hex}"
        self._ledger = store.ledger.with_budget(None)

    async def ask(self, tasks: Sequence[ReviewTask]) -> list[Response]:
        with suppress_instrumentation():
            got = await ask_all([partial(self._one, task) for task in tasks], nullcontext())
        return [one if isinstance(one, Response) else Response(failure=str(one)) for one in got]

    async def _one(self, task: ReviewTask) -> Response:
        trace, cache = task.item.trace_id, self._store.responses
        paid = MeteredModel(
            self._model,
            ledger=self._ledger,
            cache=cache.used_by(trace) if trace else cache,
            explanation=self._scope,
            paid_as=self._name,
        )
        [response] = await paid.generate([question_to_judge(task, self._how)])
        return response


def _cannot_say(task: ReviewTask, who: str, now: str) -> Judgement:
    return Judgement(
        variant_id=task.item.id,
        reviewer=who,
        same_meaning="cannot_say",
        worse="cannot_say",
        reason="cannot_say",
        judged_at=now,
    )
