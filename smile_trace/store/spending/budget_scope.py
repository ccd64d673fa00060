"""What the caps on one explanation are counted on."""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from smile_trace.store.forgotten import trace_hash


class Purpose(StrEnum):
    """What attempts are sent for. Only those for the explanation itself use up its calls."""

    EXPLANATION = "explanation"
    PROXY = "proxy"
    SANITY_CHECK = "sanity check"
    PATH = "path"
    PROFILE = "profile"
    EMBEDDINGS = "embeddings"
    PROBE = "try"
    """Whether a paused model answers again; each run of a job has its own."""


@dataclass(frozen=True)
class BudgetScope:
    """An explanation, or what else is asked for it, with caps of its own.

    A proxy's attempts have their own cap on calls. In the caps of the explanation and of the day
    only their money counts; their calls and tokens count in the proxy's own caps.

    Attributes:
        explanation: its id, in the worker "call id/settings hash/attempt"; where it is of a call,
            the call's id comes first.
        purpose: what the attempts are for.
        run: the run of the job, for a probe.
    """

    explanation: str
    purpose: Purpose = Purpose.EXPLANATION
    run: int | None = None

    def for_purpose(self, purpose: Purpose, run: int | None = None) -> "BudgetScope":
        """The scope of the same explanation for another purpose."""
        return replace(self, purpose=purpose, run=run)

    @property
    def key(self) -> str:
        """What models are given."""
        if self.purpose is Purpose.EXPLANATION:
            return self.explanation
        run = "" if self.run is None else f" {self.run}"
        return f"{self.explanation}/{self.purpose}{run}"

    @property
    def stored_key(self) -> str:
        """How it stands in the store: what was spent outlives a trace that is forgotten, whose id
        must not, nor come back with a late attempt. All keys of a trace begin alike."""
        trace_id, colon, rest = self.explanation.partition(":")
        if not colon:
            return self.key
        hidden = trace_hash(trace_id) + colon + hashlib.sha256(rest.encode()).hexdigest()[:32]
        return replace(self, explanation=hidden).key

    @classmethod
    def from_key(cls, key: str) -> "BudgetScope":
        """The scope of a key."""
        explanation, _, end = key.rpartition("/")
        name, _, run = end.rpartition(" ")
        if name == Purpose.PROBE and run.isdecimal():
            return cls(explanation, Purpose.PROBE, int(run))
        if end in _NAMED:
            return cls(explanation, Purpose(end))
        return cls(key)


_NAMED = frozenset(Purpose) - {Purpose.EXPLANATION, Purpose.PROBE}
"""The purposes that a key ends with."""
