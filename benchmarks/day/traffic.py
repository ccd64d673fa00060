"""The day's calls as spool lines: each kind is captured once, as its application makes it, and its
lines are written again and again with ids, customers and times of their own."""

import hashlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import smile_trace
from benchmarks.day.application import CUSTOMER, ORDER, TOPICS, Shop
from smile_trace.testing import captured

BLOCK_CALLS, BLOCK_TRACES = 20, 18
DAY_NS = 24 * 3600 * 10**9
SECOND, THIRD, STALE_HOUR = 6, 16, 10

_Trace = tuple[str, tuple[Any, ...], str | None]
"""A call site, its arguments, and what is wrong with the answer; None where no user says."""


class Traffic:
    """Writes the calls of a day that ends now, and keeps how many there are (`calls`, `spans`), how
    often the application `asked` each model, and of which traces users complained, by reason."""

    def __init__(self, shop: Shop, calls: int) -> None:
        self._shop, self._blocks = shop, calls // BLOCK_CALLS
        self._begin = time.time_ns() - DAY_NS
        self._kept: dict[tuple[Any, ...], tuple[bytes, str, int, Counter[str]]] = {}
        self.calls = self.spans = 0
        self.asked, self.complaints = Counter[str](), defaultdict[str, list[str]](list)

    def hour(self, hour: int) -> Iterator[bytes]:
        """The lines of an hour, from 0 to 23."""
        for block in range(hour * self._blocks // 24, (hour + 1) * self._blocks // 24):
            for place, (site, args, wrong) in enumerate(_block(block, hour)):
                number = block * BLOCK_TRACES + place
                at = self._begin + number * DAY_NS // (self._blocks * BLOCK_TRACES)
                yield self._trace(number, at, site, *args)
                if wrong is not None and block % (2 if wrong else 10) == 0:
                    self.complaints[wrong].append(_id(number))
                    with captured() as seen:
                        smile_trace.feedback(_id(number), not wrong)
                    yield _filled(seen.lines[0], {}, at - seen.spans[0].start_ns)

    def _trace(self, number: int, at_ns: int, site: str, *args: Any) -> bytes:
        if (site, *args) not in self._kept:
            with captured() as seen:
                getattr(self._shop, site)(*args)
            raw, spans = b"\n".join(map(bytes.strip, seen.lines)), seen.spans
            first = min(span.start_ns for span in spans)
            counts = Counter(call.model or "" for call in seen.calls)
            self._kept[site, *args] = raw, spans[0].trace_id, first, counts
            self.asked += counts
        raw, trace_id, first, counts = self._kept[site, *args]
        self.calls += counts.total()
        self.spans += raw.count(b"\n") + 1
        own = {trace_id: _id(number), CUSTOMER: str(20_000_000 + number)}
        return _filled(raw, own, at_ns - first)


def _block(block: int, hour: int) -> Iterator[_Trace]:
    version = "123"[(hour >= SECOND) + (hour >= THIRD)]
    for topic in TOPICS * 2:
        stale = hour == STALE_HOUR and topic == "returns"
        wrong = "stale" if stale else "vague" if version == "3" else ""
        yield "support", (version, topic, stale), wrong
    yield "agent", ("",), ""
    injected = block % 20 == 10
    yield "agent", (ORDER if injected else "",), "injected" if injected else ""
    for site in ("chat", "extract") * 3 + ("classify",) * 2:
        yield "plain", (site,), None


def _filled(raw: bytes, own: Mapping[str, str], later_ns: int) -> bytes:
    """Lines with other ids, customers and times."""
    texts = {old.encode(): new.encode() for old, new in own.items()}

    def new(found: re.Match[bytes]) -> bytes:
        return texts.get(found[0]) or b"%d" % (int(found[0]) + later_ns)

    return re.sub(b"|".join([rb'(?<=")\d{19}(?=")', *texts]), new, raw.strip()) + b"\n"


def _id(number: int) -> str:
    return hashlib.md5(b"%d" % number).hexdigest()
