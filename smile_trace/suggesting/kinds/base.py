"""A change of a template that was found, before it is tried on held-out calls."""

from dataclasses import dataclass

from smile_trace.records.suggestion import SuggestionKind, Trial


@dataclass(frozen=True)
class Change:
    """A changed template. `what` says what is done, as a sentence without its full stop."""

    kind: SuggestionKind
    what: str
    template: str
    removed: tuple[str, ...] = ()
    added: str = ""


@dataclass(frozen=True)
class Nothing:
    """What was looked for and not found, and why."""

    kind: SuggestionKind
    what: str
    why: str


def no_gain(change: Change, trial: Trial, alpha: float) -> str:
    """Why a change that should correct cases is not worth it; empty where it is."""
    gained = trial.cases_gained
    if trial.p_value is None:
        return f"it corrects none of {gained.of} confirmed failures that were held out"
    if trial.p_value > alpha:
        return (
            f"it corrects {gained.count} of {gained.of} confirmed failures that were held out: too "
            "few to tell"
        )
    return ""
