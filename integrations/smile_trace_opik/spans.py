"""Traces, spans and explanations as Opik's REST interface takes them.

Field by field as opik 2.2.122 sends them, where they mean the same.
"""

import contextlib
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from smile_trace import semconv
from smile_trace.dialects import read_calls
from smile_trace.records import JSON, Call, Span, Trace
from smile_trace.render import STATUS_WORDS, to_markdown
from smile_trace.trackers import ExplainedCall
from smile_trace_opik.ids import explanation_span_id, opik_span_id, opik_trace_id

FIDELITY = "smile.fidelity_r2"
TAG = "explained"
SOURCE = "sdk"
"""Who writes; Opik knows only a few words here."""


def timestamp(at_ns: int) -> str:
    """Unix nanoseconds as ISO 8601 with microseconds, UTC."""
    at = datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9 // 1000:06}Z"


def trace_json(trace: Trace, project: str, now_ns: int) -> dict[str, Any]:
    """The trace itself; its input and output are those of its root."""
    root = trace.span(trace.root_span_id)
    call = next((call for call in trace.calls if call.span_id == root.span_id), None)
    first = trace.calls[0] if trace.calls else None
    fields = _call_texts(call) if call else _context_texts(root)
    return _known(
        {
            "id": opik_trace_id(trace),
            "project_name": project,
            "name": root.name,
            "start_time": timestamp(min(span.start_ns for span in trace.spans)),
            "end_time": timestamp(max(span.end_ns for span in trace.spans)),
            **fields,
            "metadata": _known(
                {
                    "service": trace.service_name,
                    "smile_trace_id": trace.trace_id,
                    "root_missing": trace.root_missing or None,
                    **(call_metadata(first) if first and len(trace.calls) == 1 else {}),
                }
            ),
            "tags": _tags(trace.calls),
            "error_info": _error(call) if call else None,
            "thread_id": first.session if first else None,
            "last_updated_at": timestamp(now_ns),
            "source": SOURCE,
        }
    )


def spans_json(trace: Trace, project: str, now_ns: int) -> list[dict[str, Any]]:
    """Every span of the trace, the root too, as Opik's own decorator sends them."""
    ids = {s.span_id: opik_span_id(s.trace_id, s.span_id, s.start_ns) for s in trace.spans}
    calls = {call.span_id: call for call in trace.calls}
    common = {
        "project_name": project,
        "trace_id": opik_trace_id(trace),
        "last_updated_at": timestamp(now_ns),
        "source": SOURCE,
    }
    return [_span_json(span, calls.get(span.span_id), ids, common) for span in trace.spans]


def _span_json(
    span: Span, call: Call | None, ids: Mapping[str, str], common: Mapping[str, JSON]
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **common,
        "id": ids[span.span_id],
        "parent_span_id": ids.get(span.parent_id or ""),
        "name": span.name,
        "type": "general",
        "start_time": timestamp(span.start_ns),
        "end_time": timestamp(span.end_ns),
    }
    if call is None:
        return _known({**fields, **_context_texts(span)})
    return _known(
        {
            **fields,
            **_call_texts(call),
            "type": "llm",
            "model": call.model,
            "provider": call.provider,
            "metadata": call_metadata(call),
            "tags": _tags([call]),
            "usage": _usage(call),
            "error_info": _error(call),
            "ttft": _first_chunk_ms(span),
        }
    )


def explanation_json(item: ExplainedCall, project: str, now_ns: int) -> dict[str, Any]:
    """The explanation as a span under its call's, inside that one's time."""
    call, explanation = item.call, item.explanation
    return _known(
        {
            "id": explanation_span_id(call),
            "project_name": project,
            "trace_id": item.traced_as,
            "parent_span_id": opik_span_id(call.trace_id, call.span_id, call.start_ns),
            "name": "why this answer?",
            "type": "general",
            "start_time": timestamp(call.start_ns),
            "end_time": timestamp(call.end_ns),
            "input": {"messages": [message.model_dump() for message in call.messages]},
            "output": {
                "summary": explanation.summary,
                "top_segments": to_markdown(explanation),
                "heatmap": "see the attachments",
            },
            "metadata": {
                "smile_trace": {
                    "status": STATUS_WORDS[explanation.fidelity.status],
                    "fidelity": explanation.fidelity.model_dump(),
                    "cost": explanation.cost.model_dump(),
                    "explained_at": explanation.explained_at,
                    "signal": explanation.signal,
                    "settings": explanation.settings.model_dump(mode="json"),
                }
            },
            "tags": [TAG, STATUS_WORDS[explanation.fidelity.status]],
            "last_updated_at": timestamp(now_ns),
            "source": SOURCE,
        }
    )


def fidelity_scores(item: ExplainedCall, project: str) -> tuple[list[JSON], list[JSON]]:
    """Feedback scores of the explanation: (for the span, for the trace).

    Nothing where there is no held-out R². The trace gets it, too, where it holds one call: the
    list of traces shows only the scores of traces.
    """
    explanation = item.explanation
    if explanation.fidelity.r2_heldout is None:
        return [], []
    reason = f"{STATUS_WORDS[explanation.fidelity.status]}: {explanation.fidelity.reason}"
    value = round(explanation.fidelity.r2_heldout, 4)
    call = item.call
    span_id = opik_span_id(call.trace_id, call.span_id, call.start_ns)
    of_trace = [_score(item.traced_as, FIDELITY, value, reason, project)]
    single = len(item.trace.calls) == 1
    return [_score(span_id, FIDELITY, value, reason, project)], of_trace if single else []


def feedback_scores(trace: Trace, project: str) -> list[JSON]:
    """What users thought of the trace: the newest score of each name."""
    newest = {one.name: one for one in sorted(trace.feedback, key=lambda one: one.at_ns)}
    return [
        _score(opik_trace_id(trace), one.name, one.score, one.comment, project)
        for one in newest.values()
    ]


def _score(entity: str, name: str, value: float, reason: str | None, project: str) -> JSON:
    score = {"id": entity, "project_name": project, "name": name, "value": value}
    return _known({**score, "reason": reason, "source": SOURCE})


def call_metadata(call: Call) -> dict[str, JSON]:
    """What is known of a call besides its texts."""
    usage = call.usage
    return _known(
        {
            "parameters": call.parameters,
            "usage": usage and _known(usage.model_dump()),
            "prompts": [
                {
                    "name": use.name,
                    "version": use.version,
                    "template": use.template,
                    "variables": use.variables,
                }
                for use in call.prompts
            ],
            "status": call.status,
            "finish_reason": call.finish_reason,
            "response_id": call.response_id,
            "user": call.user,
            "external_trace": call.external_trace,
            "no_content": call.no_content,
            "cut": call.truncated or None,
            **call.metadata,
        }
    )


def _call_texts(call: Call) -> dict[str, JSON]:
    """A completion is one prompt; a chat is shown as such."""
    if call.form == "completion":
        sent: JSON = {"prompt": "".join(message.content for message in call.messages)}
    else:
        sent = {"messages": [message.model_dump() for message in call.messages]}
    return {"input": sent, "output": None if call.answer is None else {"output": call.answer}}


def _context_texts(span: Span) -> dict[str, JSON]:
    """A span around calls may hold messages itself, where its function took a single text."""
    for around in read_calls([span]):
        return _call_texts(around)
    return {
        "input": _as_object(span.attributes.get(semconv.INPUT), "input"),
        "output": _as_object(span.attributes.get(semconv.OUTPUT), "output"),
    }


def _as_object(value: JSON, name: str) -> dict[str, JSON] | None:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if value is None:
        return None
    return value if isinstance(value, dict) else {name: value}


def _usage(call: Call) -> dict[str, int] | None:
    """Token counts under the names that Opik counts with."""
    if call.usage is None:
        return None
    sent, received = call.usage.input_tokens, call.usage.output_tokens
    total = None if sent is None or received is None else sent + received
    return _known({"prompt_tokens": sent, "completion_tokens": received, "total_tokens": total})


def _error(call: Call) -> dict[str, str] | None:
    if call.error is None:
        return None
    return {"exception_type": call.status, "message": call.error, "traceback": ""}


def _first_chunk_ms(span: Span) -> float | None:
    seconds = span.attributes.get(semconv.FIRST_CHUNK_SECONDS)
    return seconds * 1000 if isinstance(seconds, int | float) else None


def _tags(calls: Sequence[Call]) -> list[str]:
    of_calls = {f"{key}:{value}" for call in calls for key, value in call.tags.items()}
    of_prompts = {f"{use.name} v{use.version}" for call in calls for use in call.prompts}
    return sorted(of_calls | of_prompts)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}
