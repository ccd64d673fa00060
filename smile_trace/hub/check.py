"""Whether a line is what was written, and whether its responses give its explanation again."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from smile_trace._guards import foreign
from smile_trace.hub.files import parse, read_lines
from smile_trace.hub.reproduce import AROUND, CannotReproduce, differences, reproductions
from smile_trace.records import JSON, METHOD_VERSION, Explanation, Record
from smile_trace.records.entry import Entry, EntryUnreadable, canonical, content_id

ROUNDING = 1e-6
"""The largest difference between two numbers that another processor's rounding makes."""

Outcome = Literal[
    "identical", "rounding", "intact", "changed", "damaged", "reproduced", "within noise"
]
"""`identical`: the same Explanation comes out. `rounding`: but for the last digits. `intact`: the
line is what was written, and holds nothing to compute it from. `changed`: another comes out.
`damaged`: the line is not what was written. Of a model that was asked again: see `live`."""

PASSED = ("identical", "rounding", "intact", "reproduced", "within noise")
_ORDER: tuple[Outcome, ...] = ("identical", "rounding", "intact", "changed", "damaged")


class Checked(Record):
    """What was found of a line."""

    line: int
    id: str | None = None
    outcome: Outcome
    reason: str

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return self.outcome in PASSED


def check_file(file: Path, *, only: str | None = None) -> Iterator[tuple[Checked, Entry | None]]:
    """Checks every line of a file, or that whose id begins with `only`; asks nobody anything.

    Raises:
        SmileTraceError: the file cannot be read.
    """
    for number, line in read_lines(file):
        if only is None or _has_id(line, only):
            yield check_line(number, line)


def _has_id(line: bytes, begin: str) -> bool:
    """Whether the line's id begins so; of one that cannot be read, whether any in it does."""
    if f'"id":"{begin}'.encode() not in line:
        return False  # most lines: to look for bytes takes much less than to read them
    try:
        return parse(line).id.startswith(begin)
    except EntryUnreadable:
        return True


def check_line(number: int, line: bytes) -> tuple[Checked, Entry | None]:
    """What is found of a line, and its entry where it is one."""
    try:
        entry = parse(line)
    except EntryUnreadable as error:
        return Checked(line=number, outcome="damaged", reason=str(error)), None
    if (why := _damage(line)) is not None:
        return Checked(line=number, id=entry.id, outcome="damaged", reason=why), entry
    outcome, reason = _computed(entry)
    return Checked(line=number, id=entry.id, outcome=outcome, reason=reason), entry


def _damage(line: bytes) -> str | None:
    """Why the line is not what was written."""
    document = foreign.decode(line)
    if document.get("id") != content_id(document):
        return "its content is not what its id says: it was changed after it was written"
    if canonical(document).encode() != line:
        return "its bytes are not as they were written, though they mean the same"
    return None


def _computed(entry: Entry) -> tuple[Outcome, str]:
    if not entry.explanations:
        return "intact", "a comparison is computed from its calls, which are not in it"
    if entry.redaction is not None and entry.redaction.replaced:
        return "intact", "texts were replaced in it after it was computed"
    found = [_recomputed(explanation, entry) for explanation in entry.explanations]
    return max(found, key=lambda one: _ORDER.index(one[0]))


def _recomputed(explanation: Explanation, entry: Entry) -> tuple[Outcome, str]:
    call = entry.call if entry.explanation is not None else None
    different: list[str] | None = None
    try:
        for again in reproductions(explanation, call):
            other = differences(explanation, again)
            if not other:
                return "identical", "its responses give the same explanation again"
            if _close(explanation, again):
                return "rounding", "its responses give the same explanation but for rounding"
            different = different or other
    except CannotReproduce as error:
        return "intact", str(error)
    if explanation.method is None or explanation.method != METHOD_VERSION:
        return "intact", "another version of the method computed it"
    if different is None:
        return "changed", "it cannot come from these responses: others would have been asked for"
    return "changed", f"its responses give another explanation: {', '.join(different)} differ"


def _close(one: Explanation, other: Explanation) -> bool:
    exclude = set(AROUND)
    return _near(one.model_dump(exclude=exclude), other.model_dump(exclude=exclude))


def _near(one: JSON, other: JSON) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_near, one, other))
    return bool(one == other)
