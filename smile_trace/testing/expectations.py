"""Assertions on an Explanation, for the tests of prompts."""

from smile_trace.records import Explanation
from smile_trace.records.checks import why_not_driven_by, why_not_without_effect
from smile_trace.records.verdicts import SMALLEST_EFFECT


def assert_driven_by(explanation: Explanation, text: str, *, among: int = 3) -> None:
    """Assert that a part of `text` significantly supports the answer, among the first `among`.

    Case and punctuation at the ends of words do not count.

    Raises:
        AssertionError: no part does, and the message shows what does; or only a larger part was
            measured, and the message says which finer unit to use.
        ValueError: the text is in none of the prompt's segments.
    """
    __tracebackhide__ = True
    if (why := why_not_driven_by(explanation, text, among=among)) is not None:
        raise AssertionError(why)


def assert_no_effect(
    explanation: Explanation, text: str, *, within: float = SMALLEST_EFFECT
) -> None:
    """Assert that an effect of any part of `text` is excluded: its interval lies inside `within`.

    Args:
        within: the largest attribution that counts as none, in units of answer change.

    Raises:
        AssertionError: a part has an effect, or was not measured well enough to exclude it, or
            only as a piece of a larger part.
        ValueError: the text is in none of the prompt's segments.
    """
    __tracebackhide__ = True
    if (why := why_not_without_effect(explanation, text, within=within)) is not None:
        raise AssertionError(why)
