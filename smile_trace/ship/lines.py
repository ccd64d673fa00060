"""Lines of the spool as OTLP/JSON requests, and head sampling of their traces.

Lines are such requests already, and joined as text. Head sampling ships a trace whose fraction, the
same number that the worker samples by, is below the rate, and any trace that holds one of the first
calls of a prompt version or function on this host. The probability travels with every span. If a
trace's calls are shipped for two reasons, the worker takes the larger probability that arrived.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._stats.trace_fraction import trace_fraction

MEMBERS = {"traces": "resourceSpans", "logs": "resourceLogs"}
"""The one member of a request, by signal."""
_FRAMES = {signal: (f'{{"{name}":['.encode(), b"]}") for signal, name in MEMBERS.items()}


class Line(NamedTuple):
    """A line of the spool: its offset in the file, its signal, and the contents of its list. A torn
    line may pass as one, too: the receiver refuses it, and halving finds it."""

    offset: int
    signal: str
    items: bytes


def read_line(offset: int, text: bytes) -> Line:
    """Read a line without its newline; raises ForeignDataError without spans or logs of
    OTLP/JSON."""
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
    """The lines of each signal, traces first."""
    held: dict[str, list[Line]] = {signal: [] for signal in MEMBERS}
    for line in lines:
        held[line.signal].append(line)
    return [found for found in held.values() if found]


MAX_GROUPS = 10_000
"""Groups whose first calls are counted; a name made anew for every call must not fill the memory.
"""
MAX_TRACES = 10_000
"""How many of the latest traces with a first call are remembered."""
_APPLICATION = ("ai.telemetry.functionId", "gen_ai.agent.name")
"""Names that emitters write on a call's own span for the application."""
_SNAKE_CASE = re.compile(rb'"([a-z]+(?:_[a-z]+)+)"(?=\s*:)')
"""A member as protobuf's own names write it; text in a string has its quotes escaped."""
_SCOPES = {"traces": ("scopeSpans", "spans"), "logs": ("scopeLogs", "logRecords")}


class ReadLine:
    """A line whose spans or logs can be looked at; raises ForeignDataError if they are
    misshapen."""

    def __init__(self, line: Line) -> None:
        self.offset, self.signal = line.offset, line.signal
        text = _SNAKE_CASE.sub(_camel_case, line.items)
        self.blocks: list[Any] = foreign.parse(b"[" + text + b"]", lenient=True)
        scopes, items = _SCOPES[line.signal]
        try:
            self.items: list[Any] = [
                item
                for block in self.blocks
                for group in block.get(scopes, ())
                for item in group.get(items, ())
            ]
            self.attributes = [_attributes(item) for item in self.items]
            self.traces = [
                _trace_of(*pair) for pair in zip(self.items, self.attributes, strict=True)
            ]
        except (AttributeError, LookupError, TypeError):
            raise ForeignDataError("spans or logs that are not shaped as OTLP/JSON") from None


class HeadSampling:
    """Decides which traces are shipped; the same `state` gives the same decisions. `rate`: the
    probability, in (0, 1]; `minimum`: how many calls of a prompt version or function are shipped
    whatever their number. Of one trace, which may hold an agent's steps, only the first counts."""

    def __init__(self, rate: float, minimum: int, state: Mapping[str, Any]) -> None:
        self._rate = rate
        self._minimum = minimum
        self._firsts: dict[str, int] = dict(state.get("firsts", {}))
        self._traces: dict[str, None] = dict.fromkeys(state.get("traces", ()))
        self._shipped = int(state.get("shipped_calls", 0))
        self._left = int(state.get("left_calls", 0))

    def __str__(self) -> str:
        calls = self._shipped + self._left
        return f"{self._shipped:,} of {calls:,} calls were sent, on this host so far"

    @property
    def state(self) -> Mapping[str, Any]:
        """Calls by group up to the minimum, traces kept for them, and calls shipped and left."""
        return {
            "firsts": self._firsts,
            "traces": list(self._traces),
            "shipped_calls": self._shipped,
            "left_calls": self._left,
        }

    def look(self, line: ReadLine) -> set[str]:
        """Count a line's calls before anything of it is shipped. Returns the traces shipped from
        here on because of a first call alone: their earlier spans were left."""
        found = set()
        for span, attributes, trace in zip(line.items, line.attributes, line.traces, strict=True):
            if line.signal != "traces" or not _is_call(attributes):
                continue
            if trace not in self._traces and self._is_first(_group(span, attributes)):
                self._traces[trace] = None
                if trace_fraction(trace) >= self._rate:
                    found.add(trace)
            if self._probability(trace) is None:
                self._left += 1
            else:
                self._shipped += 1
        while len(self._traces) > MAX_TRACES:
            del self._traces[next(iter(self._traces))]
        return found

    def sampled(self, line: ReadLine) -> Line | None:
        """The shipped part of the line; None if there is none."""
        found = {trace: self._probability(trace) for trace in set(line.traces)}
        if not any(found.values()):
            return None
        traces = iter(line.traces)
        scopes, items = _SCOPES[line.signal]
        for block in line.blocks:
            for group in block.get(scopes, ()):
                group[items] = [
                    _labelled(item, probability) if line.signal == "traces" else item
                    for item, trace in zip(group.get(items, ()), traces, strict=False)
                    if (probability := found[trace]) is not None
                ]
        text = json.dumps(line.blocks, separators=(",", ":"))
        return Line(line.offset, line.signal, text[1:-1].encode("ascii"))

    def _probability(self, trace: str) -> float | None:
        if trace in self._traces:
            return 1.0
        return self._rate if trace_fraction(trace) < self._rate else None

    def _is_first(self, group: str) -> bool:
        count = self._firsts.get(group, 0)
        if count >= self._minimum or (not count and len(self._firsts) >= MAX_GROUPS):
            return False
        self._firsts[group] = count + 1
        return True


def _camel_case(member: re.Match[bytes]) -> bytes:
    first, *others = member[1].split(b"_")
    return b'"' + first + b"".join(other.capitalize() for other in others) + b'"'


def _trace_of(item: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The trace that decides; for feedback, the trace that it is about."""
    about = attributes.get(semconv.FEEDBACK_TRACE, {}).get("stringValue")
    if attributes.get(semconv.KIND, {}).get("stringValue") == "feedback" and about:
        return str(about).lower()
    return str(item.get("traceId", "")).lower()


def _attributes(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {pair["key"]: pair.get("value") or {} for pair in item.get("attributes", ())}


def _text(attributes: Mapping[str, Mapping[str, Any]], name: str) -> str:
    return str(attributes.get(name, {}).get("stringValue", ""))


def _is_call(attributes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a span is a finished call, judged by the names of its attributes."""
    kind = _text(attributes, semconv.KIND)
    if kind:
        return kind == "call" and _text(attributes, semconv.STATUS) in ("returned", "")
    return any(key.startswith((semconv.REQUEST_PREFIX, "llm.")) for key in attributes)


def _group(span: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The key that first calls are counted by: a prompt's name and version, else the function."""
    if name := _text(attributes, semconv.PROMPT_NAME):
        return json.dumps([name, _text(attributes, semconv.PROMPT_VERSION)])
    said = (_text(attributes, name) for name in (semconv.NAME, *_APPLICATION))
    return next(filter(None, said), str(span.get("name", "")))


def _labelled(span: dict[str, Any], probability: float) -> dict[str, Any]:
    others = [
        pair for pair in span.get("attributes", ()) if pair["key"] != semconv.INCLUSION_PROBABILITY
    ]
    own = {"key": semconv.INCLUSION_PROBABILITY, "value": {"doubleValue": probability}}
    return {**span, "attributes": [*others, own]}
