"""Redaction: secrets, and matches of the user's own expressions, become a visible mark."""

import re
from typing import NamedTuple

from smile_trace._guards.secrets import find_secrets
from smile_trace.capture.config import Redactor
from smile_trace.capture.internal_errors import keep_inside, report_error

FAILED = "[not written: a redaction function raised]"


class Edit(NamedTuple):
    """Characters `[start, end)` of the original that became `length` new ones."""

    start: int
    end: int
    length: int


def redact(text: str, redactors: tuple[Redactor, ...] = ()) -> tuple[str, list[list[Edit]]]:
    """The redacted text, and the edits: one list per step.

    Each step's edits are in order, with offsets in the step's input. A user's function that
    raises is counted, and the whole text becomes a mark that says so.
    """
    steps: list[list[Edit]] = []
    found = [*find_secrets(text)]
    if found:
        text, edits = _replace(text, found)
        steps.append(edits)
    for redactor in redactors:
        changed, edits = _apply(redactor, text)
        if edits:
            text = changed
            steps.append(edits)
    return text, steps


def _replace(text: str, found: list[tuple[int, int, str]]) -> tuple[str, list[Edit]]:
    pieces: list[str] = []
    edits: list[Edit] = []
    position = 0
    # The earliest first, of two that begin together the longer one.
    for start, end, mark in sorted(found, key=lambda f: (f[0], -f[1])):
        if start >= position and end > start:
            pieces += (text[position:start], mark)
            edits.append(Edit(start, end, len(mark)))
            position = end
        elif end > position and pieces:
            # Overlapping: the previous mark covers the rest of this one, too.
            edits[-1] = edits[-1]._replace(end=end)
            position = end
    pieces.append(text[position:])
    return "".join(pieces), edits


def _apply(redactor: Redactor, text: str) -> tuple[str, list[Edit]]:
    try:
        if isinstance(redactor, re.Pattern):
            matches = [(m.start(), m.end(), "[redacted]") for m in redactor.finditer(text)]
            return _replace(text, matches)
        changed = redactor(text)
        if not isinstance(changed, str):
            raise TypeError(f"a redaction function gave {type(changed).__name__}, not str")
    except BaseException as error:  # noqa: BLE001  the user's function may raise anything
        keep_inside(error)
        report_error("a redaction function raised; the text was not written", error)
        changed = FAILED
    return changed, [] if changed == text else [_difference(text, changed)]


def _difference(old: str, new: str) -> Edit:
    """What a function changed, as one edit between the common beginning and the common end."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - start
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return Edit(start, len(old) - tail, len(new) - tail - start)


def move(offset: int, steps: list[list[Edit]], *, end: bool) -> int:
    """A character offset of the original text, mapped to the text after the edits.

    Inside of a replaced range, a start moves to the mark's start and an end to its end.
    """
    for edits in steps:
        moved_by = 0
        for edit in edits:
            if offset >= edit.end:
                moved_by += edit.length - (edit.end - edit.start)
            elif offset > edit.start:
                moved_by += edit.start - offset + (edit.length if end else 0)
                break
            else:
                break
        offset += moved_by
    return offset
