"""The Tracker protocol: a dashboard we deliver to, its items and its outcomes.

Everything here is synchronous and runs in the worker's process only.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal, Protocol, Self

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Call, Explanation, ForgottenTrace, Record, Trace
from smile_trace.records.comparison import Comparison
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile
from smile_trace.records.report import Report
from smile_trace.trackers.marks import Mark

# -- outcomes -------------------------------------------------------------------------------


class Receipt(Record):
    """The item arrived. `url` is where a person can look at it, if known."""

    external_id: str
    url: str | None = None


class Rejected(Record):
    """The item did not arrive; `reason` is one sentence that says what to do. `retry` is False if
    trying again cannot help (the item itself is rejected)."""

    reason: str
    code: ReasonCode = ReasonCode.REJECTED
    retry: bool = True


class Deferred(Record):
    """The item must wait for something outside, such as the user's own trace."""

    reason: str
    code: ReasonCode = ReasonCode.DEFERRED
    seconds: float = 15.0


class Skipped(Record):
    """The item holds nothing that this tracker shows: it is settled without a delivery."""

    reason: str
    code: ReasonCode = ReasonCode.NOTHING_TO_SHOW


Outcome = Receipt | Rejected | Deferred | Skipped


class TrackerUnavailable(SmileTraceError):
    """The tracker takes nothing right now; everything stays in the outbox. The message is one
    sentence that says what to do; `retry_after` is in seconds, if the tracker gave it."""

    code = ReasonCode.TRACKER_UNAVAILABLE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


# -- items ----------------------------------------------------------------------------------


class CapturedTrace(Record):
    """A trace to deliver, with its spans, calls and feedback.

    `wait_for_external` is set only for a tracker that looks for external traces, while the user's
    own trace is noted on a call (`Call.external_trace`) and may still arrive. If that trace is on
    the server, its id is the receipt's and nothing is written; if not, the outcome is `Deferred`.
    When it is not set, the trace is delivered as one of ours.
    """

    trace: Trace
    wait_for_external: bool = True


class ExplainedCall(Record):
    """An explanation to deliver, with its call and trace. `traced_as` is the external id under
    which this tracker received the trace; empty for a tracker that takes no traces."""

    trace: Trace
    call: Call
    explanation: Explanation
    traced_as: str

    @property
    def is_of_answer(self) -> bool:
        """Whether it says by itself what the answer depends on: it has no target, and is not
        pooled."""
        return self.explanation.met is None and not self.explanation.settings.pooled


class ExplainedPath(Record):
    """The path of a trace to deliver: from its final answer back, call by call. `traced_as` is as
    in `ExplainedCall`."""

    trace: Trace
    path: ExplanationPath
    traced_as: str


class ProfiledCall(Record):
    """A profile to deliver: what happens to a call's answer when its request changes a little.
    `traced_as` is as in `ExplainedCall`."""

    trace: Trace
    call: Call
    profile: Profile
    traced_as: str


class UnexplainedCall(Record):
    """A call that was skipped (not sampled, no model mapped, …) or whose explanation failed, and
    why. A later explanation replaces this. `traced_as` is as in `ExplainedCall`."""

    trace: Trace
    call: Call
    state: Literal["skipped", "failed"]
    code: ReasonCode
    reason: str
    traced_as: str

    @property
    def verdict(self) -> str:
        """A few words for a column: `skipped: not sampled`."""
        return f"{self.state}: {self.code.replace('_', ' ')}"


class ComparedPrompt(Record):
    """A comparison of a prompt's versions to deliver. `traced_as` holds, by version label, the
    external ids of some of its traces on this tracker."""

    comparison: Comparison
    traced_as: dict[str, tuple[str, ...]] = {}


# -- the protocol ---------------------------------------------------------------------------


class Capabilities(Record):
    """Abilities of a tracker beyond delivering traces and explanations; declared by its class.

    `traces`: it takes traces; if not, it is given explanations alone.
    `external_traces`: it looks for the user's own traces on its server.
    `comparisons`, `reports`, `paths`, `profiles`, `unexplained`: it implements
    `deliver_comparison`, `deliver_report`, and so on. `forgets`: it implements `forget`.
    `reviews`: it implements `send_for_review` and `read_reviews`. `marks`: it implements
    `read_marks`.
    `replaces`: a newer explanation of a call replaces the older one. If not, only the first is
    sent, and sent again only with the same bytes.
    """

    traces: bool = True
    external_traces: bool = False
    comparisons: bool = False
    reports: bool = False
    forgets: bool = False
    paths: bool = False
    profiles: bool = False
    unexplained: bool = False
    reviews: bool = False
    marks: bool = False
    replaces: bool = True


class Tracker(Protocol):
    """A dashboard, as the worker calls it; `trackers.dashboard.Dashboard` is a base for most.

    A subclass implements `from_settings`, `deliver_traces` and `deliver_explanations`, and the
    methods that its capabilities declare; nothing else is called. Every method may be called again
    for items already delivered, and each must still be visible only once. Outcomes are in the order
    of the items. `TrackerUnavailable` is raised if nothing (more) was taken: the whole batch stays.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities()

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> Self | None:
        """Return the tracker, or None if neither `options` (the settings' `[trackers.NAME]` table
        with `enabled`, or empty) nor its own environment variables ask for it. `read_options`
        checks the options.

        Raises:
            ValueError: the options are wrong; the message says which and what to write.
        """
        ...

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """Write traces; a receipt's `external_id` is the trace's id there."""
        ...

    def prepare_traces(self, items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]]:
        """Return what delivers traces, with all done that asks no server: it is called in another
        thread, while the traces before are under way. By default nothing is done."""
        return partial(self.deliver_traces, items)

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """Show explanations at their calls. Here and below, each trace was delivered before."""
        ...

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """Show paths in their traces."""
        raise self.lacks("paths")

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """Show the findings of probes at their calls."""
        raise self.lacks("profiles")

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """Show at calls why they are not explained."""
        raise self.lacks("reasons why calls are not explained")

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """Put one run (or experiment) per version, and the page, where people look for them. A
        second delivery for the same versions overwrites the first."""
        raise self.lacks("comparisons")

    def deliver_report(self, report: Report) -> Outcome:
        """Put a report over a period where people look for it: its figures, table and picture. A
        second delivery for the same name and days overwrites the first."""
        raise self.lacks("reports")

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """Put variants into the review queue of that name, which is made if there is none. A
        variant that is sent again is there once. Raises `RequestRejected`, whose message says why.
        """
        raise self.lacks("review queues")

    def read_reviews(self, queue: str) -> list[Judgement]:
        """Return the judgements so far in a review queue; `RequestRejected` if it is missing."""
        raise self.lacks("review queues")

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        """Return what people wrote about traces, by the ids that they have here; nothing about a
        trace that is missing. Raises `TrackerUnavailable` and `RequestRejected`."""
        raise self.lacks("place where people write what is right")

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """Delete traces with everything that was delivered into and about them: texts, pictures,
        files, scores, rows of tables, and the comparisons of their prompts' versions, which are
        delivered anew. No delivery is under way meanwhile.

        Return a `Receipt` if nothing of a trace is left (also if it never arrived, or was deleted
        before), else `Rejected`, whose reason says what is left, and where; with `retry=False`,
        only a person can delete it.
        """
        raise self.lacks("way to delete")

    def check(self) -> bool:
        """Ask the server something that changes nothing; False if there is nothing to ask."""
        return False

    def close(self) -> None:
        """Close the connections."""
        return

    def lacks(self, what: str) -> NotImplementedError:
        """Return the error of a method that the tracker does not declare."""
        return NotImplementedError(f"the tracker {self.name} has no {what}")
