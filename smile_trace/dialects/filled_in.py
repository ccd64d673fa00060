"""A template found in the message that was made of it, where nobody wrote down the values."""

import re
from collections.abc import Sequence
from itertools import pairwise

from smile_trace.records import VariableSpan

FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}|\{(\w+)\}")
MOST_FIELDS = 1000
"""Places of variables in the text of one template."""


def filled_in(template: str, content: str) -> tuple[int, int, list[VariableSpan]] | None:
    """Where the template stands in a text, and the places of its variables there.

    None where its own words are not there in their order, where they can be found at several
    places (two variables side by side, or a value that holds the words behind it), and where a
    variable would have two values.
    """
    literals, names = _parts(template)
    if not names or len(names) > MOST_FIELDS or not all(literals[1:-1]):
        return None
    places = _first_places(literals, content)
    backwards = _first_places([text[::-1] for text in literals[::-1]], content[::-1])
    if places is None or backwards is None:
        return None
    last_places = [(len(content) - end, len(content) - start) for start, end in backwards[::-1]]
    if places != last_places:
        return None
    spans = [
        VariableSpan(name=name, start=before[1], end=after[0])
        for name, (before, after) in zip(names, pairwise(places), strict=True)
    ]
    values = {(span.name, content[span.start : span.end]) for span in spans}
    if len(values) > len(set(names)):
        return None
    return places[0][0], places[-1][1], spans


def _parts(template: str) -> tuple[list[str], list[str]]:
    """What stands around the variables, and their names."""
    literals, names, at = [], [], 0
    for match in FIELD.finditer(template):
        literals.append(template[at : match.start()])
        names.append(match[1] or match[2])
        at = match.end()
    return [*literals, template[at:]], names


def _first_places(literals: Sequence[str], content: str) -> list[tuple[int, int]] | None:
    """The first places of the texts in their order; of the first and the last one, the
    beginning and the end of the content where they stand there."""
    found: list[tuple[int, int]] = []
    at = 0
    for number, text in enumerate(literals):
        start = content.find(text, at)
        end = len(content) - len(text)
        if number + 1 == len(literals) and end >= at and content.endswith(text):
            start = end
        if start < 0:
            return None
        at = start + len(text)
        found.append((start, at))
    return found
