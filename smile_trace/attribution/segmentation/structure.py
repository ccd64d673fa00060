"""The structure of a text by its form alone: sections, elements, examples and documents.

Every pattern is anchored and bounded: the time is linear in the length of the text, however
hostile. The last of several blocks ends after as many paragraphs as the longest other block, or at
a label that no other block has (`Question:`).
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from smile_trace._text.titles import title
from smile_trace.attribution.segmentation.boundaries import Range, has_word, strip

_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,63})(?:\s[^<>]{0,500})?>")
_FENCE = re.compile(r"[ \t]{0,3}(?:```|~~~)")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+\S")
_ITEM = re.compile(r"[ \t]{0,3}\d{1,4}[.)][ \t]+\S")
"""An outermost item of a numbered list (`2. Be brief.`)."""
_NAME = r"[ \t]{0,3}(?:#{1,6}[ \t]+)?(?:\*\*|__)?(?P<name>[^\W\d_][\w'’&/ -]{0,39}?)"
_LABEL = re.compile(_NAME + r"(?:[ \t]*#?\d{1,4})?(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s|\Z)")
_NUMBERED = re.compile(_NAME + r"[ \t]*#?\d{1,4}(?:\*\*|__)?[ \t\r]*\Z")
_MAX_LABEL_WORDS = 4
"""Words before a colon beyond which it is a sentence."""


def lines(text: str) -> Iterator[Range]:
    """Every line outside fenced code, without its line feed; a fence and its code form one line."""
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
    """Whether it is a Markdown heading (`## Rules`)."""
    return _HEADING.match(line) is not None


def label(line: str) -> tuple[str, str] | None:
    """A line's label (`Rules:`, `**Input 2:** text`, `### Example 1`), in lower case and without
    its number, and the rest of the line."""
    head = line[:80]
    match = _LABEL.match(head) or (_NUMBERED.match(head) if len(line) <= 80 else None)
    if match is None or len(match["name"].split()) > _MAX_LABEL_WORDS:
        return None
    return match["name"].strip().casefold(), line[match.end() :].strip()


def tag_blocks(text: str, names: Collection[str] | None = None) -> list[Range]:
    """The outermost elements (`<rules> … </rules>`) of whole lines; only those with the given
    `names` (lower case), if any."""
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
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    while end < len(text) and text[end] in " \t\r":
        end += 1
    return (start == 0 or text[start - 1] == "\n") and (end == len(text) or text[end] == "\n")


def sections(text: str) -> list[Range]:
    """Splits a text by its structure; the sections hold all of it but white space.

    Takes the first of these that gives at least two: Markdown headings and XML elements; labelled
    blocks (`Rules:`); the items of a numbered list; paragraphs. A text without any is one section.
    The sections of a section are its finer ones.
    """
    found: list[Range] = []
    for edges in (_blocks, _labelled, _items, _paragraphs):
        found = between(text, 0, len(text), edges(text))
        if len(found) > 1:
            break
    return found


def between(
    text: str, start: int, end: int, edges: Iterable[int], *, over_lines: bool = True
) -> list[Range]:
    """The pieces of `[start, end)` between edges. Punctuation alone joins the piece before, only on
    the same line if `over_lines` is False."""
    inside = sorted({start, end, *(edge for edge in edges if start < edge < end)})
    found: list[Range] = []
    for a, b in pairwise(inside):
        piece = strip(text, a, b)
        if piece is None:
            continue
        joins = found and (over_lines or "\n" not in text[found[-1][1] : piece[0]])
        if joins and not has_word(text, *piece):
            found[-1] = (found[-1][0], piece[1])
        else:
            found.append(piece)
    return found


def _blocks(text: str) -> list[int]:
    """The starts of headings (with what directly follows), and the starts and ends of elements."""
    elements = [*tag_blocks(text), (len(text) + 1, len(text) + 1)]
    edges: list[int] = []
    number, only_headings = 0, False
    for a, b in lines(text):
        while elements[number][1] <= a:
            number += 1
        start, end = elements[number]
        heading = a < start and is_heading(text[a:b])
        if a <= start <= b:
            edges += [end] if only_headings else [start, end]
        elif heading and not only_headings:
            edges.append(a)
        if text[a:b].strip():
            only_headings = heading
    return edges


def _labelled(text: str) -> list[int]:
    """The starts of labels, which begin with no small letter (`note: this` is a sentence). A label
    with text on its line owns its paragraph, else everything up to the next label."""
    edges: list[int] = []
    owns_paragraph, blank = True, False
    for a, b in lines(text):
        line = text[a:b]
        if not line.strip():
            blank = True
            continue
        found = label(line)
        if found is not None and not line.lstrip(" \t#*_")[:1].islower():
            edges.append(a)
            owns_paragraph = bool(found[1])
        elif blank and owns_paragraph and edges:
            edges.append(a)
        blank = False
    return edges


def _items(text: str) -> list[int]:
    """The starts of a numbered list's items, and of the text after the list."""
    edges: list[int] = []
    blank = False
    for a, b in lines(text):
        line = text[a:b]
        if _ITEM.match(line) or (edges and blank and line[:1].strip()):
            edges.append(a)
        blank = not line.strip()
    return edges


def _paragraphs(text: str) -> list[int]:
    """The starts of paragraphs; a heading belongs to the one below it."""
    edges: list[int] = []
    blank, before = False, ""
    for a, b in lines(text):
        if blank and not is_heading(before):
            edges.append(a)
        blank = not text[a:b].strip()
        before = before if blank else text[a:b]
    return edges


_EXAMPLES = frozenset(("example", "shot", "sample", "demonstration"))
_DOCUMENT = (
    "document|doc|source|passage|context|article|chunk|snippet|result|search_result|reference|"
    "excerpt|file|page|item"
)
_DOCUMENTS = frozenset(_DOCUMENT.split("|"))
_MARKER = re.compile(
    r"[ \t]{0,3}(?:#{1,6}[ \t]+)?(?:\*\*)?"
    rf"(?:\[\d{{1,4}}\](?=\s|[:：])|\[?(?:{_DOCUMENT})[ \t]?[#\[(]?\d{{1,4}}\b)",
    re.IGNORECASE,
)
_TITLED = re.compile(
    rf"[ \t]{{0,3}}(#{{1,6}}[ \t]+)?(?:\*\*|\[)?(?:{_DOCUMENT}|title|url)(?:\*\*)?[:：]",
    re.IGNORECASE,
)
"""The line of a document's title (`## Document: Returns`, `[Source: returns.md]`)."""
_RULE = re.compile(r"[ \t]{0,3}(?:-{3,}|\*{3,}|_{3,})[ \t\r]*")
_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_ARROWS = ("->", "=>", "→", "⇒")


def example_blocks(text: str) -> list[Range]:
    """Few-shot examples: `<example>` elements, `Example 1:` blocks, pairs of labels, arrows.

    A pair is any two recurring labels (`Q:` and `A:`, `Input:` and `Output:`); a pair without text
    after its last label is the question. An arrow separates the two halves of a line (`great film
    -> positive`).
    """
    return tag_blocks(text, _EXAMPLES) or _labelled_examples(text) or _arrow_examples(text)


def document_blocks(text: str) -> list[Range]:
    """Documents: `<document>` elements (also `source`, `passage`, …), `[1] …`, `Document 1: …`,
    several of `Document: …`, titled blocks between lines of `---`."""
    if found := tag_blocks(text, _DOCUMENTS):
        return found
    starts = [a for a, b in lines(text) if _MARKER.match(text[a : min(b, a + 80)])]
    starts = starts or _titled(text) or _between_rules(text)
    return _trimmed(text, _from_each(text, starts), _labels(text))


def _titled(text: str) -> list[int]:
    """The starts of several lines of titles: each begins a block, and text follows it directly,
    unless it is a heading, since a source may also be named below."""
    found, before = list[int](), ""
    ranges = list(lines(text))
    for (a, b), (c, d) in pairwise([*ranges, (len(text), len(text))]):
        if match := _TITLED.match(text[a : min(b, a + 80)]):
            begins = not before.strip() or before.rstrip()[-1] in ":：" or _RULE.fullmatch(before)
            if begins and (match[1] or text[c:d].strip()) and title(text[a : a + 400]):
                found.append(a)
        before = text[a:b]
    return found if len(found) > 1 else []


def _between_rules(text: str) -> list[int]:
    """The starts of titled blocks with lines of `---` between them; those with headings are
    sections. Of the text before the first rule as many paragraphs as the next block has."""
    rules = [(a, b) for a, b in lines(text) if _RULE.fullmatch(text[a:b])]
    found = [s for (_, a), (b, _) in pairwise([*rules, (len(text), 0)]) if (s := strip(text, a, b))]
    if len(rules) < 2 or not found:
        return []
    first = (0, rules[0][0])
    breaks = [match.end() for match in _BLANK_LINES.finditer(text[: first[1]].rstrip())]
    first = strip(text, [0, *breaks][-_paragraph_count(text, *found[0]) :][0], first[1]) or first
    blocks = [first, *found]
    titled = [a for a, b in blocks if title(text[a:b]) and not is_heading(text[a:b])]
    return titled if len(titled) >= max(2, len(blocks) - 1) else []


_Label = tuple[int, str, str]
"""Start of its line, its name, the text after it on the line."""


def _labels(text: str) -> list[_Label]:
    found = ((a, label(text[a:b])) for a, b in lines(text))
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
    arrows = 0
    found: list[Range] = []
    for a, b in lines(text):
        halves = next((text[a:b].split(x, 1) for x in _ARROWS if x in text[a:b]), ["", ""])
        arrows += bool(halves[0].strip())
        if all(half.strip() for half in halves) and (line := strip(text, a, b)):
            found.append(line)
    return found if arrows > 1 else []


def _from_each(text: str, starts: Sequence[int]) -> list[Range]:
    return list(pairwise([*starts, len(text)]))


def _trimmed(text: str, blocks: Sequence[Range], labels: Sequence[_Label]) -> list[Range]:
    """The blocks without surrounding white space; the last limited by the length of the others."""
    if not blocks:
        return []
    (start, end), counts = blocks[-1], Counter(name for _, name, _ in labels)
    unique_labels = (a for a, name, _ in labels if counts[name] == 1 and start < a < end)
    end = next(unique_labels, end)
    at = start
    for _ in range(max([1, *(_paragraph_count(text, *block) for block in blocks[:-1])])):
        at = _paragraph_end(text, at, end)
    found = (strip(text, a, b) for a, b in [*blocks[:-1], (start, at)])
    return [block for block in found if block is not None]


def _paragraph_count(text: str, start: int, end: int) -> int:
    return len(_BLANK_LINES.findall(text[start:end].strip())) + 1


def _paragraph_end(text: str, start: int, end: int) -> int:
    stripped = strip(text, start, end)
    blank = stripped and _BLANK_LINES.search(text, stripped[0], end)
    return blank.start() if blank else end
