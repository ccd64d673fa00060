"""The worker's next work and its maximum cost, before anything is spent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import nlargest
from typing import TypeVar

from smile_trace.errors import Reason, ReasonCode
from smile_trace.evaluation import injected_copies
from smile_trace.explaining.preparation import settings_of
from smile_trace.explaining.spending import added, bound_of
from smile_trace.models import NotRepeatable
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.registry import NoModel, settings_for
from smile_trace.models.transport import read_key
from smile_trace.probes import Probe, chosen
from smile_trace.probes.api import longest_variant
from smile_trace.probes.fixed_set import DRAWS, choose_cases
from smile_trace.records import Call, ExplanationSettings, Message, Prompted, Record
from smile_trace.settings import ModelSettings, Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Counted
from smile_trace.store.spending.accounts import Spent
from smile_trace.store.spending.ledger import Left
from smile_trace.store.store import Clock, check_home
from smile_trace.store.tables import Group
from smile_trace.worker import drift
from smile_trace.worker.explaining.beside import (
    day_of,
    is_checked,
    is_profiled,
    seed_of,
    trace_ending_with,
)
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import AnotherWorker, worker_lock
from smile_trace.worker.sample import TRACES, decide, undecided

_Number = TypeVar("_Number", int, float)


class Planned(Record):
    """The most that one model would be asked. `tokens` or `usd` is None if unknown. `replays` of
    its `calls` are drift's in this period. `left` is the rest of the model's own caps today."""

    model: str
    explanations: int
    calls: int
    replays: int = 0
    tokens: int | None
    usd: float | None
    left: Left
    unavailable: str = ""
    """Why it cannot be asked as things are, such as a missing key."""


class Plan(Record):
    """The worker's next work. `left` is the rest of the caps on everything today: beyond it,
    explanations wait until midnight UTC."""

    models: tuple[Planned, ...]
    skipped: tuple[Counted, ...]
    left: Left
    beside_worker: bool = False
    """A worker runs, which reads the spool itself: the unread rest of it is not counted."""


def plan(settings: Settings, clock: Clock | None = None) -> Plan:
    """Read the spool, which costs nothing, and tell what the worker would do next. Nothing is
    asked, decided or delivered. `clock` is as for `Store.open`. Raises StoreError if nothing is
    there, or the store cannot be opened or written; WorkerError if the home cannot be written;
    SmileTraceError: `probes.only` or `drift.probes` names an unknown probe."""
    check_home(settings)
    with Store.open(settings, clock) as store:
        beside_worker = not _read_spool(store, settings)
        return _plan(store, settings).model_copy(update={"beside_worker": beside_worker})


def _read_spool(store: Store, settings: Settings) -> bool:
    """Read the spool as every start of the worker does; False if one runs, which does it itself."""
    try:
        with worker_lock(settings.home):
            Ingest(store, settings).run()
            store.sampling.forget_skipped(ReasonCode.NO_MODEL)
    except AnotherWorker:
        return False
    return True


def _plan(store: Store, settings: Settings) -> Plan:
    probes = chosen(settings.probes.only or None)
    totals: dict[str, Planned] = {}
    skipped: Counter[Reason] = Counter()
    waiting: list[tuple[Call, str]] = []
    for call, asked, spent, reason in _wanted(store, settings):
        if reason is not None:
            skipped[reason] += 1
            continue
        try:
            found = _most(Prompted.of(call), asked, spent, settings, store)
            if is_checked(call.id, settings.explain.sanity_check_rate) and not asked.pooled:
                found = _with_check(found, call, asked, settings, store)
            if settings.explain.path and not asked.pooled:
                found = _with_path(found, call, settings, store)
            if is_profiled(call, settings, pooled=asked.pooled):
                found = _with_profile(found, call, asked, probes, settings, store)
            if asked.proxy is not None:
                _add(totals, _proxy_bound(call, asked.proxy, settings, store))
        except (NoModel, NotRepeatable) as error:
            # The table was removed after it had been sampled, or has no form for its messages.
            skipped[error.reason] += 1
            continue
        _add(totals, found)
        waiting.append((call, asked.model))
    for replays in _replayed(waiting, store, settings):
        _add(totals, replays)
    return Plan(
        models=tuple(_checked(totals[name], settings) for name in sorted(totals)),
        skipped=tuple(
            Counted(reason=text, code=code, count=count)
            for (code, text), count in skipped.most_common()
        ),
        left=store.ledger.left(),
    )


def _checked(planned: Planned, settings: Settings) -> Planned:
    """Say whether its key is there."""
    how = settings_of(planned.model, settings)
    try:
        read_key(getattr(how, "api_key_env", None), planned.model)
    except ModelUnavailable as error:
        return planned.model_copy(update={"unavailable": str(error)})
    return planned


def _wanted(
    store: Store, settings: Settings
) -> Iterator[tuple[Call, ExplanationSettings, Spent, Reason | None]]:
    """Every call that waits, how it is explained, its cost so far, and why it is not explained."""
    for job in store.jobs.unfinished():
        call = store.traces.call(job.call_id)
        if call is not None:
            yield call, job.settings, store.ledger.spent("explanation", job.budget_scope.key), None
    offset, chosen, differs = 0, dict[Group, int](), set[Group]()
    while (found := undecided(store, TRACES, offset=offset))[0]:
        batch, steps = found
        offset += TRACES
        new = {group for group, _ in batch} - chosen.keys()
        chosen |= store.sampling.chosen(new)
        differs |= store.sampling.argument_differs(new)
        decisions = decide(batch, chosen, settings, differs, steps)
        for decision, (_, call) in zip(decisions, batch, strict=True):
            yield call, decision.settings, Spent(), decision.why


def _with_check(
    found: Planned, call: Call, asked: ExplanationSettings, settings: Settings, store: Store
) -> Planned:
    """Add its sanity check, which has the caps of an explanation of its own."""
    copies = injected_copies(Prompted.of(call))
    if asked.proxy is not None:  # the model alone is asked
        budget = settings.budget.calls_per_explanation
        asked = asked.model_copy(update={"proxy": None, "budget": budget})
    checks = [_most(copy, asked, Spent(), settings, store) for copy in copies]
    check = max(checks, key=lambda planned: planned.tokens or 0)
    return _sum(found, check.model_copy(update={"explanations": 0}))


def _with_path(found: Planned, call: Call, settings: Settings, store: Store) -> Planned:
    """Add the path of the trace that the call ends, at the price of its dearest call."""
    trace = trace_ending_with(call.id, store)
    if trace is None:
        return found
    calls = settings.budget.calls_per_path
    bounds: list[tuple[int | None, float | None]] = []
    for one in trace.calls:
        with suppress(NoModel, NotRepeatable):  # then it is not asked
            name = one.model or "*"
            how = settings_for(name, settings)
            bounds.append(bound_of(how, name, Prompted.of(one), calls))
    path = found.model_copy(
        update={
            "explanations": 0,
            "calls": calls,
            "tokens": _largest([tokens for tokens, _ in bounds]),
            "usd": _within(_largest([usd for _, usd in bounds]), settings),
        }
    )
    return _sum(found, path)


def _with_profile(
    found: Planned,
    call: Call,
    asked: ExplanationSettings,
    probes: Sequence[Probe],
    settings: Settings,
    store: Store,
) -> Planned:
    """Add the profile of the call, each of its requests as large as the longest variant."""
    longest = longest_variant(Prompted.of(call), probes, seed_of(call.id, day_of(call)))
    calls = settings.budget.calls_per_profile
    return _sum(found, _alike(asked.model, longest, calls, settings, store))


def _replayed(
    waiting: Sequence[tuple[Call, str]], store: Store, settings: Settings
) -> Iterator[Planned]:
    """The replays of `[drift]` in this period, case by case. A set that is not chosen yet may take
    any call that is explained by then: the largest are counted."""
    period = drift.period_of(store.clock(), settings.drift.period_hours)
    named = drift.named(settings.drift.probes) if settings.drift.prompts else []
    for name in settings.drift.prompts:
        if store.drift.alarm(name) or store.drift.last_period(name) == period:
            continue
        if chosen_before := store.drift.cases(name):
            for case in chosen_before:
                probes = drift.named(store.drift.probes_of(case))
                yield from _replay(case.call_id, case.messages, probes, 1, store, settings)
            continue
        new = [
            planned
            for case in choose_cases(store, name, settings.drift.cases)
            for planned in _replay(case.call_id, case.messages, named, DRAWS, store, settings)
        ]
        new += [
            _case(model, Prompted.of(call), named, DRAWS, store, settings)
            for call, model in waiting
            if Group.of(call).name == name
        ]
        yield from nlargest(settings.drift.cases, new, key=lambda one: one.tokens or 0)


def _replay(
    call_id: str,
    messages: tuple[Message, ...],
    probes: Sequence[Probe],
    draws: int,
    store: Store,
    settings: Settings,
) -> Iterator[Planned]:
    """A case of an explained call; nothing if that, or its model's table, is gone."""
    call, job = store.traces.call(call_id), store.jobs.of_call(call_id)
    if call is not None and job is not None:
        prompted = Prompted.of(call).model_copy(update={"messages": messages})
        with suppress(NoModel, NotRepeatable):
            yield _case(job.settings.model, prompted, probes, draws, store, settings)


def _case(
    model: str,
    prompted: Prompted,
    probes: Sequence[Probe],
    draws: int,
    store: Store,
    settings: Settings,
) -> Planned:
    """A case, within its caps for a period, each request as large as the longest."""
    requests = draws * len(probes) + (draws == DRAWS)  # the first period asks for the reference
    most = requests * settings_for(model, settings).most_attempts
    calls = min(settings.budget.calls_per_profile, most)
    longest = longest_variant(prompted, probes, seed=0)
    found = _alike(model, longest, calls, settings, store)
    return found.model_copy(update={"replays": calls})


def _largest(numbers: Sequence[_Number | None]) -> _Number | None:
    """The largest; None if one of them is unknown."""
    known = [number for number in numbers if number is not None]
    return max(known) if len(known) == len(numbers) else None


def _within(usd: float | None, settings: Settings, spent: float = 0.0) -> float | None:
    """A price within the rest of an explanation's cap."""
    cap = settings.budget.usd_per_explanation
    return usd if usd is None or cap is None else max(0.0, min(usd, cap - spent))


def _alike(model: str, prompted: Prompted, calls: int, settings: Settings, store: Store) -> Planned:
    """So many calls, each as large as `prompted`, within an explanation's cap."""
    found = _uncapped(settings_for(model, settings), model, prompted, calls, store)
    return found.model_copy(update={"usd": _within(found.usd, settings)})


def _most(
    prompted: Prompted, asked: ExplanationSettings, spent: Spent, settings: Settings, store: Store
) -> Planned:
    how = settings_for(asked.model, settings)
    left = settings.budget.calls_per_explanation - spent.calls
    calls = max(0, min(left, asked.budget * how.most_attempts))
    found = _uncapped(how, asked.model, prompted, calls, store)
    usd = _within(found.usd, settings, spent.usd)
    return found.model_copy(update={"explanations": 1, "usd": usd})


def _proxy_bound(call: Call, name: str, settings: Settings, store: Store) -> Planned:
    how, calls = settings_of(name, settings), settings.budget.proxy_calls_per_explanation
    found = _uncapped(how, name, Prompted.of(call), calls, store)
    return found.model_copy(update={"explanations": 1})


def _uncapped(
    how: ModelSettings, model: str, prompted: Prompted, calls: int, store: Store
) -> Planned:
    tokens, usd = bound_of(how, model, prompted, calls)
    left = store.ledger.left(model)
    return Planned(model=model, explanations=0, calls=calls, tokens=tokens, usd=usd, left=left)


def _add(totals: dict[str, Planned], found: Planned) -> None:
    before = totals.get(found.model)
    totals[found.model] = found if before is None else _sum(before, found)


def _sum(one: Planned, other: Planned) -> Planned:
    return one.model_copy(
        update={
            "explanations": one.explanations + other.explanations,
            "calls": one.calls + other.calls,
            "replays": one.replays + other.replays,
            "tokens": added(one.tokens, other.tokens),
            "usd": added(one.usd, other.usd),
        }
    )
