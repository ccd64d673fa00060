"""What all judgements of the store come to."""

from smile_trace.probes.confirmation import Judge, confirmations, reliability
from smile_trace.probes.confirmed import confirmations_of, judges
from smile_trace.probes.judge import chosen_judge
from smile_trace.records import Record
from smile_trace.records.judgement import (
    QUESTIONS,
    Confirmation,
    JudgeAgreement,
    Reliability,
    ReviewItem,
)
from smile_trace.settings import Settings
from smile_trace.store import Store


class JudgeResults(Record):
    """How far a judge agrees with people; what it says of each probe, which counts nowhere by
    itself; and whether it is the one that the settings name."""

    agreement: JudgeAgreement
    by_itself: dict[str, Confirmation]
    chosen: bool


class ReviewResults(Record):
    """By probe how far it is confirmed, by question how far people agree, and what judges say."""

    confirmations: dict[str, Confirmation]
    reliability: tuple[Reliability, ...]
    judges: tuple[JudgeResults, ...] = ()


def results(store: Store, settings: Settings) -> ReviewResults:
    """Of all judgements that the store holds, whether their profiles are still there or not.

    Args:
        store: where they are.
        settings: which judge counts.
    """
    judgements = [judgement for _, judgement in store.judgements.read()]
    items = list({item.id: item for item, _ in store.judge_judgements.read()}.values())
    chosen = chosen_judge(settings)
    return ReviewResults(
        confirmations=dict(confirmations_of(store, settings)),
        reliability=tuple(reliability(question, judgements) for question in QUESTIONS),
        judges=tuple(_of_judge(judge, items, chosen) for judge in judges(store)),
    )


def _of_judge(judge: Judge, items: list[ReviewItem], chosen: str | None) -> JudgeResults:
    alone = confirmations(items, judge.judgements)
    return JudgeResults(
        agreement=judge.agreement,
        by_itself={name: one.model_copy(update={"counts": False}) for name, one in alone.items()},
        chosen=judge.agreement.judge == chosen,
    )
