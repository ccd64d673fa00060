"""A prompt's fixed set of requests asked again: by the gate on demand, every period for drift.

The set holds the failures that people confirmed, and for drift the newest explained calls. A
request is asked as it is, or with one variant of a probe per draw; the probe's measure decides
whether the answer differs.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from smile_trace.attribution import Embed
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.driver import run_in_thread, wait_for
from smile_trace.explaining.options import MIN_BUDGET, ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.models import Model
from smile_trace.models.registry import open_embeddings
from smile_trace.probes.api import ask_variants, sendable_variants
from smile_trace.probes.base import Answer, Probe, Variant, says_another_thing
from smile_trace.probes.judgements import confirmed_ids
from smile_trace.probes.kinds import installed_probes
from smile_trace.probes.logged_calls import metered, rendered_with
from smile_trace.records import Call, Message, Prompted
from smile_trace.records.message import identity_of
from smile_trace.records.profile import VariantAnswer
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.drift import DriftAnswer, NewCase
from smile_trace.store.job_results import StoredProfile

DRAWS = 3
"""Answers of each request and probe in drift's reference period."""


class Unanswered(SmileTraceError):
    """A request of the set got no answer; a period counts only if all have one."""


async def answers_otherwise(
    prompted: Prompted,
    asked: Sequence[tuple[Probe | None, Variant]],
    model: Model,
    embed: Embed | None = None,
) -> list[bool]:
    """Ask variants of a request, and say of each whether its answer differs from `prompted.answer`.
    `asked`: the variants, each with the probe that measures its answer; None: the usual measure.
    `embed`: word vectors of the settings; None for the packaged ones. Raises Unanswered if not
    every request was answered; ModelUnavailable, BudgetExceeded: as the model does."""
    texts = await _answers(prompted, [variant for _, variant in asked], model)
    return await run_in_thread(partial(_measured, prompted.answer or "", asked, texts, embed))


async def _answers(prompted: Prompted, variants: Sequence[Variant], model: Model) -> list[str]:
    responses = await ask_variants(prompted, variants, model)
    for response in responses:
        if not response.ok:
            raise Unanswered(f"a request that is replayed was not answered: {response.failure}")
    return [response.text or "" for response in responses]


def _measured(
    reference: str,
    asked: Sequence[tuple[Probe | None, Variant]],
    texts: Sequence[str],
    embed: Embed | None,
) -> list[bool]:
    changes = text_comparison(reference, embed=embed).changes(texts) if texts else []
    return [
        (says_another_thing if probe is None else probe.measure)([Answer(variant, text, change)])[0]
        for (probe, variant), text, change in zip(asked, texts, changes, strict=True)
    ]


def _confirmed(store: Store, name: str) -> Iterator[tuple[StoredProfile, str, VariantAnswer]]:
    wanted = set(confirmed_ids(store))
    for stored in store.profiles.read(name=name) if wanted else ():
        for result in stored.profile.results.values():
            for variant in result.variants:
                if variant.id in wanted:
                    yield stored, result.name, variant


# -- for the gate ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class PreparedCase:
    """A confirmed failure: the changed request, and the probe by whose measure it failed; None if
    it is not installed. `prepared` also holds the answer that should have stayed."""

    id: str
    call: Call
    variant: Variant
    prepared: Prepared
    probe: Probe | None


def prepare_cases(
    store: Store,
    settings: Settings,
    name: str,
    *,
    app: str | None = None,
    model: str | None = None,
    template: str | None = None,
) -> list[PreparedCase]:
    """Return the confirmed failures of a prompt (or function) whose calls and profiles the store
    still holds. Raises SmileTraceError if a call's model cannot be asked.

    Args:
        app: the application's module, for models of kind "rerun".
        model: who is asked; by default each call's own model.
        template: rendered in place of the calls' own; a failure that it does not allow is left out.
    """
    found: dict[str, PreparedCase] = {}
    options = ExplainOptions(budget=MIN_BUDGET)
    for stored, probe_name, failed in _confirmed(store, name):
        call = None if failed.id in found else store.traces.call(stored.call_id)
        rendered = call if call is None or template is None else rendered_with(call, name, template)
        if call is None or rendered is None:
            continue
        prepared = prepare_call(rendered, settings, options, model=model, app=app)
        asked = prepared.prompted, Prompted.of(call).with_reasoning_apart()
        prompted, original = (
            one.model_copy(update={"answer": stored.profile.answer}) for one in asked
        )
        probe = installed_probes().get(probe_name)
        variant = _again(failed, probe, stored.profile.seed, original, prompted)
        if variant is not None:
            prepared = replace(
                prepared, prompted=prompted.model_copy(update={"messages": variant.messages})
            )
            variant = replace(variant, replicate=0)
            found[failed.id] = PreparedCase(failed.id, call, variant, prepared, probe)
    return list(found.values())


def _again(
    failed: VariantAnswer, probe: Probe | None, seed: int, original: Prompted, now: Prompted
) -> Variant | None:
    """The variant that failed, of the request as it is `now`; None if that has no such variant. Its
    marker, if it has one, is in no record: the seed gives the same variants again."""
    drawn = () if probe is None else probe.variants(original, seed)
    place = next((k for k, one in enumerate(drawn) if one.messages == failed.messages), None)
    if now.messages == original.messages:
        return Variant(failed.messages, failed.what) if place is None else drawn[place]
    again = () if probe is None or place is None else probe.variants(now, seed)[place:]
    return next((one for one in again[:1] if one.what == failed.what), None)


def ask_cases(cases: Sequence[PreparedCase], store: Store, settings: Settings) -> list[bool | None]:
    """Ask each failure once, whatever the cache holds; return of each whether it still fails, or
    None where it was not answered. No planted instruction is sent to a function of the application,
    which might act. Raises BudgetExceeded if a daily cap is reached; ModelUnavailable if a model
    cannot be asked at all."""
    embed = open_embeddings(settings)
    return [_fails(case, store, settings, embed) for case in cases]


def _fails(
    case: PreparedCase, store: Store, settings: Settings, embed: Embed | None
) -> bool | None:
    model, asked = case.prepared.model, [(case.probe, case.variant)]
    if case.variant.marker is not None and model.capabilities.calls_function:
        return None
    paid = metered(case.call, case.prepared, store, settings, fresh=True)
    try:
        return wait_for(answers_otherwise(case.prepared.prompted, asked, paid, embed))[0]
    except Unanswered:
        return None


# -- for drift ------------------------------------------------------------------------------------


def choose_cases(store: Store, name: str, number: int) -> list[NewCase]:
    """Choose the fixed set of a prompt, or of a function without one: at most `number` distinct
    requests, without answers."""
    confirmed = (
        NewCase(call_id=stored.call_id, messages=failed.messages, confirmed=True)
        for stored, _, failed in _confirmed(store, name)
    )
    newest = (
        NewCase(call_id=call.id, messages=call.messages)
        for call in store.jobs.explained_calls(name, 2 * number)  # some may ask the same
        if call.messages
    )
    found: dict[str, NewCase] = {}
    for case in chain(confirmed, newest):
        if len(found) < number:
            found.setdefault(identity_of(case.messages), case)
    return list(found.values())


async def ask_reference(case: NewCase, call: Call, model: Model, period: str) -> NewCase:
    """Return the case with the answer that others are compared with. Raises Unanswered if there is
    none; ModelUnavailable, BudgetExceeded: as the model does."""
    drawn = seed_of(case.messages, "reference", period, 0)
    itself = Variant(case.messages, "the request itself", replicate=drawn)
    [answer] = await _answers(_prompted(case, call), [itself], model)
    return case.model_copy(update={"reference": answer})


async def replay(
    case: NewCase,
    call: Call,
    model: Model,
    probes: Sequence[Probe],
    *,
    period: str,
    draws: int = 1,
    embed: Embed | None = None,
) -> list[DriftAnswer]:
    """Ask a case, which has its reference answer, in a period; probes with nothing to vary are left
    out.

    Args:
        call: the request's call, for the parameters and documents.
        model: asked anew in every period: each has draws of its own.
        probes: one variant of each is drawn for each draw.
        period: decides the variants.

    Raises:
        Unanswered: not every request was answered.
        ModelUnavailable, BudgetExceeded: as the model does.
    """
    prompted = _prompted(case, call)
    drawn: list[tuple[Probe, Variant]] = []
    made: list[tuple[str, int, int]] = []
    for probe in probes:
        for draw in range(draws):
            seed = seed_of(case.messages, probe.words.name, period, draw)
            if variants := sendable_variants(probe, prompted, model, seed):
                # A draw that no other period has.
                drawn.append((probe, replace(variants[seed % len(variants)], replicate=seed)))
                made.append((probe.words.name, draw, seed))
    changed = await answers_otherwise(prompted, drawn, model, embed)
    return [
        DriftAnswer(probe=name, draw=draw, seed=seed, changed=one)
        for (name, draw, seed), one in zip(made, changed, strict=True)
    ]


def seed_of(messages: Sequence[Message], probe: str, period: str, draw: int) -> int:
    """Return the seed of a variant, another one in every period."""
    content = repr([[message.identity for message in messages], probe, period, draw])
    return int(hashlib.sha256(content.encode()).hexdigest()[:7], 16)


def _prompted(case: NewCase, call: Call) -> Prompted:
    answered = {"messages": case.messages, "answer": case.reference}
    return Prompted.of(call).model_copy(update=answered)
