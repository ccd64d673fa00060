"""Confirmed failures asked again: does the changed request still get the worse answer?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.explaining.concurrency import wait_for
from smile_trace.explaining.options import MIN_BUDGET, ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.models import Request
from smile_trace.models.registry import open_embeddings
from smile_trace.probes import Answer, Probe, Variant
from smile_trace.probes.base import CHANGED
from smile_trace.probes.catalogue import installed_probes
from smile_trace.probes.confirmed import confirmed_ids
from smile_trace.probes.gate import CheckedLimit
from smile_trace.records import Call, Record, Response
from smile_trace.records.profile import Rate, VariantAnswer
from smile_trace.review.asking_again import metered
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.job_results import StoredProfile

CASES = "cases"
"""What a limit on them is called, beside those on probes."""


@dataclass(frozen=True)
class PreparedCase:
    """A confirmed failure: the changed request, the answer that should have stayed, and the probe
    by whose measure it failed; None for one that is not packaged."""

    call: Call
    variant: Variant
    prepared: Prepared
    probe: Probe | None


class CaseResults(Record):
    """How many confirmed failures there are, how many were answered, and how many still fail."""

    cases: int = 0
    answered: int = 0
    failed: int = 0


def prepare_cases(
    store: Store, settings: Settings, name: str, *, app: str | None = None
) -> list[PreparedCase]:
    """The confirmed failures of a prompt whose calls and profiles the store still holds.

    Args:
        store: where judgements, profiles and calls are.
        settings: where the calls' models are.
        name: of a prompt, or of a function without one.
        app: the module of the application, for models of kind "rerun".

    Raises:
        SmileTraceError: a call's model cannot be asked.
    """
    wanted = set(confirmed_ids(store))
    found = list[PreparedCase]()
    for stored in store.profiles.read(name=name) if wanted else ():
        mine = [
            (result.name, variant)
            for result in stored.profile.results.values()
            for variant in result.variants
            if variant.id in wanted
        ]
        call = store.traces.call(stored.call_id) if mine else None
        if call is not None:
            wanted -= {variant.id for _, variant in mine}
            found += [_prepared(stored, call, *one, settings, app) for one in mine]
    return found


def ask_cases(cases: Sequence[PreparedCase], store: Store, settings: Settings) -> CaseResults:
    """Ask each once, whatever the cache holds. An instruction that was planted is not sent to a
    function of the application, which might act.

    Raises:
        BudgetExceeded: a daily cap is reached.
        ModelUnavailable: a model cannot be asked at all.
    """
    embed = open_embeddings(settings)
    answered = failed = 0
    for one in cases:
        if one.variant.marker is not None and one.prepared.model.capabilities.calls_function:
            continue
        with suppress_instrumentation():
            response = wait_for(_ask(one, store, settings))
        if not response.ok:
            continue
        answered += 1
        text = response.text or ""
        [change] = text_comparison(one.prepared.prompted.answer or "", embed=embed).changes([text])
        answer = Answer(one.variant, text, change)
        failed += change >= CHANGED if one.probe is None else one.probe.measure([answer])[0]
    return CaseResults(cases=len(cases), answered=answered, failed=failed)


def check_cases(found: CaseResults, limit: float) -> CheckedLimit:
    """The share of the answered failures that still fail against its limit, in [0, 1].

    They are a fixed set and no sample, so that the share has no interval. Where none of them was
    answered, the limit is broken; where there is none, it is kept.
    """
    share = found.failed / found.answered if found.answered else 0.0
    told = f"{found.failed} of {found.answered} confirmed failures still fail"
    broken = share > limit
    if found.cases and not found.answered:
        told, broken = f"none of {found.cases} confirmed failures was answered", True
    return CheckedLimit(
        probe=CASES,
        title="Confirmed failures",
        limit=limit,
        calls=found.answered,
        rate=Rate(value=share, ci_low=share, ci_high=share) if found.answered else None,
        verdict="broken" if broken else "within",
        reason=f"{told}, more than {limit:.0%}" if share > limit else told,
    )


async def _ask(one: PreparedCase, store: Store, settings: Settings) -> Response:
    model = metered(one.call, one.prepared, store, settings, fresh=True)
    [response] = await model.generate([Request.of(one.prepared.prompted)])
    return response


def _prepared(
    stored: StoredProfile,
    call: Call,
    probe_name: str,
    variant: VariantAnswer,
    settings: Settings,
    app: str | None,
) -> PreparedCase:
    prepared = prepare_call(call, settings, ExplainOptions(budget=MIN_BUDGET), app=app)
    original = prepared.prompted.model_copy(update={"answer": stored.profile.answer})
    probe = installed_probes().get(probe_name)
    # Its marker, if it has one, stands in no record: the seed gives the same variants again.
    drawn = () if probe is None else probe.variants(original, stored.profile.seed)
    kept = Variant(variant.messages, variant.what, variant.replicate)
    return PreparedCase(
        call=call,
        variant=next((one for one in drawn if one.messages == variant.messages), kept),
        prepared=replace(
            prepared, prompted=original.model_copy(update={"messages": variant.messages})
        ),
        probe=probe,
    )
