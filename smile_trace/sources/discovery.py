"""Finding sources by entry point."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from smile_trace._text.lists import listed
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.settings import Settings
from smile_trace.sources.protocol import Source

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
