"""The answer change where the logged answer is calls of tools.

1 where another tool is called, or none; else by the arguments, key by key: .7 of the argument that
changed most and .3 of their mean, so that one lost argument of many still makes it another call.
Values are compared as JSON values (3.0 is 3), longer texts as text answers are. The
order of parallel calls does not count.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from smile_trace._text.json_fields import Path, read_path, written_path
from smile_trace.attribution.answer_distance.change import compare
from smile_trace.attribution.answer_distance.meaning import Meaning, embed_sentences
from smile_trace.attribution.answer_distance.structure import json_change
from smile_trace.attribution.answer_span import AnswerSpan, AnswerSpanNotFound
from smile_trace.attribution.segmentation import json_structure
from smile_trace.attribution.segmentation.json_structure import Node
from smile_trace.records.formats.answers import Called, read_tool_calls

_MOST, _MEAN = 0.7, 0.3
_TEXT = 3
"""Words from which on two texts are compared by their meaning, too."""


class ToolCallChange:
    """The answer changes of responses to a logged answer of tool calls.

    Args:
        answer: that answer as a text (`smile_trace.records.formats.answers`).
        part: the characters of a tool's name, or of an argument, that alone count. An argument is
            kept where another tool is called with it.
    """

    def __init__(self, answer: str, part: AnswerSpan | None = None) -> None:
        self._calls = read_tool_calls(answer) or ()
        self._part = None if part is None else _Places(answer).at(part)
        self._meaning = Meaning(embed_sentences)
        self._known: dict[tuple[str, str], float] = {}

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """None: arguments are compared by the packaged vectors."""
        return []

    def changes(self, responses: Sequence[str]) -> list[float]:
        """One answer change in [0, 1] per response."""
        return [self._change(self._calls, read_tool_calls(text) or ()) for text in responses]

    def between(self, one: str, other: str) -> float:
        """The answer change from one response to another, in [0, 1]."""
        first, second = (read_tool_calls(text) or () for text in (one, other))
        if self._part is not None:
            return abs(self._change(self._calls, first) - self._change(self._calls, second))
        return self._change(first, second) if first else float(bool(second))

    def _change(self, logged: Sequence[Called], response: Sequence[Called]) -> float:
        if self._part is None:
            return self._of_calls(logged, response)
        number, path = self._part
        call = logged[number]
        same = [other for other in response if other.name == call.name]
        if not path or not response:
            return float(not same)
        value = _value(call.arguments, path)
        return min(self._of_values(value, _value(o.arguments, path)) for o in same or response)

    def _of_calls(self, logged: Sequence[Called], response: Sequence[Called]) -> float:
        """The mean over the calls of either side, each with the nearest of the same tool."""
        if not logged:
            return float(bool(response))
        pairs = sorted(
            (self._of_values(mine.arguments, theirs.arguments), i, k)
            for i, mine in enumerate(logged)
            for k, theirs in enumerate(response)
            if mine.name == theirs.name
        )
        matched: dict[int, float] = {}
        taken: set[int] = set()
        for change, i, k in pairs:
            if i not in matched and k not in taken:
                matched[i] = change
                taken.add(k)
        most = max(len(logged), len(response))
        return (sum(matched.values()) + most - len(matched)) / most

    def _of_values(self, one: Any, other: Any) -> float:
        if isinstance(one, dict) and isinstance(other, dict):
            keys = dict.fromkeys([*one, *other])
            changes = [self._of_values(one.get(k, _MISSING), other.get(k, _MISSING)) for k in keys]
            return _MOST * max(changes) + _MEAN * sum(changes) / len(changes) if changes else 0.0
        if one is _MISSING or other is _MISSING:
            return 1.0
        different = json_change(one, other) > 0
        texts = isinstance(one, str) and isinstance(other, str)
        if different and texts and min(len(t.split()) for t in (one, other)) >= _TEXT:
            return self._of_texts(one, other)
        return float(different)

    def _of_texts(self, one: str, other: str) -> float:
        if (one, other) not in self._known:
            self._known[one, other] = compare(one, other, self._meaning).change
        return self._known[one, other]


class _Missing:
    pass


_MISSING: Any = _Missing()


def tool_call_span(answer: str, part: str) -> AnswerSpan | None:
    """The characters of a part of an answer that is tool calls: `tool` is the name of the first,
    `$.number` one of the arguments (of the first call that has it). None for any other part.

    Raises:
        AnswerSpanNotFound: no call has that argument.
    """
    places = _Places(answer)
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


class _Places:
    """Where the names and arguments of the calls stand in the answer: number of the call, and path
    to the argument (empty for the name), in order."""

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
            key = place if node.kind == "array" else _key(answer, child)
            span = child.inside if child.kind == "string" else (child.value, child.end)
            self.places[number, (*path, key)] = span
            self._note(answer, child, number, (*path, key))

    def at(self, span: AnswerSpan) -> tuple[int, Path]:
        """The smallest of them that holds the span; the first tool where none does."""
        around = [
            (end - start, what)
            for what, (start, end) in self.places.items()
            if start <= span[0] and span[1] <= end
        ]
        return min(around)[1] if around else (0, ())


def _key(answer: str, member: Node) -> str:
    return str(json.JSONDecoder(strict=False).raw_decode(answer, member.start)[0])


def _value(arguments: Any, path: Path) -> Any:
    for step in path:
        try:
            arguments = arguments[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return arguments
