"""Questions to people about a variant and its answer, and their replies."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from smile_trace.records.base import Record
from smile_trace.records.message import Message

Reply = Literal["yes", "no", "cannot_say"]


class Judgement(Record):
    """The replies about one variant of a request, by a person or a judge (a model). `same_meaning`:
    does the variant mean the same as the request? `worse`: is its answer worse than the logged one?
    `reason`: are the highlighted words the reason? `judged_at` is in ISO 8601."""

    variant_id: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    same_meaning: Reply
    worse: Reply
    reason: Reply = "cannot_say"
    judged_at: str


@dataclass(frozen=True)
class Question:
    """A question about a variant; `name` is a field of Judgement, `help` says when to say yes."""

    name: Literal["same_meaning", "worse", "reason"]
    text: str
    help: str

    def reply(self, judgement: Judgement) -> Reply:
        """Return the judgement's reply to this question."""
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


class ReviewItem(Record):
    """An answered variant, as far as its selection and its probe's precision need it. `prompt` is
    an id of the original request: variants of one request are not independent. `change` is the
    answer change, in [0, 1]; `counts` says whether the answer counted as changed. `trace_id` is
    empty if the call was not captured."""

    id: str = Field(min_length=1)
    probe: str
    prompt: str
    change: float
    counts: bool
    trace_id: str = ""


class ReviewTask(Record):
    """The view of a variant for a person: the request with its logged answer, and the changed
    request with its answer. `title` is the probe's; `what` says how the requests differ."""

    item: ReviewItem
    title: str
    what: str
    messages: tuple[Message, ...]
    answer: str
    changed_messages: tuple[Message, ...]
    changed_answer: str


class Confirmation(Record):
    """People's confirmation of a probe's findings.

    `precision` is the share of the judged prompts' changed answers that people confirmed (the
    variant means the same, and its answer is worse), in [0, 1], inside `[ci_low, ci_high]`; None if
    nothing is settled. `judgements` settled `variants` of `prompts`, of which `confirmed` variants
    were confirmed; `by_judge` are a judge's, about variants that no person has judged. `counts`: in
    a gate.
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
    """People's agreement with one another on a question: Krippendorff's alpha (1: perfect, 0: as by
    chance) inside `[ci_low, ci_high]`. It is None if no two people answered about the same variant,
    or all replies are the same. `variants` were judged by two or more."""

    question: str
    variants: int
    alpha: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


class QuestionAgreement(Record):
    """The agreement of a judge and people on a question, among variants about which both replied
    yes or no. The judge agreed on `agreed` of `variants`. `rate` is the mean over their `prompts`,
    in [0, 1], inside `[ci_low, ci_high]`; None if there are none. `alpha` is Krippendorff's between
    the judge and the majority of people, inside `[alpha_low, alpha_high]`; None as in
    `Reliability`."""

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
    """A judge's agreement with people, and whether it is enough for the judge's word to count.

    The judge replied yes or no to `replied` of the `asked` variants. `false_alarms` is the upper
    end of the interval for the share that it confirms among variants that people do not, `misses`
    for the share that it does not confirm among variants that they do; both in [0, 1], and 1 if
    nothing is known.
    """

    judge: str
    asked: int
    replied: int
    questions: tuple[QuestionAgreement, ...]
    false_alarms: float = 1.0
    misses: float = 1.0
    counts: bool = False
