"""Our spans, as MLflow reads them: previews and chat on a copy, and the explanation's own span."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from smile_trace import semconv
from smile_trace.records import (
    JSON,
    Call,
    Document,
    Message,
    Span,
    Trace,
    chat_messages,
)
from smile_trace.render import (
    details_to_markdown,
    scores_to_markdown,
    summary_to_markdown,
)
from smile_trace.trackers import ExplainedCall, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import (
    call_label,
    in_their_places,
    json_text,
    known,
    model_label,
    retrievers,
    without_nul,
)
from smile_trace.trackers.late_span import HeldSpan, Parent
from smile_trace.trackers.presentation import (
    EXPLANATION,
    EXPLANATION_NAME,
    explanation_json,
    explanation_span_id,
)

if TYPE_CHECKING:
    from mlflow.entities.span import Span as MlflowSpan

EXTERNAL_TAG = "smile.external_trace"
"""Trace tag: the id of the user's own trace that was not found on this server."""
LONGEST_ID = 250
"""Characters of a session, a user and the name of a tag."""
EXTERNAL_TRACE, EXTERNAL_SPAN = "mlflow.trace_id", "mlflow.span_id"
"""Keys of `Call.external_trace`."""

_LLM_TYPES = ("CHAT_MODEL", "LLM")
INPUTS, OUTPUTS, TYPE = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
TAG_PREFIX, _TRACE_NAME = "mlflow.traceTag.", "mlflow.traceName"
_RESOURCE = ("service.", "deployment.")


def mlflow_trace_id(trace: Trace) -> str:
    """The id under which MLflow keeps a trace that came through OTLP."""
    return mlflow_id(trace.trace_id)


def mlflow_id(trace_id: str) -> str:
    """As `mlflow_trace_id`, from our id."""
    return f"tr-{trace_id}"


def spans_for_mlflow(trace: Trace) -> Iterator[Span]:
    """The trace's spans with what MLflow needs for its list and chat view, set on copies."""
    calls = {call.span_id: call for call in trace.calls}
    retrieved = retrievers(trace)
    for span in trace.spans:
        is_root = span.span_id == trace.root_span_id
        shown: dict[str, JSON] = {}
        name = span.name
        if (call := calls.get(span.span_id)) is not None:
            shown |= _of_call(call)
            name = call_label(call)
        elif is_root or semconv.INPUT in span.attributes:
            shown |= _of_context(span, trace, is_root=is_root)
        if span.span_id in retrieved:
            shown |= _of_retriever(retrieved[span.span_id])
        if is_root:
            shown |= _of_trace(trace)
        yield span.model_copy(
            update={
                "name": without_nul(name),
                "attributes": {**span.attributes, **_limited_ids(span), **shown},
                # MLflow lists a trace without a root as still in progress for ever.
                "parent_id": None if is_root else span.parent_id,
                # Every resource attribute becomes a tag in MLflow's list.
                "resource": {k: v for k, v in span.resource.items() if k.startswith(_RESOURCE)},
            }
        )


def _limited_ids(span: Span) -> dict[str, JSON]:
    """The session and the user as MLflow takes them: it refuses a whole batch for a longer one."""
    found = {key: span.attributes.get(key) for key in (semconv.SESSION_ID, semconv.USER_ID)}
    return {key: _limited(value) for key, value in found.items() if isinstance(value, str)}


def _limited(text: str) -> str:
    """At most 250 characters; what differs stays different."""
    shown: str = without_nul(text)
    if len(shown) <= LONGEST_ID:
        return shown
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{shown[: LONGEST_ID - 10]}… {digest}"


def _of_call(call: Call) -> dict[str, JSON]:
    inputs = {"messages": _messages(call.messages)}
    kind = "CHAT_MODEL" if call.form == "chat" else "LLM"
    shown: dict[str, JSON] = {TYPE: kind, INPUTS: json_text(inputs)}
    if call.model and (model := model_label(call.model)) != call.model:
        shown[semconv.REQUEST_MODEL] = model  # a column of MLflow's list
    if call.answer is not None:
        said = Message(role="assistant", content=call.answer, parts=call.tool_calls)
        [answer] = _messages([said])
        shown[OUTPUTS] = json_text({"choices": [{"index": 0, "message": answer}]})
    return shown


def _of_context(span: Span, trace: Trace, *, is_root: bool) -> dict[str, JSON]:
    """What a context span took and gave; a root that says neither borrows from its calls."""
    inputs, outputs = span.attributes.get(semconv.INPUT), span.attributes.get(semconv.OUTPUT)
    if is_root and trace.calls:
        first, last = trace.calls[0], trace.calls[-1]
        if inputs is None:
            inputs = json_text({"messages": _messages(first.messages)})
        if outputs is None and last.answer is not None:
            outputs = without_nul(last.answer)
    shown: dict[str, JSON] = {TYPE: "CHAIN"}
    if inputs is not None:
        shown[INPUTS] = inputs
    if outputs is not None:
        shown[OUTPUTS] = outputs
    return shown


def _of_retriever(documents: Sequence[Document]) -> dict[str, JSON]:
    """What was retrieved, in the shape in which MLflow shows it document by document."""
    outputs: list[JSON] = []
    for document in in_their_places(documents):
        about = known({"source": document.source, "score": document.score})
        outputs.append({"page_content": document.text, "metadata": about, "id": document.id})
    return {TYPE: "RETRIEVER", OUTPUTS: json_text(without_nul(outputs))}


def _of_trace(trace: Trace) -> dict[str, JSON]:
    tags: dict[str, str] = {}
    for call in trace.calls:
        tags |= call.tags
    root = trace.span(trace.root_span_id)
    # A call's span bears its model's name, and the list is read by function.
    tags[_TRACE_NAME] = str(root.attributes.get(semconv.NAME) or root.name)
    if external := external_ids(trace):
        tags[EXTERNAL_TAG] = external[0]
    if trace.root_missing:
        tags["smile.root_missing"] = "true"
    return {TAG_PREFIX + _limited(key): without_nul(value) for key, value in tags.items()}


def shown_in(item: ExplainedCall | ProfiledCall | UnexplainedCall) -> str:
    """The id of the trace in MLflow that shows what is said of a call: ours, or the user's own
    one."""
    if item.traced_as == mlflow_trace_id(item.trace):
        return item.traced_as
    return item.call.external_trace.get(EXTERNAL_TRACE, item.traced_as)


def external_ids(trace: Trace) -> list[str]:
    """The user's own MLflow traces, where every call of ours was made inside of one."""
    ids = [call.external_trace.get(EXTERNAL_TRACE) for call in trace.calls]
    return list(dict.fromkeys(i for i in ids if i is not None)) if all(ids) else []


def held(spans: Sequence["MlflowSpan"]) -> list[HeldSpan]:
    """Spans of the user's own trace, as places for an explanation."""
    return [
        HeldSpan(s.span_id, s.parent_id, s.span_type in _LLM_TYPES, s.start_time_ns, s.end_time_ns)
        for s in spans
    ]


def explanation_span(item: ExplainedCall, parent: Parent, pictures: Mapping[str, str]) -> Span:
    """The late span that shows an explanation under its LLM span.

    Its id comes from the call alone, so that a newer explanation replaces the older one, and it
    lies inside the LLM span's time, so that the trace keeps its duration.

    Args:
        pictures: references of the attached pictures by name, in the order of the page.
    """
    call, explanation = item.call, item.explanation
    fidelity = explanation.fidelity
    outputs: dict[str, JSON] = {
        "summary": summary_to_markdown(explanation),
        **pictures,
        "scores": scores_to_markdown(explanation),
        "details": details_to_markdown(explanation),
    }
    attributes: dict[str, JSON] = {
        "smile.status": fidelity.status,
        **known(
            {
                "smile.fidelity_r2": fidelity.r2_heldout,
                "smile.fidelity_r2_low": fidelity.r2_low,
                "smile.fidelity_r2_high": fidelity.r2_high,
            }
        ),
        EXPLANATION: explanation_json(explanation),
    }
    name = f"{EXPLANATION_NAME} {call_label(call)}"
    return late_span(
        parent, explanation_span_id(call.id), name, explanation.answer, outputs, attributes
    )


def late_span(
    parent: Parent,
    span_id: str,
    name: str,
    answer: str,
    outputs: dict[str, JSON],
    attributes: Mapping[str, JSON],
) -> Span:
    """A span about an answer, in its parent's time.

    Args:
        outputs: what a person is shown, in this order; pictures by their references.
        attributes: what programs read.
    """
    return Span(
        trace_id=parent.trace_id.removeprefix("tr-"),
        span_id=span_id,
        parent_id=parent.span_id,
        name=without_nul(name),
        start_ns=parent.start_ns,
        end_ns=parent.end_ns,
        attributes={
            semconv.KIND: "explanation",
            TYPE: "EVALUATOR",
            INPUTS: json_text({"answer": answer}),
            OUTPUTS: json_text(outputs),
            **attributes,
        },
        status="ok",
    )


def _messages(messages: Sequence[Message]) -> list[JSON]:
    # MLflow copies these into columns of its database, and PostgreSQL refuses NUL there.
    shaped: list[JSON] = without_nul(chat_messages(messages))
    return shaped
