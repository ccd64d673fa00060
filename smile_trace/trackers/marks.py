"""What people wrote in a tracker about an answer: that it is wrong, or what it should have been.

Their evaluations' code may have written it, too; our own scores, and those of models, are no marks.
"""

import re
from collections.abc import Iterable
from typing import Any

from smile_trace.dialects.answers import final_answer
from smile_trace.dialects.traces import around
from smile_trace.records import JSON, Call, Record, Trace
from smile_trace.trackers.fields import json_text

EXPECTED, FACTS = "expected_response", "expected_facts"
"""The names under which an expected answer and its facts are written: MLflow's own."""
_RIGHT = {"correct", "correctness", "right", "accurate", "accuracy", "good", "ok", "pass", "passed"}
_RIGHT |= {"thumbs", "feedback"}
_WRONG = {"wrong", "incorrect", "bad", "fail", "failed", "error"}
_FILLING = {"is", "was", "the", "this", "answer", "response", "output", "user", "human", "up"}
_NO, _YES = {"no", "false", "0", "-1"}, {"yes", "true", "1"}
_SAID_WRONG = {"wrong", "incorrect", "bad", "fail", "failed", "thumbs down", "👎"}


class Mark(Record):
    """What one person wrote about a trace, or about one of its spans, by the ids of the tracker.
    `wrong`: its answer is; `expected`: the answer that it should have been; `facts`: what a right
    answer says."""

    trace_id: str
    span_id: str | None = None
    wrong: bool = False
    expected: str | None = None
    facts: tuple[str, ...] = ()
    by: str = "somebody"

    @property
    def says_something(self) -> bool:
        """Whether it is wrong, or says what is right."""
        return self.wrong or bool(self.wanted)

    @property
    def wanted(self) -> str | None:
        """What a right answer says: the facts, a line each, else the expected answer."""
        return "\n".join(self.facts) or self.expected


def says_wrong(name: str, value: JSON) -> bool:
    """Whether feedback says that an answer is wrong: by its value alone (wrong, incorrect, bad,
    fail, thumbs down), or by a no (false, 0, -1) to whether it is right (correct, accurate, good,
    pass, thumbs up, feedback), or a yes to whether it is wrong. Any other question, such as whether
    it is toxic, is another one."""
    if not isinstance(value, str | bool | int | float):
        return False
    reply = f"{value:g}" if type(value) in (int, float) else str(value).lower().strip()
    reply = reply.replace("_", " ").replace("thumbs-", "thumbs ")
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    asked = {word.lower() for word in words} - _FILLING
    if reply in _SAID_WRONG:
        return True
    return bool(asked) and (
        (reply in _NO and asked <= _RIGHT) or (reply in _YES and asked <= _WRONG)
    )


def expectation(name: str, value: JSON) -> dict[str, Any]:
    """The fields of a Mark that an expectation of that name holds; empty for another name."""
    if name == FACTS:
        written = value if isinstance(value, list) else str(value or "").splitlines()
        return {"facts": tuple(text for one in written if (text := _text(one)))}
    return {"expected": _text(value) or None} if name == EXPECTED else {}


def about(marks: Iterable[Mark], trace: Trace, call: Call) -> list[Mark]:
    """The marks that are about a call: at its span; those about the trace, and at spans around the
    call, where its answer is the trace's final one."""
    spans = {span.span_id: span for span in trace.spans}
    ids: set[str | None] = {call.span_id, *call.external_trace.values()}
    final = final_answer(trace)
    if final is not None and final.id == call.id:
        outer = around(spans[call.span_id], spans) if call.span_id in spans else ()
        ids |= {None, *(span.span_id for span in outer)}
    return [mark for mark in marks if mark.span_id in ids]


def wanted(marks: Iterable[Mark]) -> dict[str, list[str]]:
    """The different texts that say what a right answer says, with who wrote each: facts where there
    are any, else expected answers."""
    said = [mark for mark in marks if mark.wanted]
    found: dict[str, tuple[str, list[str]]] = {}
    for mark in [mark for mark in said if mark.facts] or said:
        text = str(mark.wanted)
        _, who = found.setdefault(" ".join(text.split()), (text, []))
        who.append(mark.by)
    return {text: list(dict.fromkeys(who)) for text, who in found.values()}


def _text(value: JSON) -> str:
    return value.strip() if isinstance(value, str) else json_text(value) if value else ""
