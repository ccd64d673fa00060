"""How far people confirm a probe, and how far a judge agrees with them, in words."""

from collections.abc import Iterator

from smile_trace.records.judgement import Confirmation, JudgeAgreement, QuestionAgreement

UNCONFIRMED = "no person has judged it, so whether the changed answers are worse is not known"


def confirmed(found: Confirmation | None) -> str:
    """In a sentence's part: `people confirmed 27 of 31 variants (75 to 94 %): it counts`."""
    if found is None or not found.variants:
        return UNCONFIRMED
    who, judge = "people", ""
    if found.by_judge:
        who = "people and the judge" if found.reviewers else "the judge"
        judge = f", {found.by_judge} of them judged by the judge alone"
    told = (
        f"{who} confirmed {found.confirmed} of {_some(found.variants, 'variant')} of "
        f"{_some(found.prompts, 'prompt')}{judge} "
        f"({100 * found.ci_low:.0f} to {100 * found.ci_high:.0f} %)"
    )
    if found.counts:
        return f"{told}: it counts in a gate"
    return f"{told}: not enough for a gate, {_some(found.judgements, 'judgement')}"


def agreed(found: JudgeAgreement) -> Iterator[str]:
    """A line for each question, and before them how much a judge replied to."""
    yield f"replied about {found.replied} of the {_some(found.asked, 'variant')} it was shown"
    for question in found.questions:
        yield f"{question.question.replace('_', ' ')!r}: {_agreed_on(question)}"


def _agreed_on(found: QuestionAgreement) -> str:
    if not found.variants:
        return "people and it have replied about no variant both"
    told = (
        f"says what people say of {found.agreed} of {_some(found.variants, 'variant')} "
        f"({100 * found.ci_low:.0f} to {100 * found.ci_high:.0f} %)"
    )
    if found.alpha is None or found.alpha_low is None or found.alpha_high is None:
        return f"{told}, alpha not known (all replies are the same)"
    return f"{told}, alpha {found.alpha:.2f} ({found.alpha_low:.2f} to {found.alpha_high:.2f})"


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
