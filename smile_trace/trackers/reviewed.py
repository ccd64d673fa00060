"""What people say of variants in a tracker's review queue, read alike from all of them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from smile_trace.records import JSON
from smile_trace.records.judgement import QUESTIONS, Judgement, Reply
from smile_trace.trackers.http import RequestRejected

CHOICES: Mapping[str, Reply] = {"yes": "yes", "no": "no", "cannot say": "cannot_say"}
"""The replies as a person chooses them."""
NAMES = {f"smile.{question.name}": question.name for question in QUESTIONS}
"""The questions by the names that they have in a tracker, in the order in which they are asked."""


class Said(NamedTuple):
    """One thing that a person said: under which name, what was chosen, and when (ISO 8601)."""

    reviewer: str
    name: str
    choice: str
    at: str


def judgements(variant: str, said: Iterable[Said]) -> Iterator[Judgement]:
    """A judgement for each person who replied to a question, with what was said last; what is no
    reply is left out, and what a person left open is `cannot_say`."""
    given = defaultdict[str, dict[str, JSON]](dict)
    for one in sorted(said, key=lambda one: one.at):
        if one.name in NAMES and (reply := CHOICES.get(one.choice)):
            replies = given[one.reviewer]
            replies[NAMES[one.name]] = reply
            replies["judged_at"] = max(one.at, str(replies.get("judged_at", "")))
    for reviewer, replies in given.items():
        whole: dict[str, JSON] = dict.fromkeys(NAMES.values(), "cannot_say")
        whole |= {**replies, "variant_id": variant, "reviewer": reviewer}
        yield Judgement.model_validate(whole)


def review_trace_id(variant: str, place: str) -> str:
    """The id (32 hex digits) of the trace that shows a variant in a place: sent again, it is there
    once."""
    return hashlib.sha256(f"review {variant} in {place}".encode()).hexdigest()[:32]


def no_queue(service: str, queue: str) -> RequestRejected:
    """What it means that a queue that is read is not there."""
    said = f"{service} has no review queue {queue!r}: smile-trace review send makes it"
    return RequestRejected(said, status=404, retry=False)
