"""A part of the logged answer that is explained alone: its characters and its tokens."""

import json
import re
from collections.abc import Sequence

from smile_trace._text.json_fields import Path, fields, place_of, read_path, written_path
from smile_trace._text.lists import listed_few
from smile_trace.attribution.segmentation import json_structure
from smile_trace.attribution.segmentation.json_structure import Node
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records.formats.answers import read_tool_calls

AnswerSpan = tuple[int, int]
"""Characters `[start, end)` of the answer."""

_UNREADABLE = "\ufffd"
"""Stands for a character that several tokens share."""


MOST_FIELDS = 20
"""Fields of a JSON answer that a message names."""


class AnswerSpanNotFound(SmileTraceError):
    """The answer does not hold the part to be explained; the message says what to do."""

    code = ReasonCode.CANNOT_EXPLAIN


def find_answer_span(answer: str, part: str) -> AnswerSpan:
    """Find the first occurrence of `part` in `answer`, whatever the white space. A JSON path
    (`$.city`) means that field's value; in tool calls, `tool` means the tool, `$.number` an
    argument. Raises AnswerSpanNotFound if `part` does not occur, or is only white space."""
    if read_tool_calls(answer) is not None:
        span = _span_of_call(answer, part.strip())
        if span is not None:
            return span
    path = read_path(part.strip())
    if path is not None and (place := place_of(answer, path)) is not None:
        return place
    words = part.split()
    if not words:
        raise AnswerSpanNotFound(
            "the part of the answer is empty: give a sentence or words of the answer"
        )
    start = answer.find(part.strip())
    if start >= 0:
        return start, start + len(part.strip())
    found = re.search(r"\s+".join(map(re.escape, words)), answer)
    if found is None and path is not None:
        known = listed_few([written_path(field) for field in fields(answer)], MOST_FIELDS)
        raise AnswerSpanNotFound(
            f"the answer has no field {part.strip()}: "
            + (f"its fields are {known}" if known else f"it is not JSON (“{_short(answer)}”)")
        )
    if found is None and part.strip() == "tool":
        raise AnswerSpanNotFound(
            f"the answer calls no tool (“{_short(answer)}”): take another call of the trace"
        )
    if found is None:
        raise AnswerSpanNotFound(
            f"the answer does not contain the part “{_short(part)}”: copy it as it is there "
            f"(“{_short(answer)}”)"
        )
    return found.span()


def _span_of_call(answer: str, part: str) -> AnswerSpan | None:
    """The first tool's name (`tool`), or the first argument `$.number`; None for any other part."""
    places = CallPlaces(answer)
    if part == "tool":
        return places.places[0, ()]
    if not part.startswith("$"):
        return None
    path = read_path(part)
    found = [span for (_, of), span in places.places.items() if of and of == path]
    if found:
        return found[0]
    known = ", ".join(written_path(of) for _, of in places.places if of)
    raise AnswerSpanNotFound(
        f"no tool is called with the argument {part}: take tool"
        + (f", or one of {known[:200]}" if known else "")
    )


class CallPlaces:
    """The places of the calls' names (empty path) and arguments, by number of the call and path."""

    def __init__(self, answer: str) -> None:
        self.places: dict[tuple[int, Path], AnswerSpan] = {}
        root = json_structure.parse(answer)
        assert root is not None
        for number, call in enumerate(root.children[0].children):
            name, arguments = call.children
            self.places[number, ()] = name.inside
            self._note(answer, arguments, number, ())

    def _note(self, answer: str, node: Node, number: int, path: Path) -> None:
        for place, child in enumerate(node.children):
            key = place if node.kind == "array" else _key_of(answer, child)
            span = child.inside if child.kind == "string" else (child.value, child.end)
            self.places[number, (*path, key)] = span
            self._note(answer, child, number, (*path, key))

    def at(self, span: AnswerSpan) -> tuple[int, Path]:
        """The smallest name or argument that holds the span; the first tool's name if none does."""
        around = [
            (end - start, what)
            for what, (start, end) in self.places.items()
            if start <= span[0] and span[1] <= end
        ]
        return min(around)[1] if around else (0, ())


def _key_of(answer: str, member: Node) -> str:
    return str(json.JSONDecoder(strict=False).raw_decode(answer, member.start)[0])


def tokens_inside(tokens: Sequence[str], answer: str, part: AnswerSpan) -> list[int]:
    """Indices of the answer's tokens that hold a character of `part`; empty if the tokens are
    another text's. They may begin with an added space, or end inside a character such as an
    emoji."""
    first = next(filter(None, tokens), "")
    text = " " + answer if first[:1] == " " and answer[:1] != " " else answer
    offset = len(text) - len(answer)
    start, end = part[0] + offset, part[1] + offset
    spans = _spans(tokens, text)
    return [k for k, (a, b) in enumerate(spans) if a < end and b > start]


def _spans(tokens: Sequence[str], text: str) -> list[AnswerSpan]:
    """The characters of each token; adjacent unreadable tokens share a gap."""
    spans: list[AnswerSpan] = []
    at = unreadable = 0
    for token in tokens:
        if not token or _UNREADABLE in token:
            unreadable += 1
            continue
        begin = text.find(token, at)
        if begin < 0 or (begin > at and not unreadable):
            return []
        spans += [(at, begin)] * unreadable
        unreadable, at = 0, begin + len(token)
        spans.append((begin, at))
    if unreadable:
        spans += [(at, len(text))] * unreadable
    return spans


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"
