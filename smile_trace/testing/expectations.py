"""Assertions on an Explanation, for the tests of prompts."""

import re

from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.records.verdicts import NOT_MEASURED, SMALLEST_EFFECT


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


def assert_no_effect(
    explanation: Explanation, text: str, *, within: float = SMALLEST_EFFECT
) -> None:
    """Assert that an effect of any part of `text` is excluded: its interval lies inside `within`.

    What was not measured well enough proves nothing, and fails, too.

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
    paired = {key for pair in explanation.interactions for key in (pair.first, pair.second)}
    moving = [s for s in found if s.verdict in ("supports", "against") or s.key in paired]
    if moving:
        effects = ", ".join(f"{s.text!r} {s.attribution:+.2f}" for s in moving)
        raise AssertionError(f"{text!r} has an effect on {explanation.answer!r}: {effects}")
    if unknown := [s for s in found if s.at_most > within]:
        most = ", ".join(f"{s.text!r} up to {s.at_most:.2f}" for s in unknown)
        raise AssertionError(
            f"{text!r} was {NOT_MEASURED}, so that an effect above {within} is not excluded; ask "
            f"for more calls (budget=…): {most}"
        )


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
        f"{s.text!r} {s.attribution:+.2f}{'' if s.significant else f' ({s.verdict})'}"
        for s in _first(explanation, count)
    ]
    return ", ".join(shown)
