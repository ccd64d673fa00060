"""Our spans as MLflow reads them: copies with previews and chats."""

import hashlib
from collections.abc import Iterator, Sequence

from smile_trace import semconv
from smile_trace.records import JSON, Call, Document, Message, Span, Trace, chat_messages
from smile_trace.trackers import ExplainedCall, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import (
    call_label,
    external_traces,
    in_their_places,
    json_text,
    known,
    model_label,
    shown_text,
    span_roles,
    trace_io,
    without_nul,
)

EXTERNAL_TAG = "smile.external_trace"
"""Trace tag: the id of the user's own trace that was not found on this server."""
LONGEST_ID = 250
"""Most characters of a session, a user and the name of a tag."""
EXTERNAL_TRACE, EXTERNAL_SPAN = "mlflow.trace_id", "mlflow.span_id"
"""Keys of `Call.external_trace`."""

INPUTS, OUTPUTS, TYPE = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
TAG_PREFIX, _TRACE_NAME = "mlflow.traceTag.", "mlflow.traceName"
_RESOURCE = ("service.", "deployment.")


def mlflow_id(trace_id: str) -> str:
    """Return the id under which MLflow keeps a trace that came through OTLP, from ours."""
    return f"tr-{trace_id}"


def spans_for_mlflow(trace: Trace) -> Iterator[Span]:
    """Yield copies of the trace's spans with attributes for MLflow's list and chat view."""
    for role in span_roles(trace):
        span, shown, name = role.span, dict[str, JSON](), role.span.name
        if role.call is not None:
            shown |= _of_call(role.call)
            name = call_label(role.call)
        elif role.is_root or semconv.INPUT in span.attributes:
            shown |= _of_context(span, trace, is_root=role.is_root)
        if role.documents is not None:
            shown |= _of_retriever(role.documents)
        if role.is_root:
            shown |= _of_trace(trace)
        # Every resource attribute becomes a tag in MLflow's list.
        resource = {k: v for k, v in span.resource.items() if k.startswith(_RESOURCE)}
        yield role.showing(without_nul(name), {**_limited_ids(span), **shown}, resource=resource)


def _limited_ids(span: Span) -> dict[str, JSON]:
    """Shorten the session and the user: MLflow refuses a whole batch for a longer one."""
    found = {key: span.attributes.get(key) for key in (semconv.SESSION_ID, semconv.USER_ID)}
    return {key: _limited(value) for key, value in found.items() if isinstance(value, str)}


def _limited(text: str) -> str:
    """Shorten to 250 characters; different texts stay different."""
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
    """Return a context span's input and output; a root without them borrows from its calls."""
    inputs, outputs = span.attributes.get(semconv.INPUT), span.attributes.get(semconv.OUTPUT)
    if is_root:
        took, gave = trace_io(trace)
        if inputs is None and took is not None:
            inputs = json_text(without_nul(took))
        if outputs is None and gave is not None:
            outputs = without_nul(shown_text(gave))
    shown: dict[str, JSON] = {TYPE: "CHAIN"}
    if inputs is not None:
        shown[INPUTS] = inputs
    if outputs is not None:
        shown[OUTPUTS] = outputs
    return shown


def _of_retriever(documents: Sequence[Document]) -> dict[str, JSON]:
    """Return retrieved documents in the shape that MLflow shows document by document."""
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
    if external := external_traces(trace, EXTERNAL_TRACE):
        tags[EXTERNAL_TAG] = external[0]
    if trace.root_missing:
        tags["smile.root_missing"] = "true"
    return {TAG_PREFIX + _limited(key): without_nul(value) for key, value in tags.items()}


def shown_in(item: ExplainedCall | ProfiledCall | UnexplainedCall) -> str:
    """Return the id of the trace in MLflow that shows a call's results: ours, or the user's own."""
    if item.traced_as == mlflow_id(item.trace.trace_id):
        return item.traced_as
    return item.call.external_trace.get(EXTERNAL_TRACE, item.traced_as)


def _messages(messages: Sequence[Message]) -> list[JSON]:
    # MLflow copies these into columns of its database, and PostgreSQL refuses NUL there.
    shaped: list[JSON] = without_nul(chat_messages(messages))
    return shaped
