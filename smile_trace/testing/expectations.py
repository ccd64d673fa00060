"""Assertions on an Explanation, for the tests of prompts."""

import re

from smile_trace.records import Explanation, SegmentAttribution


def assert_driven_by(explanation: Explanation, text: str, *, among: int = 3) -> None:
    """Assert that a part of `text` significantly supports the answer, among the first `among`.

    Case and punctuation at the ends of words do not count.

    Raises:
        AssertionError: it does not; the message shows what does.
        ValueError: the text is in none of the prompt's segments.
    """
    found = _holding(explanation, text)
    if not any(
        s.significant and s in found and s.attribution > 0 for s in _first(explanation, among)
    ):
        raise AssertionError(
            f"{text!r} is not among the first {among} that drive {explanation.answer!r}: "
            + _ranking(explanation, among + 2)
        )


def assert_no_effect(explanation: Explanation, text: str, *, within: float = 0.1) -> None:
    """Assert that no part of `text` affects the answer: not significant, and at most `within`.

    An explanation that is inconclusive at its budget proves nothing, and fails, too.

    Args:
        within: the largest attribution that counts as none, in units of answer change.

    Raises:
        AssertionError: a part has an effect, or the explanation cannot tell.
        ValueError: the text is in none of the prompt's segments.
    """
    found = _holding(explanation, text)
    if explanation.fidelity.status == "inconclusive":
        raise AssertionError(
            f"whether {text!r} has an effect is inconclusive at this budget: "
            f"{explanation.fidelity.reason}"
        )
    moving = [s for s in found if s.significant or abs(s.attribution) > within]
    if moving:
        effects = ", ".join(f"{s.text!r} {s.attribution:+.2f}" for s in moving)
        raise AssertionError(f"{text!r} has an effect on {explanation.answer!r}: {effects}")


def _first(explanation: Explanation, count: int) -> tuple[SegmentAttribution, ...]:
    return explanation.ranked[:count]


def _holding(explanation: Explanation, text: str) -> list[SegmentAttribution]:
    """The free segments that hold a word of the text, or lie in it."""
    wanted = _words(text)
    found = [s for s in explanation.segments if not s.protected and wanted & _words(s.text)]
    if not wanted or not found:
        texts = ", ".join(repr(s.text) for s in explanation.segments[:30])
        raise ValueError(f"{text!r} is in none of the prompt's segments: {texts}")
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _ranking(explanation: Explanation, count: int) -> str:
    shown = [
        f"{s.text!r} {s.attribution:+.2f}{'' if s.significant else ' (within the noise)'}"
        for s in _first(explanation, count)
    ]
    return ", ".join(shown)
