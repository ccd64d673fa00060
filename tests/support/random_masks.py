"""What a study would send of a prompt: requests for random masks over its segments."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Message, Prompted
from smile_trace.records.formats.requests import asked_with, is_offered


def perturbed(
    prompted: Prompted, partition: Segmentation, data: st.DataObject
) -> Iterator[tuple[tuple[Message, ...], dict[str, Any]]]:
    """Messages and parameters for one mask over the segments, and one over joined ones; protected
    segments stay, as in a study."""
    for segments in (partition.segments, partition.coarse(4)):
        perturber = Perturber(prompted, segments)
        drawn = data.draw(st.lists(st.booleans(), min_size=len(segments), max_size=len(segments)))
        mask = [kept or s.protected for kept, s in zip(drawn, segments, strict=True)]
        if perturber.sendable(mask):
            messages = perturber.messages(mask)
            if is_offered(prompted.messages):
                yield asked_with(messages, prompted.parameters)
            else:
                yield messages, prompted.parameters
