"""The Dialect protocol and the registry of dialects."""

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import ClassVar, Literal, Protocol

from smile_trace import semconv
from smile_trace.dialects import kinds
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records.call import Call, Span

_MOST_NAMES = 1000
"""The most sets of names whose dialects are known at a time; of each a hash, whatever its size."""
_by_names: "dict[int, list[Dialect]]" = {}
GROUP = "smile_trace.dialects"
"""The entry-point group of further dialects: classes that are called without arguments."""


class Dialect(Protocol):
    """One way of writing an LLM call into a span.

    The attributes were written by another program: whatever they hold, neither method raises
    anything but the `ForeignDataError` of `smile_trace.dialects.attributes`, which reads JSON text
    within bounds (`smile_trace_contracts.dialect.check_dialect`).

    A method `complete(call, span, around)` is optional: it returns the call with what only the
    spans around it say, the innermost first. So are five class attributes: `precedence`, an integer
    (default 0) by which our dialects are asked, the highest first and equals by name; `marks`, with
    one of which the scope or an attribute of each of its spans begins (others are not asked about);
    `content_switches`, `tools_recorded_by` and `calls_recorded_by`, which say by a scope's name or
    its beginning how an instrumentor is told to write content, and what records the tools or the
    calls of models that it leaves out.
    """

    name: ClassVar[str]

    def recognises(self, span: Span) -> bool:
        """Whether the span is a call of this dialect: it has messages, or says that a model was
        asked. Context around calls is no call."""
        ...

    def read_call(self, span: Span) -> Call:
        """Read the call of a span that is recognised.

        Raises:
            ForeignDataError: an attribute is JSON beyond the bounds; the call is kept without
                content, and never explained.
        """
        ...


class DialectUnavailable(SmileTraceError):
    """An installed dialect cannot be loaded; the message says which."""

    code = ReasonCode.EXTRA_MISSING


def dialect_of(span: Span) -> Dialect | None:
    """The first dialect that recognises the span; raises ForeignDataError for unbounded JSON."""
    for dialect in _candidates(span):
        if dialect.recognises(span):
            return dialect
    return None


def _candidates(span: Span) -> list[Dialect]:
    """The dialects by whose `marks` the span may be a call of theirs, found once for all spans of
    the same names."""
    key = hash((span.scope, *span.attributes))
    found = _by_names.get(key)
    if found is None:
        if len(_by_names) >= _MOST_NAMES:
            _by_names.clear()
        names = span.scope, *span.attributes
        found = _by_names[key] = [one for one in known() if _may_have_written(one, names)]
    return found


def _may_have_written(dialect: Dialect, names: Iterable[str]) -> bool:
    marks = getattr(dialect, "marks", None)
    return marks is None or any(name.startswith(marks) for name in names)


def register(dialect: Dialect) -> None:
    """Read spans of `dialect`, too. It is asked before those that are known."""
    known().insert(0, dialect)
    hint.cache_clear()
    _by_names.clear()


def version_of(name: str | None) -> str:
    """The dialect with the release of its package: "gen_ai 0.2.0"."""
    release = _installed()[1].get(name or "", semconv.release())
    return " ".join(part for part in (name or "smile-trace", release) if part)


@cache
def known() -> list[Dialect]:
    """The dialects in the order in which they are asked, installed ones before ours. Raises
    DialectUnavailable if an installed dialect cannot be loaded."""
    return [*_installed()[0], *ours()]


@cache
def ours() -> tuple[Dialect, ...]:
    """The dialects of the files of `kinds`, in the order in which they are asked."""
    files = [
        import_module(f"{kinds.__name__}.{found.name}") for found in iter_modules(kinds.__path__)
    ]
    classes = [
        thing
        for file in files
        for thing in vars(file).values()
        if isinstance(thing, type) and thing.__module__ == file.__name__
        if hasattr(thing, "read_call")
    ]
    dialects = (one() for one in classes)
    return tuple(sorted(dialects, key=lambda one: (-getattr(one, "precedence", 0), one.name)))


@lru_cache(maxsize=1024)
def hint(
    kind: Literal["content_switches", "tools_recorded_by", "calls_recorded_by"], scope: str
) -> str | None:
    """The dialects' hint about a scope, from the longest name that it begins with: of a module, or
    of a package of npm (`@scope/name-`)."""
    said = {
        start: what
        for dialect in known()
        for start, what in getattr(dialect, kind, {}).items()
        if scope == start or scope.startswith(start if start.endswith("-") else f"{start}.")
    }
    return said[max(said, key=len)] if said else None


@cache
def _installed() -> tuple[list[Dialect], dict[str, str]]:
    """The dialects of other packages, and their packages' releases by the dialects' names."""
    dialects: list[Dialect] = []
    releases: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            dialects.append(entry.load()())
        except Exception as error:
            raise DialectUnavailable(
                f"the dialect {entry.name!r} ({entry.value}) cannot be loaded: {error}; "
                "repair or uninstall the package that brings it"
            ) from error
        if entry.dist is not None:
            releases[dialects[-1].name] = entry.dist.version
    return dialects, releases
