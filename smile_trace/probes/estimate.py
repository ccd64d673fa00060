"""The most that a profile can cost, before anything is asked."""

from collections.abc import Sequence

from smile_trace.explaining.cost_estimate import Estimate, address_of, is_paid
from smile_trace.explaining.preparation import Prepared
from smile_trace.models.accounting.cost import attempt_bound
from smile_trace.probes.base import Probe, Variant
from smile_trace.probes.sampling import FIRST
from smile_trace.records import Prompted


def first_calls(prepared: Prepared, probes: Sequence[Probe]) -> dict[str, int]:
    """How many calls each probe takes of a prompt whose answer nothing changes; 0 where the prompt
    has nothing of what it varies."""
    prompted, seed = _answered(prepared.prompted), prepared.options.seed
    return {probe.words.name: min(FIRST, len(probe.variants(prompted, seed))) for probe in probes}


def estimate_profile(prepared: Prepared, probes: Sequence[Probe]) -> Estimate:
    """The most that the budget's calls take, each as large as the longest variant."""
    how, most, usd = prepared.how, None, None
    if how is not None:
        longest = longest_variant(prepared.prompted, probes, prepared.options.seed)
        most, usd = attempt_bound(prepared.model.name, how, longest)
    calls = prepared.options.budget
    tokens = None if most is None else (most.input_tokens or 0) + (most.output_tokens or 0)
    return Estimate(
        model=prepared.model.name,
        address=address_of(how),
        unit="message",
        segments=0,
        signal="text",
        calls=calls,
        tokens=None if tokens is None else calls * tokens,
        usd=None if usd is None else calls * usd,
        paid=is_paid(how, usd),
    )


def longest_variant(prompted: Prompted, probes: Sequence[Probe], seed: int) -> Prompted:
    """The request with the messages of its longest variant."""
    prompted = _answered(prompted)
    every = [variant for probe in probes for variant in probe.variants(prompted, seed)]
    return prompted.model_copy(update={"messages": max(every, key=_length).messages})


def _answered(prompted: Prompted) -> Prompted:
    """With an answer: variants may quote it, and it is not known before it is asked for."""
    if prompted.answer is not None:
        return prompted
    return prompted.model_copy(update={"answer": "It is not known yet."})


def _length(variant: Variant) -> int:
    return sum(len(message.content) for message in variant.messages)
