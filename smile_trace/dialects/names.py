"""The name that the application gave to a call, where an emitter says it: of a function (Vercel's
`functionId`), an agent, a chain, a traced function around the call.

Frameworks name most of their spans themselves, after a class or a kind of work: these are no names
of the application, and neither is what is made anew for every call.
"""

import re
from collections.abc import Iterable, Mapping

from smile_trace import semconv
from smile_trace.dialects.attributes import first_text, read_text
from smile_trace.records import JSON, Span

_FUNCTION = "ai.telemetry.functionId"
"""The AI SDK's, which only the application writes."""
_NAMES = (
    "gen_ai.agent.name",  # OpenTelemetry's conventions, and before them in Pydantic AI
    "agent.name",  # OpenInference
    "gen_ai.workflow.name",
    "traceloop.entity.name",
)
"""Attributes that hold a name; `traceloop.workflow.name` stands on every span inside, too."""

_AROUND: Mapping[str, tuple[str, ...]] = {
    "openinference.span.kind": ("CHAIN", "AGENT"),
    "mlflow.spanType": ("CHAIN", "AGENT", "UNKNOWN"),
    "langfuse.observation.type": ("span", "chain", "agent"),
    "langsmith.span.kind": ("chain",),
    "genkit:metadata:subtype": ("flow",),
}
"""Kinds of spans around calls whose own names may be the application's."""

_ADK = re.compile(r"agent_run \[(.+)\]")
"""The Agent Development Kit's span of an agent, before it wrote `gen_ai.agent.name`."""

_OWN_KINDS = re.compile(
    r"""
    agent | agents? (run|workflow) | strands\ agents | default | root | unknown
    | (call_)? (llm|model) | tools? | chain | graph | langgraph | workflow | turn | step\ \d+
    | openai-generation | (invoke_agent|model_(request|inference)).* | generate | response | chat
    | runnable\w* | \w*(chain|executor|parser|prompttemplate)   # LangChain's classes
    | \w+(\(.*\))?\.\w+                                        # a method of a class
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CLASS = re.compile(r"[A-Z]\w*")
_MADE_ANEW = re.compile(r"\d{5}|[0-9a-fA-F]{8}-|(?<![0-9a-fA-F])(?=[a-fA-F]*+\d)[0-9a-fA-F]{12}")


def name_of(own: Span, around: Iterable[Span]) -> str | None:
    """The name of a call of the span `own` inside the spans `around`, the innermost first; None if
    none is the application's. A function that smile-trace decorated goes before all others."""
    spans = (own, *around)
    decorated = next(filter(None, map(_decorated, spans)), None)
    return decorated or _generation(own) or next(filter(None, map(_named, spans)), None)


def _decorated(span: Span) -> str | None:
    if span.attributes.get(semconv.KIND) == "context":
        return span.name
    return read_text(span.attributes.get(semconv.NAME))


def _named(span: Span) -> str | None:
    a = span.attributes
    if (function := _lasting(a.get(_FUNCTION))) is not None:
        return function
    if (name := _given(first_text(a, *_NAMES))) is not None:
        return name
    for key in a.keys() & _AROUND.keys():
        if _kind(a, key) in _AROUND[key]:
            return _given(span.name)
    agent = _ADK.fullmatch(span.name)
    return _given(agent[1]) if agent else None


def _generation(span: Span) -> str | None:
    """A generation that the application named itself, in Langfuse: others have a class's name."""
    is_generation = _kind(span.attributes, "langfuse.observation.type") == "generation"
    return _given(span.name) if is_generation and not _CLASS.fullmatch(span.name) else None


def _kind(attributes: Mapping[str, JSON], key: str) -> str:
    """The kind of a span; MLflow's is JSON."""
    return (read_text(attributes.get(key)) or "").strip('"')


def _given(name: JSON) -> str | None:
    """The name if an application gave it."""
    lasting = _lasting(name)
    return None if lasting is None or _OWN_KINDS.fullmatch(lasting) else lasting


def _lasting(name: JSON) -> str | None:
    """The name on one line, unless it is made anew for every call."""
    if not (said := read_text(name)):
        return None
    text = " ".join(said.split())
    return None if _MADE_ANEW.search(text) else text or None
