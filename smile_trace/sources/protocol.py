"""The Source protocol: a backend that holds traces which others wrote, and is read over its API.

Everything here is synchronous. A source is read only: what is explained is delivered into its
traces by the tracker of the same name.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Record, Span


class SourceUnavailable(SmileTraceError):
    """The source gives nothing right now; the message is one sentence that says what to do."""

    code = ReasonCode.SOURCE_UNAVAILABLE


class Page(Record):
    """The traces of one place that began in some stretch of time, in any order.

    `traces`: the spans of each, none of them ours. `until_ms`: everything that began before it
    (Unix milliseconds) and after the stretch's beginning was read.
    """

    traces: tuple[tuple[Span, ...], ...]
    until_ms: int


class Source(Protocol):
    """A backend. Its spans carry its own ids (`smile_trace.external.<name>.trace_id`), so that the
    tracker of the same name finds the trace that was read, and never writes it a second time."""

    name: ClassVar[str]

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]) -> Self | None:
        """The source, or None where nothing says where it is.

        Args:
            options: the settings' `[sources.NAME]` table; empty where there is none.
            tracker: the `[trackers.NAME]` table, whose address is the default.

        Raises:
            ValueError: the options are wrong; the message says which and what to write.
        """
        ...

    @classmethod
    def owns(cls, trace_id: str) -> bool:
        """Whether an id is one of the source's, by its form alone: no other's look like it."""
        return False

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """Whether an id may be one of the source's, although others', and the store's, look alike
        (32 hex digits). It is looked for where the store has no such trace."""
        return False

    def evaluated(self, run_id: str) -> Sequence[str]:
        """The ids of the traces of an evaluation run, the earliest first; none where the backend
        has no such run.

        Raises:
            SourceUnavailable: it does not answer, or refuses our credentials.
        """
        return ()

    @property
    def places(self) -> Sequence[str]:
        """What of it the worker reads (experiments, projects), by the names of the settings."""
        ...

    def read(self, trace_id: str) -> tuple[Span, ...]:
        """The finished spans of a trace, none of them ours; empty where there is no such trace.

        Raises:
            SourceUnavailable: it does not answer, or refuses our credentials.
        """
        ...

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        """The earliest traces of a place that began in [`since_ms`, `until_ms`).

        Traces that were deleted meanwhile are left out. Those that began in the same millisecond
        are never divided between two pages, so that a page may have more than `limit` traces.

        Args:
            limit: about how many traces.

        Raises:
            SourceUnavailable: it does not answer, refuses our credentials, or has no such place.
        """
        ...
