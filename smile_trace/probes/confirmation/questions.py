"""The three questions that a person is asked about a variant."""

from dataclasses import dataclass
from typing import Literal

from smile_trace.records.judgement import Judgement, Reply

QuestionName = Literal["same_meaning", "worse", "reason"]


@dataclass(frozen=True)
class Question:
    """Args:
    name: the field of a Judgement.
    text: what is asked.
    help: when to say yes.
    """

    name: QuestionName
    text: str
    help: str

    def reply(self, judgement: Judgement) -> Reply:
        """What was replied to it."""
        reply: Reply = getattr(judgement, self.name)
        return reply


QUESTIONS = (
    Question(
        "same_meaning",
        "Does the variant mean the same?",
        "Yes, if someone who asks either of the two should get the same answer.",
    ),
    Question(
        "worse",
        "Is the changed answer worse?",
        "Yes, if it is wrong, misses something or would mislead, where the logged one does not.",
    ),
    Question(
        "reason",
        "Are the highlighted words the reason?",
        "Yes, if what was changed in the request explains how the answer changed.",
    ),
)
