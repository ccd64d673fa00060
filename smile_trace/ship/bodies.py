"""Lines of the spool as OTLP/JSON requests: they are such requests already, and joined as text."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError

MEMBERS = {"traces": "resourceSpans", "logs": "resourceLogs"}
"""The one member of a request, by signal."""
_FRAMES = {signal: (f'{{"{name}":['.encode(), b"]}") for signal, name in MEMBERS.items()}


class Line(NamedTuple):
    """A line of the spool: its offset in the file, its signal, and what stands in its list.

    A line that is torn may be one, too: the receiver refuses it, and it is found by halving.
    """

    offset: int
    signal: str
    items: bytes


def read_line(offset: int, text: bytes) -> Line:
    """A line without its newline.

    Raises:
        ForeignDataError: it is no OTLP/JSON with spans or logs.
    """
    text = text.strip()
    for signal, (head, tail) in _FRAMES.items():
        if text.startswith(head) and text.endswith(tail):
            return Line(offset, signal, text[len(head) : -len(tail)])
    document = foreign.parse(text, lenient=True)
    for signal, name in MEMBERS.items():
        snake = name.replace("S", "_s").replace("L", "_l")
        found = document.get(name, document.get(snake)) if isinstance(document, dict) else None
        if isinstance(found, list):
            return Line(offset, signal, json.dumps(found)[1:-1].encode("ascii"))
    raise ForeignDataError("neither spans nor logs of OTLP/JSON")


def body_of(lines: Sequence[Line]) -> bytes:
    """A request that holds lines of one signal."""
    head, tail = _FRAMES[lines[0].signal]
    return head + b",".join([line.items for line in lines if line.items]) + tail


def by_signal(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines of each signal, those of traces first."""
    held: dict[str, list[Line]] = {signal: [] for signal in MEMBERS}
    for line in lines:
        held[line.signal].append(line)
    return [found for found in held.values() if found]
