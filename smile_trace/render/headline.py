"""The summary on few lines: a whole sentence, shortened by its words and clauses."""

import re
from collections.abc import Callable, Iterator, Sequence

from smile_trace._text.titles import both_ends, by_words
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.records.verdicts import NOT_COMPARED, further, outermost_drivers
from smile_trace.render.text import visible

_ASIDE = re.compile(rf"(?<=[%\d]) \[\d+ to \d+ %\]| \((each less|less|{NOT_COMPARED})[^()]*\)")
_ALONE = re.compile(r", (all|\d+ %)( if removed)? alone(?=\))")
_AVERAGE = re.compile(r" on average(?=\))")
_FIRST = " is lost without it on average"
_QUOTE = re.compile(r"(the \w+ message )?“([^“”]*)”")
_CLAUSE = re.compile(r"; (?=(?:[^“”]*“[^“”]*”)*[^“”]*$)")
"""The end of a clause, not inside of a quotation."""
_DRIVER = ("on ", "and on ")
"""What a clause on a further driver begins with."""
_MOST = 1000
"""More characters than few lines have."""
_LONGEST = (60, 40, 28, 20, 12)
"""Characters of each quotation, the most generous first."""


def headline(explanation: Explanation, fits: Callable[[str], bool]) -> str:
    """Return the summary, shortened until it fits: without intervals and asides, with messages by
    their roles, without what is lost without a part alone, with shorter quotations, without its
    last clauses."""
    summary = " ".join(visible(explanation.summary).split())
    for said in _shorter(summary, explanation):
        if fits(said):
            return said
    longest = min(len(summary), _MOST)
    while longest > 20 and not fits(by_words(summary, longest)):
        longest -= 10
    return by_words(summary, longest)


def _shorter(summary: str, explanation: Explanation) -> Iterator[str]:
    yield summary
    bare = _ASIDE.sub("", summary)
    named = _QUOTE.sub(lambda match: _named(match, explanation), bare)
    yield named
    averages = _ALONE.sub("", named)
    yield averages
    head, first, rest = averages.partition(_FIRST)  # which holds for all numbers
    once = head + first.replace(" is lost without it", " lost") + _AVERAGE.sub("", rest)
    clauses = _CLAUSE.split(once.removesuffix("."))
    for count in range(len(clauses), 0, -1):
        some = "; ".join([*clauses[:count], *_left(clauses, count, explanation)])
        for longest in _LONGEST:
            yield _QUOTE.sub(lambda match: _quoted(match, longest), some) + "."  # noqa: B023


def _left(clauses: Sequence[str], count: int, explanation: Explanation) -> Iterator[str]:
    """Count the drivers in clauses after the first ones, which are left out."""
    if any(clause.startswith(_DRIVER) for clause in clauses[count:]):
        named = 1 + sum(clause.startswith(_DRIVER) for clause in clauses[:count])
        drivers = outermost_drivers(explanation.segments, explanation.coarser)
        if more := further(drivers[named:], drivers[:named]):
            yield f"and on {more}"


def _quoted(match: re.Match[str], longest: int) -> str:
    """Return a quotation with fewer words; of one with both its ends, of both, so that nobody takes
    a passage for its first words."""
    shorten = both_ends if " … " in match[2] else by_words
    return f"{match[1] or ''}“{shorten(match[2], longest)}”"


def _named(match: re.Match[str], explanation: Explanation) -> str:
    """Return a message by its role if no other has it."""
    parts = (*explanation.coarser, *explanation.segments)
    segment = next((part for part in parts if match[1] and _is(part, match[2])), None)
    if segment is None:
        return match[0]
    alone = sum(message.role == segment.role for message in explanation.messages) == 1
    return match[1].strip() if alone else match[0]


def _is(segment: SegmentAttribution, quoted: str) -> bool:
    """Whether a summary's quotation, which has the ends of a long text, is of this segment."""
    text = " ".join(segment.name.split())
    head, _, tail = quoted.partition(" … ")
    return text == quoted or (bool(tail) and text.startswith(head) and text.endswith(tail))


def by_clauses(text: str, longest: int) -> str:
    """Return the first clauses of `text`, or its first words if a clause is longer."""
    if len(text) <= longest:
        return text
    at = max(text.rfind(mark, longest // 2, longest - 2) for mark in (", ", "; ", ". "))
    return f"{text[:at]} …" if at > 0 else by_words(text, longest)
