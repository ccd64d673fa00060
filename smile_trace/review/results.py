"""What all judgements of the store come to."""

from smile_trace.probes.confirmation import confirmations, reliability
from smile_trace.records import Record
from smile_trace.records.judgement import QUESTIONS, Confirmation, Reliability
from smile_trace.store import Store


class ReviewResults(Record):
    """By probe how far people confirm it, and by question how far they agree."""

    confirmations: dict[str, Confirmation]
    reliability: tuple[Reliability, ...]


def results(store: Store) -> ReviewResults:
    """Of all judgements that the store holds, whether their profiles are still there or not."""
    judged = store.judgements.read()
    items = list({item.id: item for item, _ in judged}.values())
    judgements = [judgement for _, judgement in judged]
    return ReviewResults(
        confirmations=dict(confirmations(items, judgements)),
        reliability=tuple(reliability(question, judgements) for question in QUESTIONS),
    )
