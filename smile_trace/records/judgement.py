"""What a person said of a variant and its answer."""

from typing import Literal

from pydantic import Field

from smile_trace.records.base import Record

Reply = Literal["yes", "no", "cannot_say"]


class Judgement(Record):
    """One person's replies about one variant of a request.

    `same_meaning`: does the variant mean the same as the request? `worse`: is its answer worse than
    the logged one? `reason`: are the highlighted words the reason? `judged_at` is in ISO 8601.
    """

    variant_id: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    same_meaning: Reply
    worse: Reply
    reason: Reply = "cannot_say"
    judged_at: str


class Confirmation(Record):
    """How far people confirm what a probe finds.

    `precision` is the share of the judged prompts' changed answers that people confirmed (the
    variant means the same, and its answer is worse), in [0, 1], inside `[ci_low, ci_high]`; None
    where nothing is settled. `judgements` of `reviewers` settled `variants` of `prompts`;
    `confirmed` of these variants were confirmed. `counts` in a gate, or not yet.
    """

    probe: str
    judgements: int = 0
    reviewers: int = 0
    variants: int = 0
    prompts: int = 0
    confirmed: int = 0
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
