"""What would have made a wrong answer right, in a few sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace._text.lists import in_words, listed, listed_few, per_cent
from smile_trace.attribution.reporting.summary import Subject, named_parts
from smile_trace.records import Correction, Explanation, Segment, SegmentAttribution

ERROR = Subject("The error", "of the error", "this error")
RIGHTNESS = Subject(
    "The correctness of the answer", "of the correctness", "the correctness of this answer"
)

CONFIRMED = "the correction is confirmed, but not what each part does by itself."
CUT_SHORT = "the calls ran out before all parts were tried; more may help (--budget)."

MOST_SAID = 2
"""Removals that a sentence names."""


@dataclass(frozen=True)
class Searched:
    """What a search for corrections found.

    Attributes:
        found: the confirmed removals.
        control: how many answers to the whole prompt were right, of how many.
        tried: how many different prompts that lacked something were answered.
        unhelpful: how many parts were removed by themselves, and no answer was right.
        nearer: parts without which the answer comes nearer, the strongest first.
        promising: the best removal that is not confirmed, its right answers, and all.
        cut_short: whether the calls ended before the search did.
    """

    found: Sequence[Correction]
    control: tuple[int, int]
    tried: int
    unhelpful: int
    nearer: Sequence[SegmentAttribution]
    promising: tuple[Sequence[Segment], int, int] | None
    cut_short: bool


def by_chance(right: int, of: int) -> bool:
    """Whether the whole prompt gives a right answer as often as not."""
    return of > 0 and 2 * right >= of


def what_corrects(explanation: Explanation, searched: Searched) -> str:
    """The summary of the explanation of a wrong answer: without what it would be right, that it is
    right by itself when asked again, or that nothing was found to blame."""
    right, of = searched.control
    if by_chance(right, of):
        answers = "the answer is right" if of == 1 else f"{right} of {of} answers are right"
        return f"When the same request is sent again, {answers}: no part of the prompt is to blame."
    if not explanation.fidelity.reproduced:
        return explanation.summary
    said = [_found(explanation, searched) if searched.found else _nothing(explanation, searched)]
    if searched.cut_short:
        more = 2 * explanation.settings.budget
        said.append(
            f"The calls ran out before the search was done: more may help (--budget {more})."
        )
    return " ".join(said)


def _found(explanation: Explanation, searched: Searched) -> str:
    without = [_said(one, explanation) for one in searched.found[:MOST_SAID]]
    said = f"The answer would be right without {', or without '.join(without)}."
    if (of := searched.control[1]) > 1:
        right = searched.control[0]
        was = "was" if right < 2 else "were"
        said += f" With the prompt unchanged, {right or 'none'} of {of} answers {was} right."
    if searched.unhelpful:
        one = searched.unhelpful == 1
        others = "one" if one else f"any one of {in_words(searched.unhelpful)}"
        said += f" Removing {others} other part{'' if one else 's'} left it wrong."
    return said


def _said(found: Correction, explanation: Explanation) -> str:
    without = listed(_names(found.parts, explanation))
    if found.of == 1:
        return without
    share = per_cent(found.ci_low, found.ci_high)
    return f"{without} ({found.right} of {found.of} [{share}])"


def _nothing(explanation: Explanation, searched: Searched) -> str:
    said = (
        f"Nothing in the prompt was found to blame: none of {searched.tried} removals (of single "
        "parts, and of several together) makes the answer right."
    )
    if searched.promising is not None:
        without, right, of = searched.promising
        names = listed(_names(without, explanation))
        was = "was" if right == 1 else "were"
        said = (
            f"Nothing in the prompt could be confirmed as the cause: the best of {searched.tried} "
            "removals (of single parts, and of several together) was that of "
            f"{names} ({right} of {of} answers {was} right)."
        )
    if searched.nearer:
        nearer = listed_few(_names(searched.nearer, explanation))
        return f"{said} The answer comes closer to its target without {nearer}."
    if searched.promising is not None or searched.cut_short:
        return said
    return f"{said} The prompt may lack what a right answer needs."


def _names(parts: Sequence[Segment | SegmentAttribution], explanation: Explanation) -> list[str]:
    return named_parts(parts, explanation.segments, explanation.coarser, explanation.messages)
