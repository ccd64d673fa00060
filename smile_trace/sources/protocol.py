"""The Source protocol: a backend whose traces, written by others, are read over its API.

Everything here is synchronous. A source only reads: explanations are delivered into its traces by
the tracker of the same name.
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
    """Traces of one place that began in a stretch of time, in any order.

    `traces`: the spans of each, none of them ours. `until_ms` (Unix milliseconds): everything that
    began in the stretch before this time was read.
    """

    traces: tuple[tuple[Span, ...], ...]
    until_ms: int


class Source(Protocol):
    """A backend. Its spans carry its own ids (`smile_trace.external.<name>.trace_id`), so that the
    tracker of the same name finds the trace that was read, and never writes it a second time."""

    name: ClassVar[str]

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]) -> Self | None:
        """Return the source, or None if nothing says where it is.

        Args:
            options: the settings' `[sources.NAME]` table; empty if there is none.
            tracker: the `[trackers.NAME]` table, whose address is the default.

        Raises:
            ValueError: the options are wrong; the message says which and what to write.
        """
        ...

    @classmethod
    def owns(cls, trace_id: str) -> bool:
        """Whether an id has a form that only this source's ids have."""
        return False

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """Whether an id may be one of the source's, although others' and the store's look alike (32
        hex digits). The source is asked if the store has no such trace."""
        return False

    def evaluated(self, run_id: str) -> Sequence[str]:
        """Return the ids of the traces of an evaluation run, the earliest first; empty if the
        backend has no such run.

        Raises:
            SourceUnavailable: it does not answer, or refuses our credentials.
        """
        return ()

    @property
    def places(self) -> Sequence[str]:
        """The experiments or projects that the worker reads, by their names in the settings."""
        ...

    def read(self, trace_id: str) -> tuple[Span, ...]:
        """Return the finished spans of a trace, none of them ours; empty if there is no such trace.

        Raises:
            SourceUnavailable: it does not answer, or refuses our credentials.
        """
        ...

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        """Return the earliest traces, about `limit`, of a place that began in [`since_ms`,
        `until_ms`).

        Traces that were deleted meanwhile are left out. Those that began in the same millisecond
        are never divided between two pages, so that a page may have more than `limit` traces.

        Raises:
            SourceUnavailable: it does not answer, refuses our credentials, or has no such place.
        """
        ...


GROUP = "smile_trace.sources"


class NoSource(SmileTraceError):
    """A source that the settings name cannot be used; the message says what to do."""

    code = ReasonCode.SETTINGS_INVALID


def pulled(settings: Settings) -> list[Source]:
    """Return the sources that the settings name for the worker to read, by name. Raises NoSource if
    a source is not installed, has no address, or its options are wrong."""
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
    """Return the source that owns an id by its form; None if the store's or others' look alike.
    Raises `NoSource` if it has no address, or its options are wrong."""
    for name, source in sorted(_installed().items()):
        if source.owns(trace_id):
            return _opened(name, source, settings)
    return None


def may_hold(trace_id: str, settings: Settings) -> list[Source]:
    """Return the sources, by name, that are set up in the settings or the environment and may have
    a trace of that id. Raises `NoSource` if the options of one are wrong."""
    found: list[Source] = []
    for name, source in sorted(_installed().items()):
        if source.may_hold(trace_id) and (made := _made(name, source, settings)) is not None:
            found.append(made)
    return found


def evaluated(run_id: str, settings: Settings) -> tuple[Source, Sequence[str]]:
    """Find an evaluation run among the sources that are set up, and return its source and traces.
    Raises NoSource if none has it, or none is set up correctly; SourceUnavailable if a source that
    may have it does not answer."""
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
        raise NoSource(f"the address of {name} is not known: set it in [sources.{name}]")
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
