"""The most that a profile can cost, before anything is asked."""

from collections.abc import Sequence

from smile_trace.explaining.cost_estimate import Estimate
from smile_trace.explaining.preparation import Prepared
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
    longest = longest_variant(prepared.prompted, probes, prepared.options.seed)
    name, calls = prepared.model.name, prepared.options.calls
    return Estimate.of_requests(name, prepared.how, longest, calls, "message")


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
