"""The page on which people judge variants (one at a time, by keyboard), and how far they confirm a
probe, in words. Every text is escaped."""

from collections.abc import Iterator, Mapping, Sequence

from smile_trace._text.lists import per_cent
from smile_trace.records.judgement import (
    QUESTIONS,
    Confirmation,
    JudgeAgreement,
    Judgement,
    QuestionAgreement,
    ReviewTask,
)
from smile_trace.records.message import messages_text
from smile_trace.render.html import filled
from smile_trace.render.text import difference, short, visible, whole_difference


def review_to_html(
    tasks: Sequence[ReviewTask], given: Mapping[str, Judgement], *, reviewer: str, nonce: str
) -> str:
    """Return the page. `given` are the person's judgements by variant; the page's security policy
    knows its own script and style by the `nonce`."""
    return filled(
        "review.html.j2",
        tasks=tasks,
        given=given,
        reviewer=reviewer,
        nonce=nonce,
        questions=QUESTIONS,
        request_change=lambda task: difference(task.messages, task.changed_messages),
        answer_change=lambda task: whole_difference(task.answer, task.changed_answer),
        message_text=messages_text,
    )


def review_text(task: ReviewTask) -> str:
    """Return the changed request and the logged answer for another tool's plain-text page, with
    ⟦-removed⟧ and ⟦+added⟧ text."""
    marks = {"removed": "⟦-{}⟧", "added": "⟦+{}⟧", "same": "{}"}
    pieces = difference(task.messages, task.changed_messages)
    changed = "".join(marks[piece.kind].format(piece.text) for piece in pieces)
    return (
        f"{visible(task.title)}: {visible(task.what)}\n\n"
        f"What was changed in the request:\n\n{changed or 'Nothing: it was asked again.'}\n\n"
        f"The logged answer:\n\n{visible(task.answer) or '(empty answer)'}"
    )


def review_title(task: ReviewTask) -> str:
    """Return one line: the probe, and how the variant differs."""
    return short(f"{task.title}: {task.what}", 200)


def review_answer(task: ReviewTask) -> str:
    """Return the answer to the variant, beside `review_text`."""
    return f"The answer to the variant:\n\n{visible(task.changed_answer) or '(empty answer)'}"


UNCONFIRMED = "no person has judged it, so whether the changed answers are worse is not known"


def confirmed(found: Confirmation | None) -> str:
    """Return part of a sentence: `people confirmed 27 of 31 variants (75 to 94 %): it counts`."""
    if found is None or not found.variants:
        return UNCONFIRMED
    who, judge = "people", ""
    if found.by_judge:
        who = "people and the judge" if found.reviewers else "the judge"
        judge = f", {found.by_judge} of them judged by the judge alone"
    told = (
        f"{who} confirmed {found.confirmed} of {_some(found.variants, 'variant')} of "
        f"{_some(found.prompts, 'prompt')}{judge} "
        f"({per_cent(found.ci_low, found.ci_high)})"
    )
    if found.counts:
        return f"{told}: it counts in a gate"
    return f"{told}: not enough for a gate, {_some(found.judgements, 'judgement')}"


def agreed(found: JudgeAgreement) -> Iterator[str]:
    """Yield how much a judge replied to, and a line for each question."""
    yield f"replied about {found.replied} of the {_some(found.asked, 'variant')} it was shown"
    for question in found.questions:
        yield f"{question.question.replace('_', ' ')!r}: {_agreed_on(question)}"


def _agreed_on(found: QuestionAgreement) -> str:
    if not found.variants:
        return "no variant has replies from both people and the judge"
    told = (
        f"agrees with people on {found.agreed} of {_some(found.variants, 'variant')} "
        f"({per_cent(found.ci_low, found.ci_high)})"
    )
    if found.alpha is None or found.alpha_low is None or found.alpha_high is None:
        return f"{told}, alpha not known (all replies are the same)"
    return f"{told}, alpha {found.alpha:.2f} ({found.alpha_low:.2f} to {found.alpha_high:.2f})"


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
