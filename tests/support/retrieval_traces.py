"""Traces in which retrieved documents went to a call, and an explanation by document."""

import asyncio

import smile_trace
from smile_trace.dialects import read_calls
from smile_trace.explaining.driver import run
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.records import Explanation, ExplanationSettings, Prompted, Span, Trace
from smile_trace.records.formats.otlp import read_line
from smile_trace.testing import captured
from tests.support.paths import ROOT
from tests.support.planted import PlantedModel

WARRANTY = "The warranty of the kettle lasts 24 months from the day of purchase."
RETURNS = "Returns are accepted within 30 days in the original box."


def recorded(file: str) -> Trace:
    """The trace of a real application in which a retriever's documents went to a call."""
    traces: dict[str, list[Span]] = {}
    for line in (ROOT / "tests/data/otlp" / file).read_bytes().splitlines():
        for span in read_line(line)[0]:
            traces.setdefault(span.trace_id, []).append(span)
    found = [spans for spans in traces.values() if any(c.documents for c in read_calls(spans))]
    [spans] = found
    return trace_of(spans)


def trace_of(spans: list[Span]) -> Trace:
    ids = {span.span_id for span in spans}
    root = next(span for span in spans if span.parent_id not in ids)
    spans = sorted(spans, key=lambda span: span.start_ns)
    return Trace(
        trace_id=root.trace_id,
        spans=tuple(spans),
        calls=tuple(read_calls(spans)),
        root_span_id=root.span_id,
    )


def langchain() -> Trace:
    return recorded("openinference-instrumentation-langchain-0.1.80.jsonl")


def langchain_by_mlflow() -> Trace:
    return recorded("mlflow-3.17.2.langchain.jsonl")


def llamaindex() -> Trace:
    return recorded("openinference-instrumentation-llama-index-4.6.1.jsonl")


def plain() -> Trace:
    """An application with a retriever of its own."""
    with captured() as found:

        @smile_trace.trace
        def answer(question: str) -> str:
            with smile_trace.span("search"):
                hits = [{"id": "r", "content": RETURNS}, {"id": "w", "content": WARRANTY}]
                smile_trace.record(documents=hits)
            return ask(f"{RETURNS}\n\n{WARRANTY}\n\n{question}")

        @smile_trace.trace(model="m")
        def ask(prompt: str) -> str:
            return "The warranty of your kettle lasts 24 months."

        answer("How long is the warranty of my kettle?")
    return trace_of(list(found.spans))


def explained(trace: Trace, unit: str = "document") -> Explanation:
    """Of a model that knows the warranty only where it stands in the prompt."""
    [call] = [call for call in trace.calls if call.documents]
    prompted = Prompted.of(call).model_copy(update={"answer": "It lasts 24 months."})
    model = PlantedModel(
        lambda prompt: "It lasts 24 months." if "24 months" in prompt else "I do not know."
    )
    settings = ExplanationSettings(model="planted", unit=unit, budget=24)
    study = make_study(prompted, model, ExplainOptions(unit=unit), settings, signal="text")
    return asyncio.run(run(study, model))
