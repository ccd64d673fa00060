"""Texts that begin alike, shortened to a line each in which they differ."""

from collections.abc import Sequence


def last_line(text: str) -> str:
    """The last line with text: what was retrieved stands before the question."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def parting(lines: Sequence[str]) -> list[int]:
    """Where the word begins with which each line parts from the one that is most like it."""
    different = sorted(set(lines))
    starts = {}
    for place, line in enumerate(different):
        beside = [*different[max(place - 1, 0) : place], *different[place + 1 : place + 2]]
        shared = max((_shared(line, other) for other in beside), default=0)
        starts[line] = line.rfind(" ", 0, shared) + 1
    return [starts[line] for line in lines]


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))


def clipped(line: str, start: int, longest: int) -> str:
    """At most `longest` characters of a line, from its beginning where that is enough to show what
    begins at `start`; else with its end where both fit."""
    if len(line) <= longest:
        return line
    if start < longest // 2:
        return line[: max(longest - 1, 0)] + "…"
    first = min(start, line.find(" ", max(len(line) - longest + 1, 0)) + 1 or start)
    own = "…" + line[first:]
    return own if len(own) <= longest else own[: max(longest - 1, 0)] + "…"
