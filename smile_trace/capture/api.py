"""What an application calls inside of and about its LLM calls: `record`, `feedback`, ids."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from smile_trace import semconv
from smile_trace.capture.internal_errors import keep_inside, report_error
from smile_trace.capture.otel.own_span import OwnSpan
from smile_trace.capture.otel.tracer_provider import new_context
from smile_trace.capture.recording import current
from smile_trace.capture.redaction import Sanitizer
from smile_trace.capture.runtime import active, runtime


def record(
    *,
    messages: Any = None,
    prompt: str | None = None,
    response: Any = None,
    model: str | None = None,
    provider: str | None = None,
    form: Literal["chat", "completion"] | None = None,
    parameters: Mapping[str, Any] | None = None,
    documents: Sequence[Any] | None = None,
) -> None:
    """State the request and response of the decorated function that is running. Never raises.

    What is not given is taken from the function: the prompt from its arguments, the answer from
    its return value.

    Args:
        messages: a list of chat messages (mappings or a client's objects), or a text.
        prompt: the text of a completion, in place of `messages`.
        response: a text or a client's response object; usage, finish reason, response id and
            model are read from it.
        model: the name of the model that was called.
        provider: e.g. `"openai"`.
        form: `"chat"` or `"completion"`; by default a completion where `prompt` is given or the
            response is one, else chat.
        parameters: the request's other parameters, e.g. `{"temperature": 0}`, or the whole
            request as the client took it: `messages`, `prompt`, `input`, `model` are read
            from it, `system` and `instructions` become a system message, and keys, headers
            and timeouts are dropped.
        documents: what was retrieved for the request: texts, or mappings with `content` (or
            `text`, `page_content`) and, where they have one, `id`, `score`, `metadata` with a
            `source`. They are looked for in the messages.

    Called outside of a decorated function, it does nothing but count an internal error.
    """
    try:
        if not active():
            return
        recording = current.get()
        if recording is None:
            report_error(
                "record() was called outside of a function decorated with smile_trace.trace"
            )
            return
        said = {"messages": messages, "prompt": prompt, "model": model}
        given = {name: value for name, value in said.items() if value is not None}
        recording.record({**(parameters or {}), **given}, response, provider, form)
        if documents is not None:
            recording.record_documents(documents)
    except BaseException as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        report_error("record() could not take over what it was given", error)


def feedback(
    trace_id: str, score: float, *, comment: str | None = None, name: str = "user_feedback"
) -> None:
    """Record a user's feedback on a trace. Never raises.

    Args:
        trace_id: as `current_trace_id()` gave it inside the call.
        score: a finite number; True and False count as 1 and 0.
        comment: free text.
        name: tells several kinds of feedback apart.
    """
    try:
        if not active():
            return
        number = float(score)
        if not math.isfinite(number) or not _is_trace_id(trace_id):
            report_error("feedback() was given a score that is no number, or no trace id of ours")
            return
        sanitizer = Sanitizer(runtime().config)
        attributes: dict[str, Any] = {
            semconv.KIND: "feedback",
            semconv.FEEDBACK_TRACE: trace_id,
            semconv.FEEDBACK_NAME: sanitizer.text(str(name)),
            semconv.FEEDBACK_SCORE: number,
        }
        if comment is not None:
            attributes[semconv.FEEDBACK_COMMENT] = sanitizer.text(str(comment))
        # A trace of its own: the one that it refers to may have been completed long ago.
        now, here = time.time_ns(), runtime()
        span = OwnSpan(
            name="feedback",
            context=new_context(None),
            resource=here.resource,
            attributes=attributes,
            start_time=now,
            end_time=now,
            instrumentation_scope=here.scope,
        )
        here.export(span)
    except BaseException as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        report_error("feedback() could not be recorded", error)


def current_trace_id() -> str | None:
    """The id (32 hex digits) of the trace being captured in this context, for `feedback`; None
    outside of decorated functions and while capture is off."""
    recording = current.get()
    if recording is None:
        return None
    return f"{recording.context.trace_id:032x}"


def _is_trace_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text) and text != "0" * 32
