"""A change of a template before it is tried on held-out calls, and the sensitivity to lower."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smile_trace.comparison.version_replay import Input
from smile_trace.records.suggestion import NotProposed, SuggestionKind, Trial


class Sensitivity(NamedTuple):
    """A way of asking a template that should not matter, by the name of its probe. `counting` finds
    the calls for which it does: whether each that can be varied counts, the same for any
    template."""

    name: str
    counting: Callable[[str, Sequence[Input]], Awaitable[list[bool]]]


async def least_sensitive(
    sensitivity: Sensitivity,
    candidates: Iterable[tuple[str, str]],
    inputs: Sequence[Input],
    *,
    now: int,
    keeps: Callable[[str], Awaitable[bool]] | None = None,
) -> tuple[str, str] | None:
    """The candidate (description, template) by which the fewest calls count, and fewer than `now`,
    among those that `keeps` accepts; None if there is none."""
    best, fewest = None, now
    for what, changed in candidates:
        if keeps is not None and not await keeps(changed):
            continue
        left = sum(await sensitivity.counting(changed, inputs))
        if left < fewest:
            best, fewest = (what, changed), left
    return best


@dataclass(frozen=True)
class Change:
    """A changed template. `what` is a sentence without its full stop; `sensitivity` is to be
    lowered. A `document` is taken out of the requests, and only requests that hold it count."""

    kind: SuggestionKind
    what: str
    template: str
    removed: tuple[str, ...] = ()
    added: str = ""
    sensitivity: Sensitivity | None = None
    document: str = ""


def nothing(kind: SuggestionKind, what: str, why: str) -> NotProposed:
    """A kind of suggestion that was not found, and why."""
    return NotProposed(kind=kind, what=what, why=why)


def no_gain(change: Change, trial: Trial, alpha: float) -> str:
    """Why a change is not worth it; empty if it is. A shorter prompt is worth it by itself."""
    if change.kind == "no_effect":
        return ""
    if trial.probed is not None:
        p_value, of = trial.probed.p_value, trial.probed.before
        gained, what = of.count - trial.probed.after.count, "held-out calls that were varied"
    else:
        p_value, of = trial.p_value, trial.cases_gained
        gained, what = of.count, "requests with confirmed failures that were held out"
    if p_value is not None and p_value <= alpha:
        return ""
    return f"it helps in {gained} of {of.of} {what}: too few to tell"
