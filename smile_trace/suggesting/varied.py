"""Calls whose requests a probe has varied, as inputs of a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace.comparison.input_models import Input
from smile_trace.probes import Probe, Variant
from smile_trace.records import Prompted
from smile_trace.suggesting.cases import use_in


@dataclass(frozen=True)
class Varied:
    """A variant of a call's request that still holds the template; `of` is the request."""

    of: Input
    input: Input
    variant: Variant


def varied_by(probe: Probe, inputs: Sequence[Input], seed: int) -> list[Varied]:
    """One variant of each call that the probe can vary, another one from call to call."""
    found = []
    for number, item in enumerate(inputs):
        every = [
            Varied(item, Input(item.call.model_copy(update={"messages": one.messages}), use), one)
            for one in probe.variants(Prompted.of(item.call), seed + number)
            if (use := use_in(one.messages, item.use.name, item.use.version, item.use.template))
        ]
        if every:
            found.append(every[number % len(every)])
    return found
