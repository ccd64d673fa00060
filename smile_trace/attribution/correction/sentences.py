"""What would have made a wrong answer right, in a few sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace._text.lists import in_words, listed, listed_few, per_cent
from smile_trace.attribution.reporting.summary import Subject, named_parts
from smile_trace.records import Correction, Explanation, Segment, SegmentAttribution

ERROR = Subject("The error", "of the error", "this error")
RIGHTNESS = Subject("That the answer is right", "of that", "that the answer is right")

CONFIRMED = "what would make the answer right is confirmed, not what each part does by itself."
CUT_SHORT = "the calls ended before all parts were tried; more may tell (--budget)."

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
        return f"Asked again as it was sent, {answers}: no part is to blame for this one."
    if not explanation.fidelity.reproduced:
        return explanation.summary
    said = [_found(explanation, searched) if searched.found else _nothing(explanation, searched)]
    if searched.cut_short:
        more = 2 * explanation.settings.budget
        said.append(f"The calls ended before the search did: more may tell (--budget {more}).")
    return " ".join(said)


def _found(explanation: Explanation, searched: Searched) -> str:
    without = [_said(one, explanation) for one in searched.found[:MOST_SAID]]
    said = f"The answer would be right without {', or without '.join(without)}."
    if (of := searched.control[1]) > 1:
        right = searched.control[0]
        said += f" As it was sent, {right or 'none'} of {of} {'was' if right < 2 else 'were'}."
    if searched.unhelpful:
        one = searched.unhelpful == 1
        others = "one other part" if one else f"any of {in_words(searched.unhelpful)} other parts"
        said += f" Without {others} alone it stayed wrong."
    return said


def _said(found: Correction, explanation: Explanation) -> str:
    without = listed(_names(found.parts, explanation))
    if found.of == 1:
        return without
    share = per_cent(found.ci_low, found.ci_high)
    return f"{without} ({found.right} of {found.of} [{share}])"


def _nothing(explanation: Explanation, searched: Searched) -> str:
    said = (
        f"Nothing in the prompt was found to blame: none of {searched.tried} removals, of single "
        "parts and several together, makes the answer right."
    )
    if searched.promising is not None:
        without, right, of = searched.promising
        names = listed(_names(without, explanation))
        tried = f"{searched.tried} removals of single parts and several together"
        said = (
            f"Nothing in the prompt is confirmed to blame: of {tried}, the best is that of {names} "
            f"({right} of {of} answers were right)."
        )
    if searched.nearer:
        nearer = listed_few(_names(searched.nearer, explanation))
        return f"{said} It comes nearer without {nearer}."
    if searched.promising is not None or searched.cut_short:
        return said
    return f"{said} What is missing may not be in the prompt."


def _names(parts: Sequence[Segment | SegmentAttribution], explanation: Explanation) -> list[str]:
    return named_parts(parts, explanation.segments, explanation.coarser, explanation.messages)
