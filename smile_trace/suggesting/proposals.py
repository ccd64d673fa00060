"""Looks for each kind of suggestion, tries what was found, and counts the tokens that it saves."""

from collections.abc import Awaitable, Sequence
from statistics import fmean
from typing import Literal

from smile_trace.comparison.version_replay import Input, request_of
from smile_trace.comparison.version_report import price_of_input
from smile_trace.errors import BudgetExceeded
from smile_trace.models.base import Model, counts_tokens
from smile_trace.records import Response
from smile_trace.records.suggestion import NotProposed, Suggestion, SuggestionKind, Trial, Untested
from smile_trace.records.verdicts import NO_DIFFERENCE
from smile_trace.suggesting.change import Change, no_gain, nothing
from smile_trace.suggesting.documents import find_document, find_hijack
from smile_trace.suggesting.instructions import find_harmful, find_no_effect, find_untested
from smile_trace.suggesting.layout import find_format, find_order
from smile_trace.suggesting.trials import ALPHA, BudgetSpent, NothingTried, Replays, Trials

Saved = tuple[float, Literal["tokenizer", "usage"]]
"""Input tokens per call, and who counted them."""


async def tokens_saved(
    replays: Replays, model: Model, before: str, after: str, inputs: Sequence[Input]
) -> Saved | None:
    """The input tokens that a call with these inputs saves on average; None if uncounted."""
    if counts_tokens(model):
        old, new = ([request_of(item, text) for item in inputs] for text in (before, after))
        counts = await model.count_tokens(old), await model.count_tokens(new)
        return (sum(counts[0]) - sum(counts[1])) / len(inputs), "tokenizer"
    old_used, new_used = [await replays.responses(text, inputs) for text in (before, after)]
    pairs = [
        (one, other)
        for olds, news in zip(old_used, new_used, strict=True)
        if (one := _input(olds[0])) is not None and (other := _input(news[0])) is not None
    ]
    return (fmean(one - other for one, other in pairs), "usage") if pairs else None


def _input(response: Response) -> int | None:
    return None if response.usage is None else response.usage.input_tokens


Outcome = Suggestion | NotProposed


async def find_and_try(
    trials: Trials, base_url: str | None
) -> tuple[list[Outcome], list[Untested]]:
    """Every kind, one after the other, and what the calls do not test; a used-up budget or cap ends
    the kind that it hits. `base_url`: the provider's address, which decides prices; None: no
    prices. Raises ModelUnavailable if the model cannot be asked at all."""
    harmful = await _outcomes(trials, "harmful", find_harmful(trials), base_url)
    apart = [text for one in harmful if isinstance(one, Suggestion) for text in one.removed]
    found = [
        *await _outcomes(trials, "no_effect", find_no_effect(trials, apart), base_url),
        *harmful,
        *await _outcomes(trials, "document", find_document(trials), base_url),
        *await _outcomes(trials, "hijack", find_hijack(trials), base_url),
        *await _outcomes(trials, "order", find_order(trials), base_url),
        *await _outcomes(trials, "format", find_format(trials), base_url),
    ]
    try:
        return found, await find_untested(trials, apart)
    except (BudgetSpent, BudgetExceeded):
        return found, []


async def _outcomes(
    trials: Trials,
    kind: SuggestionKind,
    looking: Awaitable[Change | NotProposed | list[Change | NotProposed]],
    base_url: str | None,
) -> list[Outcome]:
    try:
        found = await looking
        changes = found if isinstance(found, list) else [found]
        return [await _tried(trials, one, base_url) for one in changes]
    except (BudgetSpent, BudgetExceeded, NothingTried) as error:
        return [nothing(kind, "Not looked through", str(error).rstrip("."))]


def _difference(change: Change, trial: Trial) -> str:
    """The continuation of "Remove …": what was found without instructions that have no effect."""
    if change.kind != "no_effect":
        return ""
    little = trial.answers.repeats and trial.answers.changed_little
    return ", without which the answers change a little" if little else f", which {NO_DIFFERENCE}"


async def _tried(trials: Trials, found: Change | NotProposed, base_url: str | None) -> Outcome:
    if isinstance(found, NotProposed):
        return found
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
        what=found.what + _difference(found, trial),
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
