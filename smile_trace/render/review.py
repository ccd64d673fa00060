"""The page on which a person judges variants: one at a time, by keyboard. Every text is escaped."""

from collections.abc import Mapping, Sequence

from smile_trace.records import Message
from smile_trace.records.judgement import QUESTIONS, Judgement, ReviewTask
from smile_trace.render.difference import difference, whole_difference
from smile_trace.render.html import TEMPLATES
from smile_trace.render.text import short, visible


def review_to_html(
    tasks: Sequence[ReviewTask], given: Mapping[str, Judgement], *, reviewer: str, nonce: str
) -> str:
    """The page.

    Args:
        tasks: in the order in which they are shown.
        given: what the person has said so far, by the id of the variant.
        reviewer: who judges.
        nonce: by which the page's security policy knows its own script and style.
    """
    return TEMPLATES.get_template("review.html.j2").render(
        tasks=tasks,
        given=given,
        reviewer=reviewer,
        nonce=nonce,
        questions=QUESTIONS,
        request_change=lambda task: difference(task.messages, task.changed_messages),
        answer_change=lambda task: whole_difference(task.answer, task.changed_answer),
        message_text=messages_text,
        short=short,
        visible=visible,
    )


def review_text(task: ReviewTask) -> str:
    """The changed request and the logged answer, for a page of another's that shows plain text:
    what was taken away stands as ⟦-…⟧, what was added as ⟦+…⟧."""
    marks = {"removed": "⟦-{}⟧", "added": "⟦+{}⟧", "same": "{}"}
    pieces = difference(task.messages, task.changed_messages)
    changed = "".join(marks[piece.kind].format(piece.text) for piece in pieces)
    return (
        f"{visible(task.title)}: {visible(task.what)}\n\n"
        f"What was changed in the request:\n\n{changed or 'Nothing: it was asked again.'}\n\n"
        f"The logged answer:\n\n{visible(task.answer) or '(empty answer)'}"
    )


def review_title(task: ReviewTask) -> str:
    """One line: the probe, and how the variant differs."""
    return short(f"{task.title}: {task.what}", 200)


def review_answer(task: ReviewTask) -> str:
    """The answer to the variant, beside `review_text`."""
    return f"The answer to the variant:\n\n{visible(task.changed_answer) or '(empty answer)'}"


def messages_text(messages: Sequence[Message]) -> str:
    """Messages as one text, each after its role."""
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)
