"""A prompt's logged calls profiled now, on the store's ledger, caps and cache."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from smile_trace.capture import suppressed
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.concurrency import wait_for
from smile_trace.explaining.driver import ExplanationFailed
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.registry import open_embeddings
from smile_trace.probes import Probe, profile_metered
from smile_trace.probes.api import OnAnswers
from smile_trace.records import Call
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.groups import Group
from smile_trace.store.profiles import StoredProfile
from smile_trace.store.queries.captured import newest_calls
from smile_trace.store.spending.ledger import StoredLedger

MOST_READ = 1000
"""Calls among which those that are asked are looked for: the newest."""


@dataclass(frozen=True)
class PreparedCall:
    """A logged call, and how it is asked again."""

    call: Call
    version: str
    prepared: Prepared


def prepare_calls(
    store: Store,
    settings: Settings,
    name: str,
    number: int,
    *,
    budget: int,
    seed: int = 0,
    app: str | None = None,
) -> list[PreparedCall]:
    """The newest calls of a prompt that can be asked again, each request once. Asks nothing.

    Args:
        store: where the calls are.
        settings: where their models are.
        name: of a prompt, or of a function without one.
        number: how many at most.
        budget: the most calls to the model for each.
        seed: decides the variants.
        app: the module of the application, for models of kind "rerun".

    Raises:
        SmileTraceError: there is none, or its model cannot be asked.
    """
    found: dict[str, Call] = {}
    for call in newest_calls(store.database, name, MOST_READ):
        if call.answer is not None and not (call.not_repeatable or call.truncated):
            found.setdefault(repr([m.identity for m in call.messages]), call)
    if not found:
        raise SmileTraceError(
            f"no call of a prompt or function named {name!r} is in the store that can be asked "
            "again: run smile-trace worker --once where calls were captured just now"
        )
    options = ExplainOptions(budget=budget, seed=seed)
    return [
        PreparedCall(call, Group.of(call).version, prepare_call(call, settings, options, app=app))
        for call in list(found.values())[:number]
    ]


def profiles_now(
    calls: Iterable[PreparedCall],
    probes: Sequence[Probe],
    store: Store,
    settings: Settings,
    *,
    on_answers: OnAnswers | None = None,
    on_failure: Callable[[str, SmileTraceError], None],
) -> Iterator[StoredProfile]:
    """The calls' profiles, one after the other, as the store would hold them; they are not kept.

    Every answer is cached, so that what a cap or an interruption ends goes on for free.

    Args:
        calls: what is asked.
        probes: the two controls, and others.
        store: whose ledger pays, and whose cache is read.
        settings: the caps.
        on_answers: called after every round.
        on_failure: called with the id of a call that could not be profiled.

    Raises:
        BudgetExceeded: a daily cap is reached.
        ModelUnavailable: nothing can be asked at all.
    """
    embed = open_embeddings(settings)
    for number, one in enumerate(calls):
        paid = _metered(one, store, settings)
        asking = profile_metered(one.prepared, paid, probes, embed=embed, on_answers=on_answers)
        try:
            with suppressed():
                profile = wait_for(asking)
        except ExplanationFailed as error:
            on_failure(one.call.id, error)
            continue
        yield StoredProfile(
            id=number,
            call_id=one.call.id,
            trace_id=one.call.trace_id,
            prompt=Group.of(one.call).name,
            version=one.version,
            period="",
            created_at=0.0,
            profile=profile,
        )


def _metered(one: PreparedCall, store: Store, settings: Settings) -> MeteredModel:
    caps = {"calls_per_explanation": one.prepared.options.budget, "usd_per_explanation": None}
    return MeteredModel(
        one.prepared.model,
        ledger=StoredLedger(
            store.database, settings.budget.model_copy(update=caps), settings.models
        ),
        cache=store.responses,
        explanation=f"test/{one.call.id}/{uuid.uuid4().hex}",
        paid_as=one.call.model,
    )
