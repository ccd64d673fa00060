"""What people are asked about a variant and its answer, and what they said."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from smile_trace.records.base import Record
from smile_trace.records.message import Message

Reply = Literal["yes", "no", "cannot_say"]


class Judgement(Record):
    """One person's replies about one variant of a request, or a judge's: a model that was asked.

    `same_meaning`: does the variant mean the same as the request? `worse`: is its answer worse than
    the logged one? `reason`: are the highlighted words the reason? `judged_at` is in ISO 8601.
    """

    variant_id: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    same_meaning: Reply
    worse: Reply
    reason: Reply = "cannot_say"
    judged_at: str


@dataclass(frozen=True)
class Question:
    """A question about a variant.

    Args:
        name: the field of a Judgement.
        text: what is asked.
        help: when to say yes.
    """

    name: Literal["same_meaning", "worse", "reason"]
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
"""The questions in the order in which they are asked."""


class ReviewItem(Record):
    """A variant that was answered, as far as its choice and its probe's precision need it.

    `prompt` is an id of the request that it changes: variants of one request are not independent.
    `change` is the answer change, in [0, 1]; `counts` whether its answer counted as changed.
    `trace_id` is that of the call, empty where it was not captured.
    """

    id: str = Field(min_length=1)
    probe: str
    prompt: str
    change: float
    counts: bool
    trace_id: str = ""


class ReviewTask(Record):
    """What a person sees of a variant: the request and its logged answer, the changed request and
    the answer to that. `title` is the probe's; `what` says how the requests differ."""

    item: ReviewItem
    title: str
    what: str
    messages: tuple[Message, ...]
    answer: str
    changed_messages: tuple[Message, ...]
    changed_answer: str


class Confirmation(Record):
    """How far people confirm what a probe finds.

    `precision` is the share of the judged prompts' changed answers that people confirmed (the
    variant means the same, and its answer is worse), in [0, 1], inside `[ci_low, ci_high]`; None
    where nothing is settled. `judgements` of `reviewers` settled `variants` of `prompts`;
    `confirmed` of these variants were confirmed. `by_judge` of the judgements are those of a judge,
    each about a variant that no person has judged. `counts` in a gate, or not yet.
    """

    probe: str
    judgements: int = 0
    reviewers: int = 0
    variants: int = 0
    prompts: int = 0
    confirmed: int = 0
    by_judge: int = 0
    precision: float | None = None
    ci_low: float = 0.0
    ci_high: float = 1.0
    counts: bool = False


class Reliability(Record):
    """How far people agree among themselves on one question: Krippendorff's alpha, 1 for perfect
    agreement, 0 for that of chance, inside `[ci_low, ci_high]`; None where no two people answered
    about the same variant, or all replies are the same. `variants` were judged by two or more."""

    question: str
    variants: int
    alpha: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


class QuestionAgreement(Record):
    """How far a judge says what people say of one question, where both replied yes or no.

    It agreed in `agreed` of `variants`. `rate` is the mean over their `prompts`, in [0, 1], inside
    `[ci_low, ci_high]`; None where there is none. `alpha` is Krippendorff's for the judge and the
    majority of people, inside `[alpha_low, alpha_high]`; None as in `Reliability`.
    """

    question: str
    variants: int = 0
    prompts: int = 0
    agreed: int = 0
    rate: float | None = None
    ci_low: float = 0.0
    ci_high: float = 1.0
    alpha: float | None = None
    alpha_low: float | None = None
    alpha_high: float | None = None


class JudgeAgreement(Record):
    """How far a judge agrees with people, and whether that is enough for its word to count.

    It replied with a yes or a no to `replied` of the `asked` variants; to the others it cannot say,
    or what it said could not be read. `false_alarms` is the upper end of the interval of the share
    that it confirms among the variants that people do not, `misses` of the share that it does not
    among those that they do; both in [0, 1], and 1 where nothing is known.
    """

    judge: str
    asked: int
    replied: int
    questions: tuple[QuestionAgreement, ...]
    false_alarms: float = 1.0
    misses: float = 1.0
    counts: bool = False
