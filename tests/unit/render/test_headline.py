"""The summary on few lines."""

from smile_trace.render.headline import headline
from tests.support.explained import explanation


def test_a_passage_keeps_both_its_ends() -> None:
    quoted = "thank you for the offer of last week … traffic in Oslo is dreadful at the moment"
    said = f"The answer depends on “{quoted}” (without it, 41 % of the answer is lost)."
    found = explanation().model_copy(update={"summary": said})
    assert headline(found, lambda text: len(text) < 105) == (
        "The answer depends on “thank you for the … at the moment” (without it, 41 % of the answer "
        "is lost)."
    )
