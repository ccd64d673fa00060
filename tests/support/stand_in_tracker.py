"""A tracker that keeps what it is given in memory, and fails on order."""

from collections.abc import Mapping, Sequence

from smile_trace.records import JSON
from smile_trace.trackers import CapturedTrace, ExplainedCall, NotYet, Outcome, Receipt


class StandInTracker:
    """What arrived stands in `traces` and `explanations`, by id; `log` lists every delivery.

    `fail_with` is raised by the next deliveries, `refuse` maps item ids to the outcome that
    they get instead of a receipt.
    """

    name = "stand-in"

    def __init__(self, name: str = "stand-in") -> None:
        self.name = name  # type: ignore[misc]
        self.traces: dict[str, CapturedTrace] = {}
        self.explanations: dict[str, ExplainedCall] = {}
        self.log: list[str] = []
        self.fail_with: Exception | None = None
        self.refuse: dict[str, Outcome] = {}
        self.closed = False

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "StandInTracker | None":
        """Never found by itself."""
        return None

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """Keep them; one whose own trace is looked for is not there yet."""
        return [self._trace(item) for item in items]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """Keep them under their call's id."""
        return [self._explanation(item) for item in items]

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True

    def _trace(self, item: CapturedTrace) -> Outcome:
        trace_id = item.trace.trace_id
        if self.fail_with is not None:
            raise self.fail_with
        if trace_id in self.refuse:
            return self.refuse[trace_id]
        if item.look_for_linked and any(call.linked for call in item.trace.calls):
            return NotYet(reason="your own trace is not there yet")
        self.traces[trace_id] = item
        self.log.append(f"trace {trace_id}")
        return Receipt(external_id=f"tr-{trace_id}", url=f"http://stand-in/{trace_id}")

    def _explanation(self, item: ExplainedCall) -> Outcome:
        if self.fail_with is not None:
            raise self.fail_with
        if item.call.id in self.refuse:
            return self.refuse[item.call.id]
        if item.traced_as != f"tr-{item.trace.trace_id}":
            raise AssertionError("the explanation came before its trace")
        self.explanations[item.call.id] = item
        self.log.append(f"explanation {item.call.id}")
        return Receipt(external_id=f"ex-{item.call.id}")
