"""Our spans, as MLflow reads them: previews and chat on a copy, and the explanation's own span."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from smile_trace import semconv
from smile_trace.records import JSON, Call, Explanation, Message, Span, Trace
from smile_trace.render import STATUS_WORDS, scores_to_markdown, summary_to_markdown

EXPLANATION = "smile_trace.explanation"
"""Span attribute: the full Explanation as JSON."""
LINKED_TAG = "smile.linked_trace"
"""Trace tag: the id of the user's own trace that was not found on this server."""
LARGEST_EXPLANATION = 512_000
"""Characters of Explanation JSON on a span; a longer one leaves out its perturbations there."""

_INPUTS, _OUTPUTS, _TYPE = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
_TAG_PREFIX = "mlflow.traceTag."


def mlflow_trace_id(trace: Trace) -> str:
    """The id under which MLflow keeps a trace that came through OTLP."""
    return f"tr-{trace.trace_id}"


def spans_for_mlflow(trace: Trace) -> Iterator[Span]:
    """The trace's spans with what MLflow needs for its list and chat view, set on copies."""
    calls = {call.span_id: call for call in trace.calls}
    for span in trace.spans:
        is_root = span.span_id == trace.root_span_id
        shown: dict[str, JSON] = {}
        if call := calls.get(span.span_id):
            shown |= _of_call(call)
        elif is_root or semconv.INPUT in span.attributes:
            shown |= _of_context(span, trace, is_root=is_root)
        if is_root:
            shown |= _of_trace(trace)
        yield span.model_copy(
            update={
                "attributes": {**span.attributes, **shown},
                # MLflow lists a trace without a root as still in progress for ever.
                "parent_id": None if is_root else span.parent_id,
            }
        )


def _of_call(call: Call) -> dict[str, JSON]:
    inputs = {"messages": [_message(message) for message in call.messages]}
    kind = "CHAT_MODEL" if call.form == "chat" else "LLM"
    shown: dict[str, JSON] = {_TYPE: kind, _INPUTS: _json(inputs)}
    if call.answer is not None:
        answer = _message(Message(role="assistant", content=call.answer))
        shown[_OUTPUTS] = _json({"choices": [{"index": 0, "message": answer}]})
    return shown


def _of_context(span: Span, trace: Trace, *, is_root: bool) -> dict[str, JSON]:
    """What a context span took and gave; a root that says neither borrows from its calls."""
    inputs, outputs = span.attributes.get(semconv.INPUT), span.attributes.get(semconv.OUTPUT)
    if is_root and trace.calls:
        first, last = trace.calls[0], trace.calls[-1]
        inputs = (
            _json({"messages": [_message(m) for m in first.messages]}) if inputs is None else inputs
        )
        outputs = last.answer if outputs is None else outputs
    shown: dict[str, JSON] = {_TYPE: "CHAIN"}
    if inputs is not None:
        shown[_INPUTS] = inputs
    if outputs is not None:
        shown[_OUTPUTS] = outputs
    return shown


def _of_trace(trace: Trace) -> dict[str, JSON]:
    tags: dict[str, str] = {}
    for call in trace.calls:
        tags |= call.tags
    if linked := linked_ids(trace):
        tags[LINKED_TAG] = linked[0]
    if trace.stand_in_root:
        tags["smile.lost_root"] = "true"
    return {_TAG_PREFIX + key: value for key, value in tags.items()}


def linked_ids(trace: Trace) -> list[str]:
    """The MLflow traces of the user's own that were active around the calls."""
    ids = [call.linked[LINKED_TRACE] for call in trace.calls if LINKED_TRACE in call.linked]
    return list(dict.fromkeys(ids))


LINKED_TRACE = "mlflow.trace_id"
LINKED_SPAN = "mlflow.span_id"


def explanation_span(
    call: Call,
    explanation: Explanation,
    *,
    otel_trace_id: str,
    parent_id: str,
    times: tuple[int, int],
    pictures: Sequence[str],
) -> Span:
    """The late span that shows an explanation under its LLM span.

    Its id comes from the call alone, so that a newer explanation replaces the older one, and it
    lies inside the LLM span's time, so that the trace keeps its duration.

    Args:
        times: start and end of the LLM span, Unix nanoseconds.
        pictures: references of the attached strips of the heatmap from top to bottom, the
            last being its scale.
    """
    start, end = times
    return Span(
        trace_id=otel_trace_id,
        span_id=hashlib.sha256(f"smile-trace explanation {call.id}".encode()).hexdigest()[:16],
        parent_id=parent_id,
        name="Why this answer?",
        start_ns=start,
        end_ns=end,
        attributes={
            _TYPE: "EVALUATOR",
            _INPUTS: _json({"answer": explanation.answer}),
            _OUTPUTS: _json(
                {
                    "summary": summary_to_markdown(explanation),
                    **{_picture_name(i): ref for i, ref in enumerate(pictures[:-1])},
                    "scale": pictures[-1],
                    "scores": scores_to_markdown(explanation),
                }
            ),
            "smile.status": explanation.fidelity.status,
            EXPLANATION: _explanation_json(explanation),
        },
        status="ok",
    )


def rationale(explanation: Explanation) -> str:
    """The sentence beside the fidelity number."""
    words = STATUS_WORDS[explanation.fidelity.status]
    return f"{words}: {explanation.fidelity.reason}"


def _picture_name(index: int) -> str:
    return f"heatmap {index + 1}" if index else "heatmap"


def _explanation_json(explanation: Explanation) -> str:
    text = explanation.model_dump_json()
    if len(text) <= LARGEST_EXPLANATION:
        return text
    return explanation.model_copy(update={"perturbations": ()}).model_dump_json()


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _json(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)
