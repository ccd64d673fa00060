"""Variants that people judge in a tracker's review queue."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from smile_trace import semconv
from smile_trace.records import JSON, Span
from smile_trace.records.judgement import QUESTIONS, Judgement, Reply, ReviewTask
from smile_trace.render.review import review_title
from smile_trace.trackers.http import RequestRejected

CHOICES: Mapping[str, Reply] = {"yes": "yes", "no": "no", "cannot say": "cannot_say"}
"""Replies by the labels that a person chooses."""
NAMES = {f"smile.{question.name}": question.name for question in QUESTIONS}
"""Questions by their names in a tracker, in the order in which they are asked."""
ASKED = {name: f"{one.text} {one.help}" for name, one in zip(NAMES, QUESTIONS, strict=True)}
"""The text of each question, by those names."""
ABOUT = "Variants of requests whose answers changed, from smile-trace."
"""The description of a queue."""


class Said(NamedTuple):
    """One choice that a person made under a name, at a time (ISO 8601)."""

    reviewer: str
    name: str
    choice: str
    at: str


class ReviewQueues:
    """The review queues of a backend. Methods raise `RequestRejected` and `TrackerUnavailable`."""

    service: str
    """The backend's name."""

    def find(self, name: str) -> str | None:
        """Return the id of the queue of that name; None if there is none."""
        raise NotImplementedError

    def make(self, name: str) -> str:
        """Make a queue that asks our questions and return its id."""
        raise NotImplementedError

    def find_or_make(self, name: str) -> str:
        """Return the id of the queue of that name, maybe of one that was made meanwhile."""
        if held := self.find(name):
            return held
        try:
            return self.make(name)
        except RequestRejected:
            if meanwhile := self.find(name):
                return meanwhile
            raise

    def put(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """Put variants into a queue, each once; those already there stay as they are."""
        raise NotImplementedError

    def replies(self, queue: str) -> Iterable[tuple[str, Said]]:
        """Return people's choices, each with the id of its variant, in any order."""
        raise NotImplementedError

    def forgetting(self) -> Callable[[str], None]:
        """Return a function that deletes the variants of a trace's calls, by trace id, from every
        queue; what several traces share is looked up once."""
        raise NotImplementedError

    def send(self, name: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`."""
        self.put(self.find_or_make(name), tasks)

    def read(self, name: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        queue = self.find(name)
        if queue is None:
            sentence = (
                f"{self.service} has no review queue {name!r}: smile-trace review send makes it"
            )
            raise RequestRejected(sentence, status=404, retry=False)
        said = defaultdict[str, list[Said]](list)
        for variant, one in self.replies(queue):
            said[variant].append(one)
        return [judged for variant, all_ in said.items() for judged in judgements(variant, all_)]


def judgements(variant: str, said: Iterable[Said]) -> Iterator[Judgement]:
    """Yield a judgement for each person who replied, with the last replies. Choices that are no
    reply are left out, and a question left open is `cannot_say`."""
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
    """Return the fixed id (32 hex digits) of the trace that shows a variant in a place."""
    return hashlib.sha256(f"review {variant} in {place}".encode()).hexdigest()[:32]


def review_span(trace_id: str, task: ReviewTask, attributes: Mapping[str, JSON]) -> Span:
    """Make the only span of the trace that shows a variant."""
    now = time.time_ns()
    return Span(
        trace_id=trace_id,
        span_id=trace_id[:16],
        name=review_title(task),
        start_ns=now,
        end_ns=now + 1,
        attributes={semconv.KIND: "review", **attributes},
        status="ok",
    )
