"""What all judgements of the store come to."""

from smile_trace.probes.confirmation import reliability
from smile_trace.probes.confirmed import confirmations_of
from smile_trace.records import Record
from smile_trace.records.judgement import QUESTIONS, Confirmation, Reliability
from smile_trace.store import Store


class ReviewResults(Record):
    """By probe how far people confirm it, and by question how far they agree."""

    confirmations: dict[str, Confirmation]
    reliability: tuple[Reliability, ...]


def results(store: Store) -> ReviewResults:
    """Of all judgements that the store holds, whether their profiles are still there or not."""
    judgements = [judgement for _, judgement in store.judgements.read()]
    return ReviewResults(
        confirmations=dict(confirmations_of(store)),
        reliability=tuple(reliability(question, judgements) for question in QUESTIONS),
    )
