"""The Dialect protocol, and which dialects there are."""

from functools import cache
from importlib.metadata import entry_points
from typing import ClassVar, Protocol

from smile_trace import semconv
from smile_trace.dialects.gen_ai import GenAI
from smile_trace.dialects.google_adk import GoogleADK
from smile_trace.dialects.langfuse import Langfuse
from smile_trace.dialects.langsmith import LangSmith
from smile_trace.dialects.logfire import Logfire
from smile_trace.dialects.mlflow import MLflow
from smile_trace.dialects.openinference import OpenInference
from smile_trace.dialects.openlit import OpenLIT
from smile_trace.dialects.pydantic_ai import PydanticAI
from smile_trace.dialects.strands import Strands
from smile_trace.dialects.traceloop import Traceloop
from smile_trace.dialects.vercel import Vercel
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records.call import Call, Span

OURS = (
    OpenInference(),
    MLflow(),
    Langfuse(),
    LangSmith(),
    Vercel(),
    GoogleADK(),
    Logfire(),
    PydanticAI(),
    OpenLIT(),
    Strands(),
    Traceloop(),
    GenAI(),
)
"""Asked in this order. Those that read the conventions of OpenTelemetry in a way of their own come
before these."""
GROUP = "smile_trace.dialects"
"""The entry-point group of further dialects: classes that are called without arguments."""


class Dialect(Protocol):
    """One way of writing an LLM call into a span.

    The attributes were written by another program: whatever they hold, neither method raises
    anything but the `ForeignDataError` of `smile_trace.dialects.attributes`, which reads JSON
    text within bounds (`smile_trace_contracts.dialect.check_dialect`).
    """

    name: ClassVar[str]

    def recognises(self, span: Span) -> bool:
        """Whether the span is a call of this dialect: it has messages, or says that a model
        was asked. Context around calls is none."""
        ...

    def read_call(self, span: Span) -> Call:
        """The call of a span that is recognised.

        Raises:
            ForeignDataError: an attribute is JSON beyond the bounds; the call is kept without
                content, and never explained.
        """
        ...


class DialectUnavailable(SmileTraceError):
    """An installed dialect cannot be loaded; the message says which."""

    code = ReasonCode.EXTRA_MISSING


def dialect_of(span: Span) -> Dialect | None:
    """The dialect that reads the span: the first that recognises it.

    Raises:
        ForeignDataError: an attribute by which one would is JSON beyond the bounds.
    """
    return next((dialect for dialect in known() if dialect.recognises(span)), None)


def register(dialect: Dialect) -> None:
    """Read spans of `dialect`, too. It is asked before those that are known."""
    known().insert(0, dialect)


def version_of(name: str | None) -> str:
    """The dialect of that name with the release of the package that brings it: "gen_ai 0.2.0"."""
    release = _installed()[1].get(name or "", semconv.release())
    return " ".join(part for part in (name or "smile-trace", release) if part)


@cache
def known() -> list[Dialect]:
    """The dialects in the order in which they are asked: the first that recognises a span reads
    it. Installed ones come before our own.

    Raises:
        DialectUnavailable: an installed one cannot be loaded.
    """
    return [*_installed()[0], *OURS]


@cache
def _installed() -> tuple[list[Dialect], dict[str, str]]:
    """The dialects of other packages, and the releases of these by the dialects' names."""
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
