"""A change of a template that was found, before it is tried on held-out calls."""

from dataclasses import dataclass

from smile_trace.records.suggestion import SuggestionKind, Trial
from smile_trace.suggesting.sensitivity import Sensitivity


@dataclass(frozen=True)
class Change:
    """A changed template. `what` says what is done, as a sentence without its full stop;
    `sensitivity` is what it makes smaller. Where there is a
    `document`, its text is taken out of the requests, and only those that hold it count."""

    kind: SuggestionKind
    what: str
    template: str
    removed: tuple[str, ...] = ()
    added: str = ""
    sensitivity: Sensitivity | None = None
    document: str = ""


@dataclass(frozen=True)
class Nothing:
    """What was looked for and not found, and why."""

    kind: SuggestionKind
    what: str
    why: str


def no_gain(change: Change, trial: Trial, alpha: float) -> str:
    """Why a change is not worth it; empty where it is. A shorter prompt is worth it by itself."""
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
