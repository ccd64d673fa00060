"""The Source protocol: a backend that holds traces which others wrote, and is read over its API.

Everything here is synchronous. A source is read only: what is explained is delivered into its
traces by the tracker of the same name.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import ClassVar, Protocol, Self

from smile_trace._text.lists import listed
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Record, Span
from smile_trace.settings import Settings


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


GROUP = "smile_trace.sources"


class NoSource(SmileTraceError):
    """A source that the settings name cannot be used; the message says what to do."""

    code = ReasonCode.SETTINGS_INVALID


def pulled(settings: Settings) -> list[Source]:
    """The sources that the settings name, which the worker reads, by name.

    Raises:
        NoSource: one is not installed, has no address, or its options are wrong.
    """
    known = _installed()
    found = []
    for name in sorted(settings.sources.pulled):
        if name not in known:
            installed = ", ".join(sorted(known)) or "none"
            raise NoSource(
                f"[sources.{name}]: no source of that name is installed (installed: {installed})"
            )
        found.append(_opened(name, known[name], settings))
    return found


def owner(trace_id: str, settings: Settings) -> Source | None:
    """The source whose id this is, by its form; None where others', as the store's, look alike.

    Raises:
        NoSource: it has no address, or its options are wrong.
    """
    for name, source in sorted(_installed().items()):
        if source.owns(trace_id):
            return _opened(name, source, settings)
    return None


def may_hold(trace_id: str, settings: Settings) -> list[Source]:
    """The sources that are set up, in the settings or the environment, and may have a trace of
    that id, by name: it is of a form that several have.

    Raises:
        NoSource: the options of one are wrong.
    """
    found: list[Source] = []
    for name, source in sorted(_installed().items()):
        if source.may_hold(trace_id) and (made := _made(name, source, settings)) is not None:
            found.append(made)
    return found


def evaluated(run_id: str, settings: Settings) -> tuple[Source, Sequence[str]]:
    """The traces of an evaluation run, and the source that has it, of those that are set up.

    Raises:
        NoSource: none has it, or none is set up as it should be.
        SourceUnavailable: one that may have it does not answer.
    """
    asked, not_set_up = [], None
    for name, source in sorted(_installed().items()):
        try:
            made = _made(name, source, settings)
        except NoSource as error:
            not_set_up = not_set_up or error
            continue
        if made is None:
            continue
        if found := made.evaluated(run_id):
            return made, found
        asked.append(name)
    if not_set_up is not None:
        raise not_set_up
    raise NoSource(
        f"there is no evaluation run {run_id!r} with traces in {listed(asked, 'or')}: take its id "
        "from the page of the run",
        code=ReasonCode.NOT_FOUND,
    )


def _opened(name: str, source: type[Source], settings: Settings) -> Source:
    opened = _made(name, source, settings)
    if opened is None:
        raise NoSource(f"nothing says where {name} is: set its address in [sources.{name}]")
    return opened


def _made(name: str, source: type[Source], settings: Settings) -> Source | None:
    settings.check_trust("sources", "trackers")  # a source takes the tracker's address
    try:
        return source.from_settings(
            settings.sources.pulled.get(name, {}), settings.trackers.get(name, {})
        )
    except ValueError as error:
        raise NoSource(str(error)) from None


def _installed() -> dict[str, type[Source]]:
    return {entry.name: entry.load() for entry in entry_points(group=GROUP)}
