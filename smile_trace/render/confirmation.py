"""How far people confirm a probe, in words."""

from smile_trace.records.judgement import Confirmation

UNCONFIRMED = "no person has judged it, so whether the changed answers are worse is not known"


def confirmed(found: Confirmation | None) -> str:
    """In a sentence's part: `people confirmed 27 of 31 variants (75 to 94 %): it counts`."""
    if found is None or not found.variants:
        return UNCONFIRMED
    told = (
        f"people confirmed {found.confirmed} of {_some(found.variants, 'variant')} of "
        f"{_some(found.prompts, 'prompt')} "
        f"({100 * found.ci_low:.0f} to {100 * found.ci_high:.0f} %)"
    )
    if found.counts:
        return f"{told}: it counts in a gate"
    return f"{told}: not enough for a gate, {_some(found.judgements, 'judgement')}"


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
