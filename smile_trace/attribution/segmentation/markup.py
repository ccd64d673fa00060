"""The structure of a prompt: headings, items, labels, elements.

Every pattern is anchored and bounded: the time is linear in the length of the text, however
hostile it is.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator

from smile_trace.attribution.segmentation.boundaries import Range

_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,63})(?:\s[^<>]{0,500})?>")
_FENCE = re.compile(r"[ \t]{0,3}(?:```|~~~)")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+\S")
_ITEM = re.compile(r"[ \t]{0,3}\d{1,4}[.)][ \t]+\S")
_NAME = r"[ \t]{0,3}(?:#{1,6}[ \t]+)?(?:\*\*|__)?(?P<name>[^\W\d_][\w'’&/ -]{0,39}?)"
_LABEL = re.compile(_NAME + r"(?:[ \t]*#?\d{1,4})?(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s|\Z)")
_NUMBERED = re.compile(_NAME + r"[ \t]*#?\d{1,4}(?:\*\*|__)?[ \t\r]*\Z")
_MAX_LABEL_WORDS = 4
"""A longer text before a colon is a sentence."""


def lines(text: str) -> Iterator[Range]:
    """Every line outside fenced code, without its line feed; what is fenced comes as one line."""
    at, fenced = 0, None
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        if _FENCE.match(line):
            if fenced is None:
                fenced = start
                continue
            start, fenced = fenced, None
        if fenced is None:
            yield start, at - 1
    if fenced is not None:
        yield fenced, len(text)


def is_heading(line: str) -> bool:
    """A Markdown heading (`## Rules`)."""
    return _HEADING.match(line) is not None


def is_item(line: str) -> bool:
    """An item of a numbered list that is not nested in another (`2. Be brief.`)."""
    return _ITEM.match(line) is not None


def label(line: str) -> tuple[str, str] | None:
    """The label that a line begins with, and what follows it on the line.

    `Rules:`, `**Input 2:** text`, `### Example 1`; the name comes in lower case and without its
    number.
    """
    head = line[:80]
    match = _LABEL.match(head) or (_NUMBERED.match(head) if len(line) <= 80 else None)
    if match is None or len(match["name"].split()) > _MAX_LABEL_WORDS:
        return None
    return match["name"].strip().casefold(), line[match.end() :].strip()


def tag_blocks(text: str, names: Collection[str] | None = None) -> list[Range]:
    """Elements (`<rules> … </rules>`) that begin and end a line, the outermost ones.

    Args:
        names: look only at elements of these names (lower case).
    """
    opened: dict[str, list[int]] = defaultdict(list)
    elements: list[Range] = []
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if names is not None and name not in names:
            continue
        if not tag[1]:
            opened[name].append(tag.start())
        elif opened[name]:
            elements.append((opened[name].pop(), tag.end()))
    found: list[Range] = []
    for start, end in sorted(elements):
        if (not found or start >= found[-1][1]) and _whole_lines(text, start, end):
            found.append((start, end))
    return found


def _whole_lines(text: str, start: int, end: int) -> bool:
    """Whether nothing but spaces stands before `start` and after `end` on their lines."""
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    while end < len(text) and text[end] in " \t\r":
        end += 1
    return (start == 0 or text[start - 1] == "\n") and (end == len(text) or text[end] == "\n")
