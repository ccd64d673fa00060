"""The instructions of a template, and the template without some of them."""

import re
from collections.abc import Collection, Sequence

from smile_trace.comparison.templates import VARIABLE, segment_template
from smile_trace.records.comparison import Influence, TemplateSegment

_ENDS = re.compile(r"[.!?。！？]\W*\Z")
_MARK = re.compile(r"[ \t]*(?:[-*•]|\d+[.)])?[ \t]*")
"""What is left of a line of a list whose text is gone."""


def instructions(template: str) -> list[TemplateSegment]:
    """The sentences and lines that can be removed by themselves.

    A label that introduces what follows it, and a sentence around a variable, are none.
    """
    places = [match.span() for match in VARIABLE.finditer(template)]
    found = segment_template("", "", template, "sentence")
    return [one for one in found if one.variable is None and not _leads(one, template, places)]


def _leads(segment: TemplateSegment, template: str, variables: Sequence[tuple[int, int]]) -> bool:
    """Whether it is a label, or the piece of a sentence beside a variable."""
    if segment.text.rstrip().endswith((":", "：")):
        return True
    for start, end in variables:
        before, behind = template[segment.end : start], template[end : segment.start]
        if segment.end <= start and "\n" not in before and not before.strip():
            return not _ENDS.search(segment.text)
        if end <= segment.start and not re.search(r"[\n.!?。！？]", behind):
            return True
    return False


def without(template: str, removed: Collection[TemplateSegment]) -> str:
    """The template without some of its instructions, nor the lines and spaces that these leave."""
    for segment in sorted(removed, key=lambda one: -one.start):
        before, after = template[: segment.start], template[segment.end :]
        line, rest = before[before.rfind("\n") + 1 :], after.split("\n", 1)
        if _MARK.fullmatch(line) and not rest[0].strip():
            before = before[: len(before) - len(line)]
            after = rest[1] if len(rest) > 1 else ""
            if not after and not template.endswith("\n"):
                before = before.removesuffix("\n")
        elif not before or before[-1].isspace():
            after = after.lstrip(" \t")
        template = before + after
    return template


def worth_trying(
    found: Sequence[TemplateSegment], influences: Sequence[Influence], limit: float
) -> list[TemplateSegment]:
    """The instructions without those of which explained calls have shown that they certainly matter
    by `limit` or more.

    One in twenty of those without an effect seems to have a small one, and of what is open nothing
    is known: before it is proposed, the replay without it has to exclude an effect.
    """
    return [one for one in found if not any(_certain(one, item, limit) for item in influences)]


def _certain(segment: TemplateSegment, item: Influence, limit: float) -> bool:
    """Whether it lies in the instruction, and certainly matters so much: one around it may be
    needed for what else it holds."""
    part = item.segment
    if not segment.start <= part.start <= part.end <= segment.end:
        return False
    least = min(abs(item.ci_low), abs(item.ci_high))
    return item.verdict in ("supports", "against") and least >= limit
