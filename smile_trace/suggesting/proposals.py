"""Each kind of suggestion looked for, and what was found tried on what was held out."""

from collections.abc import Awaitable

from smile_trace.comparison.version_report import price_of_input
from smile_trace.models.accounting.ledger import BudgetExceeded
from smile_trace.records.suggestion import NotProposed, Suggestion, SuggestionKind
from smile_trace.suggesting.kinds.base import Change, Nothing, no_gain
from smile_trace.suggesting.kinds.document import find_document
from smile_trace.suggesting.kinds.format import find_format
from smile_trace.suggesting.kinds.harmful import find_harmful
from smile_trace.suggesting.kinds.hijack import find_hijack
from smile_trace.suggesting.kinds.no_effect import find_no_effect
from smile_trace.suggesting.kinds.order import find_order
from smile_trace.suggesting.replays import BudgetSpent
from smile_trace.suggesting.tokens import tokens_saved
from smile_trace.suggesting.trials import ALPHA, NothingTried, Trials

Outcome = Suggestion | NotProposed


async def find_and_try(trials: Trials, base_url: str | None) -> list[Outcome]:
    """Every kind, one after the other; a budget or cap that is used up ends the one it hits.

    Args:
        base_url: the provider's address, which decides prices; None: no prices.

    Raises:
        ModelUnavailable: the model cannot be asked at all.
    """
    harmful = await _within_budget("harmful", _tried(trials, find_harmful(trials), base_url))
    apart = harmful.removed if isinstance(harmful, Suggestion) else ()
    shorter = _tried(trials, find_no_effect(trials, apart), base_url)
    misled = _tried(trials, find_document(trials), base_url)
    guarded = _tried(trials, find_hijack(trials), base_url)
    ordered = _tried(trials, find_order(trials), base_url)
    formatted = _tried(trials, find_format(trials), base_url)
    return [
        await _within_budget("no_effect", shorter),
        harmful,
        await _within_budget("document", misled),
        await _within_budget("hijack", guarded),
        await _within_budget("order", ordered),
        await _within_budget("format", formatted),
    ]


async def _within_budget(kind: SuggestionKind, work: Awaitable[Outcome]) -> Outcome:
    try:
        return await work
    except (BudgetSpent, BudgetExceeded, NothingTried) as error:
        return NotProposed(kind=kind, what="Not looked through", why=str(error).rstrip("."))


async def _tried(
    trials: Trials, looking: Awaitable[Change | Nothing], base_url: str | None
) -> Outcome:
    found = await looking
    if isinstance(found, Nothing):
        return NotProposed(kind=found.kind, what=found.what, why=found.why)
    trial = await trials.held_out(found.template, found.sensitivity, found.document)
    why = trials.harm(trial) or no_gain(found, trial, ALPHA)
    if why:
        return NotProposed(kind=found.kind, what=found.what, why=why, trial=trial)
    material, replays = trials.material, trials.replays
    saved = None
    if not found.document:  # it is retrieved for some calls only
        saved = await tokens_saved(
            replays,
            replays.models.of(material.held_out[0].call),
            material.template,
            found.template,
            material.held_out,
        )
    tokens, by = (None, None) if saved is None else saved
    return Suggestion(
        kind=found.kind,
        what=found.what,
        removed=found.removed,
        added=found.added,
        template=found.template,
        trial=trial,
        tokens_saved=tokens,
        tokens_by=by,
        usd_saved=None
        if tokens is None
        else price_of_input(1000 * tokens, material.model, base_url),
    )
