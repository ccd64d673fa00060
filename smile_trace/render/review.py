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
        message_text=_text,
        short=short,
        visible=visible,
    )


def _text(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)
