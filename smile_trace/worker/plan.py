"""The worker's next work and its maximum cost, before anything is spent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import nlargest
from typing import TypeVar

from smile_trace.errors import Reason, ReasonCode
from smile_trace.evaluation import injected_copies
from smile_trace.explaining.spending import added, bound_of
from smile_trace.models import NotRepeatable
from smile_trace.models.base import ModelUnavailable
from smile_trace.models.registry import NoModel, settings_for, settings_of
from smile_trace.models.transport import read_key
from smile_trace.probes import Probe, chosen
from smile_trace.probes.api import longest_variant
from smile_trace.probes.fixed_set import DRAWS, choose_cases
from smile_trace.records import Call, ExplanationSettings, Prompted, Record
from smile_trace.settings import ModelSettings, Settings
from smile_trace.store import Store
from smile_trace.store.drift import NewCase
from smile_trace.store.queries.status import Counted
from smile_trace.store.spending.accounts import Spent
from smile_trace.store.spending.ledger import Left, Purpose
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
from smile_trace.worker.sample import AT_ONCE, decide, undecided

_Number = TypeVar("_Number", int, float)

LATELY = 50
"""Explanations by whose cost those that wait are judged."""
_OF_MODEL = (Purpose.EXPLANATION, Purpose.SANITY_CHECK, Purpose.PATH, Purpose.PROFILE)
"""What a job asks its model for."""


class Planned(Record):
    """The most that one model would be asked. `tokens` or `usd` is None if unknown. `replays` of
    its `calls` are drift's in this period. `left` is the rest of the model's own caps today.
    `usual`: what as many explanations took lately, within these caps; None before the first one."""

    model: str
    explanations: int
    calls: int
    replays: int = 0
    tokens: int | None
    usd: float | None
    left: Left
    usual: Spent | None = None
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
        return _Planner(store, settings).plan().model_copy(update={"beside_worker": beside_worker})


def _read_spool(store: Store, settings: Settings) -> bool:
    """Read the spool as every start of the worker does; False if one runs, which does it itself."""
    try:
        with worker_lock(settings.home):
            Ingest(store, settings).run()
            store.sampling.forget_skipped(ReasonCode.NO_MODEL)
    except AnotherWorker:
        return False
    return True


def _checked(planned: Planned, settings: Settings) -> Planned:
    """Say whether its key is there."""
    how = settings_of(planned.model, settings)
    try:
        read_key(getattr(how, "api_key_env", None), planned.model)
    except ModelUnavailable as error:
        return planned.model_copy(update={"unavailable": str(error)})
    return planned


class _Planner:
    """Bounds what the worker would ask next, with what the store holds and the settings allow."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._totals: dict[str, Planned] = {}

    def plan(self) -> Plan:
        """Bound all of it, by model."""
        settings = self._settings
        probes = chosen(settings.probes.only or None)
        skipped: Counter[Reason] = Counter()
        waiting: list[tuple[Call, str]] = []
        for call, asked, spent, reason in self._wanted():
            if reason is not None:
                skipped[reason] += 1
                continue
            try:
                found = self._most(Prompted.of(call), asked, spent)
                if is_checked(call.id, settings.explain.sanity_check_rate) and not asked.pooled:
                    found = self._with_check(found, call, asked)
                if settings.explain.path and not asked.pooled:
                    found = self._with_path(found, call)
                if is_profiled(call, settings, pooled=asked.pooled):
                    found = self._with_profile(found, call, asked, probes)
                if asked.proxy is not None:
                    self._add(self._proxy_bound(call, asked.proxy))
            except (NoModel, NotRepeatable) as error:
                # The table was removed after it had been sampled, or has no form for its messages.
                skipped[error.reason] += 1
                continue
            self._add(found)
            waiting.append((call, asked.model))
        for replays in self._replayed(waiting):
            self._add(replays)
        return Plan(
            models=tuple(
                _checked(self._with_usual(self._totals[name], waiting), settings)
                for name in sorted(self._totals)
            ),
            skipped=tuple(
                Counted(reason=text, code=code, count=count)
                for (code, text), count in skipped.most_common()
            ),
            left=self._store.ledger.left(),
        )

    def _wanted(self) -> Iterator[tuple[Call, ExplanationSettings, Spent, Reason | None]]:
        """Every call that waits, how it is explained, its cost so far, and why it is not."""
        store = self._store
        for job in store.jobs.unfinished():
            call = store.traces.call(job.call_id)
            if call is not None:
                spent = store.ledger.spent("explanation", job.budget_scope.key)
                yield call, job.settings, spent, None
        chosen, differs = dict[Group, int](), set[Group]()
        waiting = store.sampling.undecided_traces()
        for start in range(0, len(waiting), AT_ONCE):
            batch, steps = undecided(store, waiting[start : start + AT_ONCE])
            new = {group for group, _ in batch} - chosen.keys()
            chosen |= store.sampling.chosen(new)
            differs |= store.sampling.argument_differs(new)
            decisions = decide(batch, chosen, self._settings, differs, steps)
            for decision, (_, call) in zip(decisions, batch, strict=True):
                yield call, decision.settings, Spent(), decision.why

    def _with_check(self, found: Planned, call: Call, asked: ExplanationSettings) -> Planned:
        """Add its sanity check, which has the caps of an explanation of its own."""
        copies = injected_copies(Prompted.of(call))
        if asked.proxy is not None:  # the model alone is asked
            budget = self._settings.budget.calls_per_explanation
            asked = asked.model_copy(update={"proxy": None, "budget": budget})
        checks = [self._most(copy, asked, Spent()) for copy in copies]
        check = max(checks, key=lambda planned: planned.tokens or 0)
        return _sum(found, check.model_copy(update={"explanations": 0}))

    def _with_path(self, found: Planned, call: Call) -> Planned:
        """Add the path of the trace that the call ends, at the price of its dearest call."""
        trace = trace_ending_with(call.id, self._store)
        if trace is None:
            return found
        calls = self._settings.budget.calls_per_path
        bounds: list[tuple[int | None, float | None]] = []
        for one in trace.calls:
            with suppress(NoModel, NotRepeatable):  # then it is not asked
                name = one.model or "*"
                how = settings_for(name, self._settings)
                bounds.append(bound_of(how, name, Prompted.of(one), calls))
        path = found.model_copy(
            update={
                "explanations": 0,
                "calls": calls,
                "tokens": _largest([tokens for tokens, _ in bounds]),
                "usd": self._within(_largest([usd for _, usd in bounds])),
            }
        )
        return _sum(found, path)

    def _with_profile(
        self, found: Planned, call: Call, asked: ExplanationSettings, probes: Sequence[Probe]
    ) -> Planned:
        """Add the profile of the call, each of its requests as large as the longest variant."""
        longest = longest_variant(Prompted.of(call), probes, seed_of(call.id, day_of(call)))
        calls = self._settings.budget.calls_per_profile
        return _sum(found, self._alike(asked.model, longest, calls))

    def _with_usual(self, planned: Planned, waiting: Sequence[tuple[Call, str]]) -> Planned:
        """Add what as many explanations took lately, of the same version of a prompt or the same
        function; where that has none, the most that they may take."""
        mean = self._lately(planned.model, None)
        if mean is None or not mean[0]:
            return planned
        groups = Counter(Group.of(call) for call, model in waiting if model == planned.model)
        most = (planned.calls - planned.replays) / max(planned.explanations, 1)
        calls = float(planned.replays)
        for group, count in groups.items():
            own = self._lately(planned.model, group)
            calls += count * (most if own is None else own[0])
        times = calls / mean[0]
        left = planned.left
        for cap, each in zip((left.calls, left.tokens, left.usd), mean, strict=True):
            if cap is not None and each:
                times = min(times, cap / each)
        calls, tokens, usd = (times * each for each in mean)
        usual = Spent(calls=round(calls), tokens=round(tokens), usd=usd)
        return planned.model_copy(update={"usual": usual})

    def _lately(self, model: str, group: Group | None) -> tuple[float, float, float] | None:
        """The mean calls, tokens and dollars of the last explanations, if there are any."""
        done = self._store.jobs.explained_last(model, group, LATELY)
        if not done:
            return None
        scopes = [job.budget_scope.for_purpose(purpose) for job in done for purpose in _OF_MODEL]
        spent = [self._store.ledger.spent("explanation", scope.key) for scope in scopes]
        calls, tokens = sum(one.calls for one in spent), sum(one.tokens for one in spent)
        return calls / len(done), tokens / len(done), sum(one.usd for one in spent) / len(done)

    def _replayed(self, waiting: Sequence[tuple[Call, str]]) -> Iterator[Planned]:
        """The replays of `[drift]` in this period, case by case. A set that is not chosen yet may
        take any call that is explained by then: the largest are counted."""
        store, wanted = self._store, self._settings.drift
        period = drift.period_of(store.clock(), wanted.period_hours)
        named = drift.named(wanted.probes) if wanted.prompts else []
        for name in wanted.prompts:
            if store.drift.alarm(name) or store.drift.last_period(name) == period:
                continue
            if chosen_before := store.drift.cases(name):
                for case in chosen_before:
                    yield from self._replay(case, drift.named(store.drift.probes_of(case)), 1)
                continue
            new = [
                planned
                for case in choose_cases(store, name, wanted.cases)
                for planned in self._replay(case, named, DRAWS)
            ]
            new += [
                self._case(model, Prompted.of(call), named, DRAWS)
                for call, model in waiting
                if Group.of(call).name == name
            ]
            yield from nlargest(wanted.cases, new, key=lambda one: one.tokens or 0)

    def _replay(self, case: NewCase, probes: Sequence[Probe], draws: int) -> Iterator[Planned]:
        """A case of an explained call; nothing if that, or its model's table, is gone."""
        call = self._store.traces.call(case.call_id)
        job = self._store.jobs.of_call(case.call_id)
        if call is not None and job is not None:
            prompted = Prompted.of(call).model_copy(update={"messages": case.messages})
            with suppress(NoModel, NotRepeatable):
                yield self._case(job.settings.model, prompted, probes, draws)

    def _case(self, model: str, prompted: Prompted, probes: Sequence[Probe], draws: int) -> Planned:
        """A case, within its caps for a period, each request as large as the longest."""
        requests = draws * len(probes) + (draws == DRAWS)  # the first period asks the reference
        most = requests * settings_for(model, self._settings).most_attempts
        calls = min(self._settings.budget.calls_per_profile, most)
        found = self._alike(model, longest_variant(prompted, probes, seed=0), calls)
        return found.model_copy(update={"replays": calls})

    def _within(self, usd: float | None, spent: float = 0.0) -> float | None:
        """A price within the rest of an explanation's cap."""
        cap = self._settings.budget.usd_per_explanation
        return usd if usd is None or cap is None else max(0.0, min(usd, cap - spent))

    def _alike(self, model: str, prompted: Prompted, calls: int) -> Planned:
        """So many calls, each as large as `prompted`, within an explanation's cap."""
        found = self._uncapped(settings_for(model, self._settings), model, prompted, calls)
        return found.model_copy(update={"usd": self._within(found.usd)})

    def _most(self, prompted: Prompted, asked: ExplanationSettings, spent: Spent) -> Planned:
        how = settings_for(asked.model, self._settings)
        left = self._settings.budget.calls_per_explanation - spent.calls
        calls = max(0, min(left, asked.budget * how.most_attempts))
        found = self._uncapped(how, asked.model, prompted, calls)
        usd = self._within(found.usd, spent.usd)
        return found.model_copy(update={"explanations": 1, "usd": usd})

    def _proxy_bound(self, call: Call, name: str) -> Planned:
        how = settings_of(name, self._settings)
        calls = self._settings.budget.proxy_calls_per_explanation
        found = self._uncapped(how, name, Prompted.of(call), calls)
        return found.model_copy(update={"explanations": 1})

    def _uncapped(self, how: ModelSettings, model: str, prompted: Prompted, calls: int) -> Planned:
        tokens, usd = bound_of(how, model, prompted, calls)
        left = self._store.ledger.left(model)
        return Planned(model=model, explanations=0, calls=calls, tokens=tokens, usd=usd, left=left)

    def _add(self, found: Planned) -> None:
        before = self._totals.get(found.model)
        self._totals[found.model] = found if before is None else _sum(before, found)


def _largest(numbers: Sequence[_Number | None]) -> _Number | None:
    """The largest; None if one of them is unknown."""
    known = [number for number in numbers if number is not None]
    return max(known) if len(known) == len(numbers) else None


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
