"""What would have made a wrong answer right, in a sentence."""

from collections.abc import Sequence

from smile_trace._text.lists import listed
from smile_trace.attribution.reporting.summary import Subject, named_parts
from smile_trace.records import Correction, Explanation

ERROR = Subject("The error", "of the error", "this error")
RIGHTNESS = Subject("That the answer is right", "of that", "that the answer is right")

MOST_SAID = 2
"""Removals that a sentence names."""


def with_corrections(explanation: Explanation, found: Sequence[Correction], tried: int) -> str:
    """The summary of an explanation, behind the removals that were found, or that none of so many
    was."""
    if not found:
        said = (
            f"Nothing in the prompt was found to blame: none of {tried} removals, of single parts "
            "and several together, makes the answer right. What is missing may not be in the prompt"
        )
    else:
        without = [_said(one, explanation) for one in found[:MOST_SAID]]
        said = f"The answer would be right without {', or without '.join(without)}"
    return f"{said}. {explanation.summary}"


def _said(found: Correction, explanation: Explanation) -> str:
    of = explanation.segments, explanation.coarser, explanation.messages
    without = listed(named_parts(found.parts, *of))
    if found.of == 1:
        return without
    share = f"{100 * found.ci_low:.0f} to {100 * found.ci_high:.0f} %"
    return f"{without} ({found.right} of {found.of} [{share}])"
