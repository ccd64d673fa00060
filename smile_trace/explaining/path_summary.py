"""An explanation path as sentences, by rule."""

from collections.abc import Sequence

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed
from smile_trace.records.path import PathStep, Source

_LONGEST = 60
"""Characters of a quoted text."""
_MAX_NAMED = 3
"""Sources of a step that are named; the rest is counted."""


def summarize_path(steps: Sequence[PathStep]) -> str:
    """What each step depends on, from the final answer back.

    “The final answer depends on “arrives: Friday” in the result of get_order. The call of
    get_order depends on “4711” in the user message.”
    """
    final = steps[0]
    if not final.sources:
        return final.explanation.summary
    said = [[f"{step.title} {_depends(step)}.", step.note] for step in steps]
    return " ".join(text for texts in said for text in texts if text)


def _depends(step: PathStep) -> str:
    if not step.sources:
        status = step.explanation.status
        if status == "no_effect":
            return "depends on nothing that was removed from its messages"
        return "depends on nothing that stands out at this budget"
    named = [_driver(source) for source in step.sources[:_MAX_NAMED]]
    if more := len(step.sources) - len(named):
        named.append(f"{more} more")
    return f"depends on {listed(named)}"


def _driver(source: Source) -> str:
    strongest = source.drivers[0]
    if source.kind == "tool":
        return f"{presentable(source.name, longest=_LONGEST)} being {source.where}"
    others = len(source.drivers) - 1
    more = f" and {others} more" if others else ""
    return f"“{presentable(strongest.name, longest=_LONGEST)}”{more} {source.where}"
