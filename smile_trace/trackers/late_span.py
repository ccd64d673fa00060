"""The span that shows an explanation in a trace which a backend has already.

One span for every backend that takes OTLP: a call of a model to those that read OpenInference
(Phoenix draws the picture and the Markdown of its answer), an evaluator to Langfuse, an evaluation
to those that read the GenAI conventions. It names no operation, model or tokens, so that it costs
nothing, and lies strictly inside the time of the span it is about, so that nothing takes longer.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from smile_trace import semconv
from smile_trace.records import JSON, Explanation, Span
from smile_trace.render import driver_text, to_markdown, to_svg
from smile_trace.render.markdown import align_tables
from smile_trace.trackers.fields import known
from smile_trace.trackers.names import DRIVER, VERDICT, call_label
from smile_trace.trackers.protocol import ExplainedCall

EXPLANATION_NAME = "Why this answer?"
"""How the name of an explanation's span begins; the function and the model follow."""
EXPLANATION = "smile_trace.explanation"
"""Attribute: the Explanation as JSON, for programs."""
LARGEST_EXPLANATION = 512_000
"""Characters of that; a longer one leaves out its perturbations."""
EVENT = "gen_ai.evaluation.result"
_MESSAGE = "llm.output_messages.0.message"
PICTURE_ATTRIBUTES = (
    f"{_MESSAGE}.contents.0.message_content.type",
    f"{_MESSAGE}.contents.0.message_content.image.image.url",
)
"""Those that hold the picture; the rest stands without them."""
_EDGE_NS = 2_000
"""Off each edge of the time around it: some backends round to microseconds."""
_LENGTH_NS = 1_000_000


@dataclass(frozen=True)
class Parent:
    """The span that something is shown under; its times are Unix nanoseconds."""

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int


def explanation_span(item: ExplainedCall, parent: Parent) -> Span:
    """The span under `parent` that shows an explanation: the picture, then the table.

    Its id comes from the call alone, so that a newer explanation has the same.
    """
    explanation = item.explanation
    evaluation = evaluation_attributes(explanation)
    return late_span(
        parent,
        explanation_span_id(item.call.id),
        f"{EXPLANATION_NAME} {call_label(item.call)}",
        answer=explanation.answer,
        svg=to_svg(explanation),
        markdown=align_tables(to_markdown(explanation)),
        more={
            **evaluation,
            DRIVER: driver_text(explanation),
            VERDICT: explanation.fidelity.status,
            EXPLANATION: explanation_json(explanation),
        },
        event=evaluation,
    )


def late_span(
    parent: Parent,
    span_id: str,
    name: str,
    *,
    answer: str,
    svg: str,
    markdown: str,
    more: Mapping[str, JSON],
    event: Mapping[str, JSON] | None = None,
) -> Span:
    """A span under `parent`, about an answer.

    Args:
        svg: what is drawn where a backend draws pictures.
        markdown: what is shown below it, or instead.
        more: further attributes.
        event: attributes of an event with the result of an evaluation.
    """
    start, end = _inside(parent)
    events = ({"name": EVENT, "time_ns": end, "attributes": dict(event)},) if event else ()
    return Span(
        trace_id=parent.trace_id,
        span_id=span_id,
        parent_id=parent.span_id,
        name=name,
        start_ns=start,
        end_ns=end,
        attributes={
            semconv.KIND: "explanation",
            **_openinference(answer, svg, markdown),
            "langfuse.observation.type": "evaluator",
            "langfuse.observation.input": answer,
            "langfuse.observation.output": markdown,
            **more,
        },
        events=events,
        status="ok",
        scope="smile-trace",
    )


def evaluation_attributes(explanation: Explanation) -> dict[str, JSON]:
    """The verdict, as the GenAI conventions name the result of an evaluation."""
    return known(
        {
            "gen_ai.evaluation.name": VERDICT,
            "gen_ai.evaluation.score.value": explanation.fidelity.r2_heldout,
            "gen_ai.evaluation.score.label": explanation.fidelity.status,
            "gen_ai.evaluation.explanation": explanation.summary,
        }
    )


def explanation_span_id(call_id: str) -> str:
    """The id of the span that shows a call's explanation."""
    return hashlib.sha256(f"smile-trace explanation {call_id}".encode()).hexdigest()[:16]


def picture_address(svg: str) -> str:
    """The picture as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _openinference(answer: str, svg: str, markdown: str) -> dict[str, JSON]:
    """Source: the semantic conventions of OpenInference. Of a call of a model's message Phoenix
    draws pictures, and shows Markdown, whatever the reader has set."""
    kind, address = PICTURE_ATTRIBUTES
    return {
        "openinference.span.kind": "LLM",
        "input.value": answer,
        "input.mime_type": "text/plain",
        "output.value": markdown,
        "output.mime_type": "text/plain",
        f"{_MESSAGE}.role": "assistant",
        kind: "image",
        address: picture_address(svg),
        f"{_MESSAGE}.contents.1.message_content.type": "text",
        f"{_MESSAGE}.contents.1.message_content.text": markdown,
    }


def _inside(parent: Parent) -> tuple[int, int]:
    """The last millisecond of the parent's time, off its edges."""
    edge = min(_EDGE_NS, (parent.end_ns - parent.start_ns) // 4)
    end = parent.end_ns - edge
    return max(parent.start_ns + edge, end - _LENGTH_NS), end


def explanation_json(explanation: Explanation) -> str:
    """The attribute `EXPLANATION`, at most about as long as `LARGEST_EXPLANATION`."""
    text = explanation.model_dump_json()
    if len(text) <= LARGEST_EXPLANATION:
        return text
    return explanation.model_copy(update={"perturbations": ()}).model_dump_json()
