"""Decides which calls are explained: deterministic by trace, with a minimum per prompt version that
answers use up, and steps towards an answer do not."""

import logging
import time
from collections.abc import Callable, Collection, Sequence

from smile_trace._guards.presentable import presentable
from smile_trace._options import TARGETS
from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace._text.log_context import about
from smile_trace.dialects.answers import final_answer, steps_of
from smile_trace.errors import Reason, ReasonCode
from smile_trace.models.registry import NoModel, settings_for
from smile_trace.records import Call, ExplanationSettings, Prompted, Trace
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.sampling import Decision
from smile_trace.store.tables import Group

logger = logging.getLogger(__name__)

NOT_SAMPLED = Reason(ReasonCode.NOT_SAMPLED, "not sampled")
STEP = Reason(
    ReasonCode.STEP_OF_TRACE,
    "a step towards a later answer of its trace: steps are sampled by the rate alone",
)
AT_ONCE = 200
"""Calls that are decided at once, with all others of their traces."""

Batch = Sequence[tuple[Group, Call]]


def sample(
    store: Store,
    settings: Settings,
    clock: Callable[[], float] = time.time,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Decide about every call without a decision, a few at a time until `stopping`; returns how
    many will be explained."""
    total = 0
    while not stopping() and (ids := store.sampling.undecided_traces(AT_ONCE)):
        batch, steps = undecided(store, ids)
        if batch:
            total += _keep(store, batch, steps, settings, clock)
        elif not store.sampling.set_aside_unreadable(ids):
            break
    return total


def undecided(store: Store, trace_ids: Sequence[str]) -> tuple[Batch, Collection[str]]:
    """The undecided calls of these traces, and the ids of those that are steps: see `arranged`."""
    batch = store.sampling.undecided(trace_ids)
    several = store.sampling.of_several({call.trace_id for _, call in batch})
    return arranged(batch, store.traces.get(several))


def arranged(batch: Batch, traces: Sequence[Trace]) -> tuple[Batch, Collection[str]]:
    """The calls in the order in which they are decided and explained, and the ids of steps among
    them. `traces`: all calls of the traces that hold several. A trace's final answer comes first,
    then its other answers, then the steps towards them; traces stay in the order given."""
    steps = frozenset[str]().union(*map(steps_of, traces))
    finals = {final.id for trace in traces if (final := final_answer(trace)) is not None}
    place: dict[str, int] = {}
    for number, (_, call) in enumerate(batch):
        place.setdefault(call.trace_id, number)
    ordered = sorted(
        batch, key=lambda one: (place[one[1].trace_id], one[1].id in steps, one[1].id not in finals)
    )
    return ordered, steps


def _keep(
    store: Store,
    batch: Batch,
    steps: Collection[str],
    settings: Settings,
    clock: Callable[[], float],
) -> int:
    """Decide about a batch and store the decisions; returns how many are explained. If they cannot
    be stored, each is stored alone: one holds what no database takes."""
    chosen = store.sampling.chosen({group for group, _ in batch})
    differs = store.sampling.argument_differs(set(chosen))
    decisions = decide(batch, chosen, settings, differs, steps)
    try:
        store.sampling.decide(decisions, chosen, now=clock())
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  one of them may be the cause, and is set aside
        if len(batch) > 1:
            return sum(_keep(store, [one], steps, settings, clock) for one in batch)
        [(_, call)] = batch
        store.sampling.decide([_set_aside(call, settings, error)], {}, now=clock())
        return 0
    return sum(decision.state == "pending" for decision in decisions)


def decide(
    batch: Batch,
    chosen: dict[Group, int],
    settings: Settings,
    differs: Collection[Group] = (),
    steps: Collection[str] = (),
) -> list[Decision]:
    """The decision about each call, in the order given; a failing decision skips the call.

    Args:
        chosen: how many calls of each group were sampled so far, without steps before the minimum
            was reached; is updated.
        differs: groups whose function's argument is known not to be what it sends.
        steps: ids of calls that led to a later answer of their trace: the rate alone samples them.
    """
    decisions = []
    least, alike = settings.sampling.minimum_per_prompt_version, _Alike(settings)
    for group, call in batch:
        before, is_step = chosen.get(group, 0), call.id in steps
        by_rate = is_step or before >= least
        drawn = not by_rate or is_drawn(call, settings)
        try:
            wanted = explainable(call, settings, alike, drawn=drawn)
            if call.prompt_assumed and group in differs and wanted.state == "pending":
                wanted = _skipped(wanted, _argument_differs(call))
            if by_rate:
                why_not = None if drawn else STEP if is_step else NOT_SAMPLED
                wanted = _by_rate(wanted, call, settings, why_not)
            if wanted.state == "pending":
                wanted = _pooled(wanted, call, settings, before)
        except Exception as error:  # noqa: BLE001  whatever a call holds, the others are decided
            wanted = _set_aside(call, settings, error)
        if wanted.state == "pending" and not (is_step and before < least):
            chosen[group] = before + 1
        decisions.append(wanted)
    return decisions


def _set_aside(call: Call, settings: Settings, error: Exception) -> Decision:
    """Skipped, with nothing of the call but its id; the log has the error."""
    with about(trace_id=call.trace_id, call_id=call.id):
        logger.warning("the call %s cannot be sampled", call.id, exc_info=error)
    asked, hashed = _Alike(settings).of(None)
    said = presentable(f"it cannot be sampled: {type(error).__name__}: {error}")
    return Decision(
        call_id=call.id,
        settings=asked,
        settings_hash=hashed,
        model=asked.model,
        state="skipped",
        reason=said,
        reason_code=ReasonCode.UNREADABLE_DATA,
    )


class _Alike:
    """The settings under which calls are explained, made once for those that are alike."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[object, tuple[ExplanationSettings, str]] = {}

    def of(self, call: Call | None, *, drawn: bool = True) -> tuple[ExplanationSettings, str]:
        """The settings for a call, and their hash. The words of a prompt are only counted for one
        that is `drawn`: that takes longer than to decide."""
        # Loaded for the first call: with the arithmetic that it brings a worker takes half as much
        # memory again.
        from smile_trace.explaining.options import ExplainOptions, is_long

        long = call is not None and drawn and is_long(call.messages)
        key = call and (call.model, call.name, tuple(use.name for use in call.prompts), long)
        if key not in self._made:
            model = (call and call.model) or "*"
            options = ExplainOptions.from_settings(self._settings, model, call, long=long)
            asked = options.to_record(model)
            self._made[key] = asked, asked.hash
        return self._made[key]


def explainable(
    call: Call, settings: Settings, alike: _Alike | None = None, *, drawn: bool = True
) -> Decision:
    """The decision about a call that is wanted: pending, or skipped because it cannot be
    explained. One that is not `drawn` gets the settings of a short prompt."""
    asked, hashed = (alike or _Alike(settings)).of(call, drawn=drawn)
    reason = _obstacle(call, settings, asked)
    return Decision(
        call_id=call.id,
        settings=asked,
        settings_hash=hashed,
        model=asked.model,
        state="skipped" if reason else "pending",
        reason=reason and reason.text,
        reason_code=reason and reason.code,
        inclusion_probability=None if reason else call.inclusion_probability,
    )


def _pooled(decision: Decision, call: Call, settings: Settings, chosen: int) -> Decision:
    """The decision in pooled mode, while the prompt version's pooled budget lasts."""
    pooling = settings.pooling
    pooled = chosen - settings.sampling.minimum_per_prompt_version
    spent = pooled * pooling.calls_per_call
    left = pooling.calls_per_prompt_version - spent
    if pooled < 0 or not call.prompts or left < pooling.calls_per_call:
        return decision
    update = {"pooled": True, "budget": pooling.calls_per_call, "proxy": None, "answer_part": None}
    update |= dict.fromkeys(TARGETS)
    asked = decision.settings.model_copy(update=update)
    return decision.model_copy(update={"settings": asked, "settings_hash": asked.hash})


def _obstacle(call: Call, settings: Settings, asked: ExplanationSettings) -> Reason | None:
    from smile_trace.explaining.studies import REASONING, why_no_final_answer

    if call.status == "raised":
        return Reason(ReasonCode.CALL_FAILED, f"the call failed: {call.error or 'it raised'}")
    if call.status != "returned":
        said = f"the call was {call.status} before its answer was complete"
        return Reason(ReasonCode.CALL_INCOMPLETE, said)
    if call.truncated:
        return Reason(ReasonCode.CALL_TRUNCATED, "its text was cut at the size limit")
    if call.answer is None:
        return Reason(ReasonCode.NO_CONTENT, call.no_content or "no content captured")
    alone = why_no_final_answer(Prompted.of(call))
    if alone is not None and asked.answer_part != REASONING:
        return Reason(ReasonCode.NO_CONTENT, alone)
    if call.not_repeatable:
        return _not_repeatable(call.not_repeatable)
    if not any(message.content.strip() for message in call.messages):
        return Reason(ReasonCode.EMPTY_PROMPT, "the prompt is empty")
    try:
        how = settings_for(call.model or "*", settings)
    except NoModel as error:
        return error.reason
    if how.calls_function and call.rerun is None:
        return _not_repeatable("decorate its function with @smile_trace.trace(rerun=True)")
    return None


def _skipped(decision: Decision, reason: Reason) -> Decision:
    update = {"state": "skipped", "inclusion_probability": None, **reason.values}
    return decision.model_copy(update=update)


def _argument_differs(call: Call) -> Reason:
    return Reason(
        ReasonCode.PROMPT_ASSUMED,
        f"the argument of {call.name} alone does not determine its answers: the function "
        "adds something to it: capture that with record() in the function, or instrument() "
        "for its client",
    )


def _not_repeatable(why: str) -> Reason:
    return Reason(ReasonCode.NOT_REPEATABLE, f"cannot be asked again: {why}")


def _by_rate(
    decision: Decision, call: Call, settings: Settings, why_not: Reason | None
) -> Decision:
    """The decision by the rate; `why_not`: why it is skipped, if its trace is not drawn."""
    if decision.state == "skipped":
        return decision
    # A trace that was shipped at a rate was drawn by the same number: both together are the
    # smaller one.
    probability = min(settings.sampling.rate, call.inclusion_probability)
    update: dict[str, object] = {"inclusion_probability": probability}
    if why_not is not None:
        update |= {"state": "skipped", **why_not.values}
    return decision.model_copy(update=update)


def is_drawn(call: Call, settings: Settings) -> bool:
    """Whether the rate alone samples it. The trace's id decides, so all calls of a trace go
    together, and the same ones every time."""
    return trace_fraction(call.trace_id) < settings.sampling.rate
