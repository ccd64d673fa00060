"""Captured traces and explanations of them, as the outbox hands them over."""

import json
from collections.abc import Sequence

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.records import (
    JSON,
    Call,
    Explanation,
    Feedback,
    FidelityStatus,
    Span,
    Trace,
)
from smile_trace.trackers import CapturedTrace, ExplainedCall, ForgottenCall, ForgottenTrace
from smile_trace_contracts.samples import sample_explanation
from tests.support.spooled import call_span, context_span, span_id, trace_id

MARKER, OTHER = "Zanzibar", "Peru"
"""Countries: of a trace that is forgotten, and of one that stays."""

TEMPLATE = "Name the capital of {country}."


def prompted_span(number: int, *, version: str = "2", country: str = "Peru", **more: JSON) -> Span:
    """One call that was made through version `version` of the prompt "capital"."""
    prompt = TEMPLATE.format(country=country)
    use = {
        "name": "capital",
        "version": version,
        "template": TEMPLATE,
        "variables": {"country": country},
        "message": 0,
        "start": 0,
        "end": len(prompt),
        "variable_spans": [{"name": "country", "start": 20, "end": 20 + len(country)}],
    }
    return call_span(
        number,
        prompt=prompt,
        answer=f"It is the capital of {country}.",
        **{
            semconv.PROMPTS: json.dumps([use]),
            semconv.USAGE_INPUT_TOKENS: 12,
            semconv.USAGE_OUTPUT_TOKENS: 7,
            semconv.REQUEST_TEMPERATURE: 0.5,
            semconv.TAGS: json.dumps({"team": "geo"}),
            semconv.METADATA: json.dumps({"customer": {"tier": "gold"}}),
            **more,
        },
    )


def prompt_trace(number: int, *, feedback: Sequence[Feedback] = (), **more: JSON) -> Trace:
    """A trace of one call with a prompt, variables, version, usage, tags and metadata."""
    return assemble(trace_id(number), [prompted_span(number, **more)], feedback)


def nested_trace(number: int, *, calls: int = 2) -> Trace:
    """A context span, in it another one, in that `calls` calls, and one call beside it."""
    outer = context_span(number, span=20)
    inner = context_span(number, span=21, parent=span_id(20))
    outer = outer.model_copy(
        update={
            "attributes": {
                **outer.attributes,
                semconv.INPUT: json.dumps({"question": f"question {number}"}),
                semconv.OUTPUT: json.dumps(f"final {number}"),
            }
        }
    )
    inside = [
        call_span(
            number,
            span=i,
            parent=span_id(21),
            prompt=f"prompt {number}.{i}",
            answer=f"a{number}.{i}",
        )
        for i in range(1, calls + 1)
    ]
    beside = call_span(number, span=15, parent=span_id(20), prompt=f"beside {number}", answer="b")
    return assemble(trace_id(number), [outer, inner, *inside, beside])


def score(number: int, value: float, *, at: int = 1, name: str = "user_feedback") -> Feedback:
    """What a user thought of trace `number`."""
    return Feedback(
        id=f"{trace_id(number)}:{span_id(at)}",
        trace_id=trace_id(number),
        name=name,
        score=value,
        comment="a comment",
        at_ns=at,
    )


def explanation_of(
    call: Call,
    *,
    status: FidelityStatus = "reliable",
    r2: float | None = 0.8,
    at: str = "2026-11-25T00:00:00+00:00",
) -> Explanation:
    """`sample_explanation` with another held-out R² or time."""
    made = sample_explanation(call, status=status)
    fidelity = made.fidelity.model_copy(update={"r2_heldout": r2})
    return made.model_copy(update={"fidelity": fidelity, "explained_at": at})


def explained(trace: Trace, number: int = 0, **more: JSON) -> ExplainedCall:
    """The explanation of the call of that number in a trace, ready for delivery."""
    call = trace.calls[number]
    return ExplainedCall(
        trace=trace,
        call=call,
        explanation=explanation_of(call, **more),
        traced_as=trace.trace_id,
    )


def captured(*traces: Trace) -> list[CapturedTrace]:
    """Traces, ready for delivery."""
    return [CapturedTrace(trace=trace, wait_for_external=False) for trace in traces]


def forgotten(trace: Trace, *models: str) -> ForgottenTrace:
    """What the worker knows of a trace that is to be deleted."""
    calls = [
        ForgottenCall(
            id=call.id,
            start_ns=call.start_ns,
            prompts=tuple((use.name, use.version) for use in call.prompts),
            models=models,
        )
        for call in trace.calls
    ]
    return ForgottenTrace(
        trace_id=trace.trace_id,
        start_ns=calls[0].start_ns,
        calls=tuple(calls),
        traced_as=trace.trace_id,
    )
