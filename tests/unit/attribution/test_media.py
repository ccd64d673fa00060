"""An image or file is a segment that is removed as a whole, or protected."""

import re

import pytest

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Media, Message, Prompted, TextPart, Unit

IMAGE = Media(modality="image", uri="data:image/png;base64,iVBORw0KGgo=")
PAPER = Media(modality="file", uri="https://example.org/a.pdf")
ASKED = TextPart(content="What is the same in both? Say it briefly.")
PROMPTED = Prompted(messages=(Message(role="user", parts=(IMAGE, ASKED, PAPER)),))
TITLES = ["image (png, 8 bytes)", "file (https://example.org/a.pdf)"]


@pytest.mark.parametrize("unit", ["auto", "word", "sentence", "media"])
def test_it_is_one_segment(unit: Unit) -> None:
    segments = Segmentation(PROMPTED, unit).segments
    assert [s.text for s in segments if s.unit == "media"] == TITLES
    for number, left in ((0, (ASKED, PAPER)), (len(segments) - 1, (IMAGE, ASKED))):
        mask = [k != number for k in range(len(segments))]
        [message] = Perturber(PROMPTED, segments).messages(mask)
        assert message == Message(role="user", parts=left)


def test_it_is_protected_by_what_it_is_called() -> None:
    partition = Segmentation(PROMPTED, "word", [re.compile("image")])
    protected = [s for s in partition.segments if s.protected]
    assert [s.text for s in protected] == TITLES[:1]


def test_a_pattern_within_its_title_takes_all_of_it() -> None:
    partition = Segmentation(PROMPTED, re.compile("png"))
    assert [s.text for s in partition.segments if not s.protected] == TITLES[:1]


def test_its_message_is_a_message() -> None:
    alone = Prompted(messages=(Message(role="user", parts=(IMAGE,)), *PROMPTED.messages))
    segments = Segmentation(alone, "message").segments
    assert len(segments) == 2
    left = Perturber(alone, segments).messages([False, True])
    assert left == PROMPTED.messages
