"""Repeated blocks of a prompt: few-shot examples and retrieved documents.

They are recognised by their form alone, in one text: a message, or the value of a variable. The
last block ends after as many paragraphs as the longest other one, or at a label that no other
block has (`Question:`).
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from smile_trace.attribution.segmentation import markup
from smile_trace.attribution.segmentation.boundaries import Range, strip

_EXAMPLES = frozenset(("example", "shot", "sample", "demonstration"))
_DOCUMENT = (
    "document|doc|source|passage|context|article|chunk|snippet|result|search_result|reference|"
    "excerpt|file|page"
)
_DOCUMENTS = frozenset(_DOCUMENT.split("|"))
_MARKER = re.compile(
    r"[ \t]{0,3}(?:#{1,6}[ \t]+)?(?:\*\*)?"
    rf"(?:\[\d{{1,4}}\](?=\s|[:：])|(?:{_DOCUMENT})[ \t]?[#\[(]?\d{{1,4}}\b)",
    re.IGNORECASE,
)
_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_ARROWS = ("->", "=>", "→", "⇒")


def examples(text: str) -> list[Range]:
    """Few-shot examples: `<example>` elements, `Example 1:` blocks, pairs of labels, arrows.

    A pair is any two labels that come again and again (`Q:` and `A:`, `Input:` and `Output:`);
    a pair whose last label has no text after it is the question, not an example. An
    arrow separates the two halves of a line (`great film -> positive`).
    """
    return markup.tag_blocks(text, _EXAMPLES) or _labelled_examples(text) or _arrow_examples(text)


def documents(text: str) -> list[Range]:
    """Documents: `<document>` elements (also `source`, `passage`, …), `[1] …`, `Document 1: …`."""
    if found := markup.tag_blocks(text, _DOCUMENTS):
        return found
    starts = [a for a, b in markup.lines(text) if _MARKER.match(text[a : min(b, a + 80)])]
    return _trimmed(text, _from_each(text, starts), _labels(text))


_Label = tuple[int, str, str]
"""Start of its line, its name, the text after it on the line."""


def _labels(text: str) -> list[_Label]:
    found = ((a, markup.label(text[a:b])) for a, b in markup.lines(text))
    return [(a, *named) for a, named in found if named is not None]


def _labelled_examples(text: str) -> list[Range]:
    labels = _labels(text)
    counts = Counter(name for _, name, _ in labels)
    numbered = [a for a, name, _ in labels if name in _EXAMPLES]
    if numbered:
        return _trimmed(text, _from_each(text, numbered), labels)
    opener = next((name for _, name, _ in labels if counts[name] > 1), None)
    if opener is None:
        return []
    blocks = _from_each(text, [a for a, name, _ in labels if name == opener])
    again = [label for label in labels if counts[label[1]] > 1]
    places = [a for a, _, _ in again]
    last = [again[bisect_left(places, end) - 1] for _, end in blocks]
    answered = [
        block
        for block, label in zip(blocks, last, strict=True)
        if label[1] != opener and _has_answer(text, label, block[1])
    ]
    return _trimmed(text, answered, labels)


def _has_answer(text: str, label: _Label, end: int) -> bool:
    at, _, rest = label
    below = text.find("\n", at, end)
    return bool(rest or (below >= 0 and text[below:end].strip()))


def _arrow_examples(text: str) -> list[Range]:
    """Lines with an arrow between two halves, where there is more than one with an arrow."""
    arrows = 0
    found: list[Range] = []
    for a, b in markup.lines(text):
        halves = next((text[a:b].split(x, 1) for x in _ARROWS if x in text[a:b]), ["", ""])
        arrows += bool(halves[0].strip())
        if all(half.strip() for half in halves) and (line := strip(text, a, b)):
            found.append(line)
    return found if arrows > 1 else []


def _from_each(text: str, starts: Sequence[int]) -> list[Range]:
    """From each start to the next."""
    return list(pairwise([*starts, len(text)]))


def _trimmed(text: str, blocks: Sequence[Range], labels: Sequence[_Label]) -> list[Range]:
    """Without white space around; the last one by the length of the others."""
    if not blocks:
        return []
    (start, end), counts = blocks[-1], Counter(name for _, name, _ in labels)
    unique_labels = (a for a, name, _ in labels if counts[name] == 1 and start < a < end)
    end = next(unique_labels, end)
    at = start
    for _ in range(max([1, *(_paragraphs(text, *block) for block in blocks[:-1])])):
        at = _paragraph_end(text, at, end)
    found = (strip(text, a, b) for a, b in [*blocks[:-1], (start, at)])
    return [block for block in found if block is not None]


def _paragraphs(text: str, start: int, end: int) -> int:
    return len(_BLANK_LINES.findall(text[start:end].strip())) + 1


def _paragraph_end(text: str, start: int, end: int) -> int:
    """Where the next paragraph from `start` on ends."""
    stripped = strip(text, start, end)
    blank = stripped and _BLANK_LINES.search(text, stripped[0], end)
    return blank.start() if blank else end
