"""The sections of a text, by its structure."""

from collections.abc import Iterable
from itertools import pairwise

from smile_trace.attribution.segmentation import markup
from smile_trace.attribution.segmentation.boundaries import Range, has_word, strip


def sections(text: str) -> list[Range]:
    """Splits a text by its structure; the sections hold all of it but white space.

    The first of these that gives at least two: Markdown headings and XML elements; labelled
    blocks (`Rules:`); the items of a numbered list; paragraphs. A text without any
    of them is one section. The sections of a section are its finer ones.
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
    """The pieces of `[start, end)` between edges; punctuation alone joins the piece before.

    With `over_lines` False only that on the same line.
    """
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
    """Where headings begin, and where elements begin and end.

    A heading goes with the headings or the element that follow it directly.
    """
    elements = [*markup.tag_blocks(text), (len(text) + 1, len(text) + 1)]
    edges: list[int] = []
    number, only_headings = 0, False
    for a, b in markup.lines(text):
        while elements[number][1] <= a:
            number += 1
        start, end = elements[number]
        heading = a < start and markup.is_heading(text[a:b])
        if a <= start <= b:
            edges += [end] if only_headings else [start, end]
        elif heading and not only_headings:
            edges.append(a)
        if text[a:b].strip():
            only_headings = heading
    return edges


def _labelled(text: str) -> list[int]:
    """Where labels begin. With text on its line a label owns its paragraph, else all to the next.

    A label begins with no small letter: `note: this` is a sentence.
    """
    edges: list[int] = []
    owns_paragraph, blank = True, False
    for a, b in markup.lines(text):
        line = text[a:b]
        if not line.strip():
            blank = True
            continue
        found = markup.label(line)
        if found is not None and not line.lstrip(" \t#*_")[:1].islower():
            edges.append(a)
            owns_paragraph = bool(found[1])
        elif blank and owns_paragraph and edges:
            edges.append(a)
        blank = False
    return edges


def _items(text: str) -> list[int]:
    """Where items of a numbered list begin, and where the text after one does."""
    edges: list[int] = []
    blank = False
    for a, b in markup.lines(text):
        line = text[a:b]
        if markup.is_item(line) or (edges and blank and line[:1].strip()):
            edges.append(a)
        blank = not line.strip()
    return edges


def _paragraphs(text: str) -> list[int]:
    """Where the lines after blank ones begin."""
    edges: list[int] = []
    blank = False
    for a, b in markup.lines(text):
        if blank:
            edges.append(a)
        blank = not text[a:b].strip()
    return edges
