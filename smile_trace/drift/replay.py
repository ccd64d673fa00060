"""A case asked again: its reference answer, and one variant per probe and draw."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution import Embed
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.errors import SmileTraceError
from smile_trace.explaining.concurrency import run_in_thread
from smile_trace.models import Model, Request
from smile_trace.probes.api import sendable_variants
from smile_trace.probes.base import Answer, Probe, Variant
from smile_trace.records import Call, Message, Prompted, Response
from smile_trace.store.drift import DriftAnswer, NewCase

DRAWS = 3
"""Of each case and probe in the reference period."""


class Unanswered(SmileTraceError):
    """A request of a case got no answer; a period counts where all have one."""


async def ask_reference(case: NewCase, call: Call, model: Model, period: str) -> NewCase:
    """The case with the answer that others are compared with.

    Raises:
        Unanswered: there is none.
        ModelUnavailable, BudgetExceeded: as the model does.
    """
    drawn = seed_of(case.messages, "reference", period, 0)
    asked = Variant(case.messages, "the request itself", replicate=drawn)
    [answer] = await _ask(_prompted(case, call), [asked], model)
    return case.model_copy(update={"reference": answer.text or ""})


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
    """What becomes of a case in a period; a probe that the request has nothing for is left out.

    Args:
        case: with its reference answer.
        call: whose request it is, for the parameters and documents.
        model: it is asked anew in every period: each has draws of its own.
        probes: one variant of each is drawn for each draw.
        period: decides the variants.
        draws: how many of each probe.
        embed: word vectors of the settings; None for the packaged ones.

    Raises:
        Unanswered: not every request was answered.
        ModelUnavailable, BudgetExceeded: as the model does.
    """
    prompted = _prompted(case, call).model_copy(update={"answer": case.reference})
    drawn = [
        (probe, draw, seed, variant)
        for probe in probes
        for draw in range(draws)
        for seed in [seed_of(case.messages, probe.words.name, period, draw)]
        for variant in _one(probe, prompted, model, seed)
    ]
    variants = [variant for *_, variant in drawn]
    responses = await _ask(prompted, variants, model)
    texts = [response.text or "" for response in responses]
    changes = await run_in_thread(partial(_changes, case.reference, texts, embed))
    return [
        DriftAnswer(
            probe=probe.words.name,
            draw=draw,
            seed=seed,
            changed=probe.measure([Answer(variant, text, change)])[0],
        )
        for (probe, draw, seed, variant), text, change in zip(drawn, texts, changes, strict=True)
    ]


def seed_of(messages: Sequence[Message], probe: str, period: str, draw: int) -> int:
    """What decides a variant: another one in every period."""
    content = repr([[message.identity for message in messages], probe, period, draw])
    return int(hashlib.sha256(content.encode()).hexdigest()[:7], 16)


def _prompted(case: NewCase, call: Call) -> Prompted:
    return Prompted.of(call).model_copy(update={"messages": case.messages})


def _one(probe: Probe, prompted: Prompted, model: Model, seed: int) -> list[Variant]:
    """A variant of the probe, as a draw that no other period has; none where it has nothing to
    vary."""
    found = sendable_variants(probe, prompted, model, seed)
    return [replace(found[seed % len(found)], replicate=seed)] if found else []


async def _ask(prompted: Prompted, variants: Sequence[Variant], model: Model) -> list[Response]:
    requests = [
        Request.of(prompted.model_copy(update={"messages": variant.messages})).model_copy(
            update={"replicate": variant.replicate}
        )
        for variant in variants
    ]
    with suppress_instrumentation():
        responses = list(await model.generate(requests)) if requests else []
    for response in responses:
        if not response.ok:
            raise Unanswered(f"a request that is replayed was not answered: {response.failure}")
    return responses


def _changes(reference: str, texts: Sequence[str], embed: Embed | None) -> Sequence[float]:
    return text_comparison(reference, embed=embed).changes(texts) if texts else []
