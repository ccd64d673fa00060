"""A change of a template before it is tried on held-out calls, and the sensitivity to lower."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from smile_trace.comparison.version_replay import Input
from smile_trace.records.suggestion import SuggestionKind, Trial


class Sensitivity(Protocol):
    """Asks a template in a way that should not matter, and finds the calls for which it does."""

    @property
    def name(self) -> str:
        """The name of its probe."""
        ...

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Whether each call that can be varied counts: the same calls for any template."""
        ...


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


@dataclass(frozen=True)
class Nothing:
    """A kind of suggestion that was not found, and why."""

    kind: SuggestionKind
    what: str
    why: str


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
