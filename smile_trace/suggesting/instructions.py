"""The instructions of a template, and the template without some of them."""

import re
from collections.abc import Collection, Iterator, Sequence

from smile_trace.comparison.templates import VARIABLE, segment_template
from smile_trace.records.comparison import Influence, TemplateSegment
from smile_trace.records.verdicts import Verdict

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


def not_known_to_matter(
    found: Sequence[TemplateSegment], influences: Sequence[Influence]
) -> list[TemplateSegment]:
    """The instructions of which explained calls have not shown that they matter. What they leave
    open is among them: the replay without it has to exclude an effect before it is proposed."""
    known = {"supports", "against"}
    return [one for one in found if known.isdisjoint(_verdicts(one, influences))]


def _verdicts(segment: TemplateSegment, influences: Sequence[Influence]) -> Iterator[Verdict]:
    """Of the parts that lie in it: those around it may be needed for what else they hold."""
    for item in influences:
        part = item.segment
        if segment.start <= part.start and part.end <= segment.end:
            yield item.verdict
