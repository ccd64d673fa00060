"""The segments of a template: its own instructions, and each variable as one segment.

Their keys are those that an explanation gives to the same places (`NAME:VERSION:UNIT:OFFSET`,
`NAME:VERSION:var:VARIABLE`), so that rows of all calls of a template meet.
"""

import re
from collections.abc import Sequence

from smile_trace.attribution.segmentation import boundaries
from smile_trace.records import PromptUse, Segment, Unit
from smile_trace.records.comparison import TemplateSegment

VARIABLE = re.compile(r"\{([^\W\d]\w*)\}")

FEWEST_SENTENCES = 4
"""Sentences and lines of a template below which its words are looked at."""


def template_segments(name: str, version: str, template: str) -> tuple[TemplateSegment, ...]:
    """Cut a template: sentences and lines where it has at least FEWEST_SENTENCES, else words.

    Stretches of marks between variables belong to no segment and are never left out.
    """
    sentences = cut(name, version, template, "sentence")
    if sum(segment.variable is None for segment in sentences) >= FEWEST_SENTENCES:
        return sentences
    return cut(name, version, template, "word")


def segments_in_call(
    segments: Sequence[TemplateSegment], use: PromptUse, content: str, role: str
) -> tuple[Segment, ...]:
    """The template's segments where they stand in the message of one call.

    Args:
        use: where the template was rendered, and its variables' values.
        content: the message that holds it.
        role: the message's role.
    """
    places = _slots(use.template)
    changes: list[tuple[int, int]] = []  # from this offset of the template on, so much further
    grown = 0
    values = []
    for (_, start, end), span in zip(places, use.variable_spans, strict=True):
        values.append((start, span.start, span.end))
        grown = span.end - use.start - end
        changes.append((end, grown))
    found = []
    for segment in segments:
        if segment.variable is None:
            moved = max(((at, by) for at, by in changes if at <= segment.start), default=(0, 0))[1]
            start, end = use.start + segment.start + moved, use.start + segment.end + moved
        else:
            start, end = next((a, b) for at, a, b in values if at == segment.start)
        if content[start:end].strip():
            found.append(_segment(segment, use.message, role, start, end, content))
    return tuple(found)


def _segment(
    segment: TemplateSegment, message: int, role: str, start: int, end: int, content: str
) -> Segment:
    return Segment(
        text=content[start:end],
        message=message,
        role=role,
        start=start,
        end=end,
        unit=segment.unit,
        key=segment.key,
    )


def _slots(template: str) -> list[tuple[str, int, int]]:
    """The variables of a template, in order: name, start, end."""
    return [(m.group(1), *m.span()) for m in VARIABLE.finditer(template)]


def cut(name: str, version: str, template: str, unit: Unit) -> tuple[TemplateSegment, ...]:
    """Cut a template into sentences (and lines) or words, each variable's slot as one."""
    split = boundaries.words if unit == "word" else boundaries.sentences
    found: list[TemplateSegment] = []
    seen: dict[str, int] = {}
    at = 0
    for variable, start, end in [*_slots(template), (None, len(template), len(template))]:
        for a, b in split(template[at:start]):
            a, b = at + a, at + b
            text = template[a:b]
            if any(c.isalnum() for c in text):
                key = f"{name}:{version}:{unit}:{a}"
                found.append(TemplateSegment(key=key, text=text, start=a, end=b, unit=unit))
        if variable is not None:
            key = f"{name}:{version}:var:{variable}"
            again = seen[key] = seen.get(key, -1) + 1
            found.append(
                TemplateSegment(
                    key=f"{key}:{again}" if again else key,
                    text=template[start:end],
                    start=start,
                    end=end,
                    unit="variable",
                    variable=variable,
                )
            )
        at = end
    return tuple(found)
