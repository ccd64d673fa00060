"""Suggestions in a sentence or two."""

from smile_trace.records.suggestion import Suggestions


def summarize(found: Suggestions) -> str:
    """What is suggested, and on how much it was tried."""
    of = f"{found.prompt} {found.version}"
    if not found.suggestions:
        why = "; ".join(f"{one.what}: {one.why}" for one in found.not_proposed)
        return f"Nothing is proposed for {of}. {why}."
    what = ". ".join(one.what for one in found.suggestions)
    tried = f"{found.held_out} calls"
    if found.cases_held_out:
        tried += f" and {found.cases_held_out} confirmed failures"
    return f"For {of}, replayed on {tried} that it was not made from: {what}."
