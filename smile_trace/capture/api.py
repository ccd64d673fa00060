"""The public functions around LLM calls: `trace`, `span`, `record`, `feedback` and trace ids."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from smile_trace import semconv
from smile_trace._guards.external_tracing import find_integrations
from smile_trace._guards.internal_errors import keep_inside, report_error, suppressed
from smile_trace._guards.redaction import searches
from smile_trace.capture.line_encoding import encode_own_span
from smile_trace.capture.recording import Recording, Site, current, reset_current, start_recording
from smile_trace.capture.runtime import active, new_span_id, new_trace_id, runtime
from smile_trace.capture.sanitizer import Sanitizer
from smile_trace.capture.wrapping import wrap
from smile_trace.providers.functions import (
    Parameters,
    Repeatable,
    importable_name,
    qualified_name,
    short_name,
)


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

    Whatever is missing is taken from the function: the prompt from its arguments, the answer from
    its return value. Outside a decorated function only an internal error is counted.

    Args:
        messages: a list of chat messages (mappings or a client's objects), or a text.
        prompt: the text of a completion, in place of `messages`.
        response: a text or a client's response object, with usage, finish reason, id and model.
        model: the name of the model that was called.
        provider: e.g. `"openai"`.
        form: by default a completion if `prompt` is given or the response is one, else chat.
        parameters: the request's other parameters, e.g. `{"temperature": 0}`, or the whole request
            as the client took it: `messages`, `prompt`, `input`, `model` are read from it, `system`
            and `instructions` become a system message, and keys, headers and timeouts are dropped.
        documents: what was retrieved for the request: texts, or mappings with `content` (or `text`,
            `page_content`) and optionally `id`, `score`, `metadata` with a `source`. They are
            looked for in the messages.
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
        named = {"messages": messages, "prompt": prompt, "model": model}
        given = {name: value for name, value in named.items() if value is not None}
        recording.record({**(parameters or {}), **given}, response, provider, form)
        if documents is not None:
            recording.record_documents(documents)
    except BaseException as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        report_error("record() could not store what it was given", error)


def feedback(
    trace_id: str, score: float, *, comment: str | None = None, name: str = "user_feedback"
) -> None:
    """Record a user's feedback on a trace. Never raises.

    Args:
        trace_id: from `current_trace_id()` inside the call.
        score: a finite number; True and False count as 1 and 0.
        comment: free text.
        name: tells several kinds of feedback apart.
    """
    try:
        if not active():
            return
        number = float(score)
        if not math.isfinite(number) or not _is_trace_id(trace_id):
            report_error(
                "feedback() was given a score that is not a number, or an unknown trace id"
            )
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
        now, ids = time.time_ns(), (new_trace_id(), new_span_id(), None)
        runtime().write(encode_own_span("feedback", ids, (now, now), attributes))
    except BaseException as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        report_error("feedback() could not be recorded", error)


def current_trace_id() -> str | None:
    """The id (32 hex digits) of the trace being captured in this context, for `feedback`; None
    outside decorated functions and while capture is off."""
    recording = current.get()
    if recording is None:
        return None
    return f"{recording.trace_id:032x}"


def _is_trace_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text) and text != "0" * 32


F = TypeVar("F", bound=Callable[..., Any])


@overload
def trace(function: F, /) -> F: ...


@overload
def trace(
    *,
    name: str | None = None,
    prompt: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    session: str | None = None,
    user: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    rerun: bool = False,
) -> Callable[[F], F]: ...


def trace(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    prompt: str | None = None,
    model: str | None = None,
    provider: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    session: str | None = None,
    user: str | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    rerun: bool = False,
) -> Any:
    """Record every call of a function, coroutine function, generator or async generator.

    The prompt is the argument named by `prompt=`, else `prompt` or `messages`, else the only text
    among the parameters without a default (or, if there is none, among all). Without a prompt the
    span is context: it surrounds calls and is never explained. `record(...)` inside the function
    states what was really sent.

    The function keeps its result, exceptions, signature and laziness. An internal error of capture
    is logged once and counted.

    Args:
        name: the span's name; by default the function's.
        prompt: the name of the parameter that holds the prompt or the messages.
        model: the model's name, by which the settings find how to call it again.
        provider: e.g. `"openai"`.
        metadata: JSON-able values, attached to the record.
        tags: texts, attached to the record.
        session: the conversation's id; inherited by every record inside.
        user: the end user's id; inherited by every record inside.
        capture_input: False writes no arguments (which makes the span context).
        capture_output: False writes no result.
        rerun: True allows the worker to call the undecorated function again, if the operator names
            its module (`--app`).

    Raises:
        TypeError: the decorated object is not callable, or is a class.
        ValueError: `prompt` names no parameter of the function, or `rerun` is set on a function
            that cannot be found by its module and name (a method, a nested function).
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, classmethod | staticmethod):
            return type(target)(decorate(target.__func__))
        if isinstance(target, type) or not callable(target):
            raise TypeError(f"smile_trace.trace decorates functions and methods, not {target!r}")
        find_integrations()
        with suppressed(Exception):
            searches()
        parameters = Parameters(target, prompt)
        _check(target, parameters, prompt, rerun)
        site = Site(
            name=name or short_name(target),
            parameters=parameters,
            model=model,
            provider=provider,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            session=session,
            user=user,
            capture_input=capture_input,
            capture_output=capture_output,
            rerun=importable_name(target) if rerun else None,
        )
        wrapper = wrap(target, site)
        if rerun:
            wrapper.__smile_trace_rerun__ = Repeatable(target, parameters)
        return wrapper

    return decorate if function is None else decorate(function)


def _check(target: Any, parameters: Parameters, prompt: str | None, rerun: bool) -> None:
    where = qualified_name(target)
    known = parameters.takes_any or not parameters.names or prompt in parameters.names
    if prompt is not None and not known:
        raise ValueError(
            f"smile_trace.trace(prompt={prompt!r}): {where} has no parameter of that name; "
            f"it has {', '.join(parameters.names)}"
        )
    if rerun and ("<locals>" in where or parameters.own is not None):
        raise ValueError(
            f"smile_trace.trace(rerun=True): {where} cannot be found again by its module and "
            "name; decorate a function at the top of a module"
        )


class span:
    """Record a block, as `trace` records a function: `with smile_trace.span("retrieve"): ...`.

    The span is context, unless `record(...)` is called directly inside it. `session` and `user` are
    inherited by every record inside: set here what is known per request.

    Args:
        model: the model's name, by which the settings find how to call it again.
        provider: e.g. `"openai"`.
        metadata: JSON-able values, attached to the record.
        tags: texts, attached to the record.
        session: the conversation's id.
        user: the end user's id.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | None = None,
        provider: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        session: str | None = None,
        user: str | None = None,
    ) -> None:
        self._site = Site(
            name=str(name),
            model=model,
            provider=provider,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            session=session,
            user=user,
        )
        self._recording: Recording | None = None
        self._token: Any = None

    def __enter__(self) -> "span":
        self._recording = start_recording(self._site, None)
        if self._recording is not None:
            self._token = current.set(self._recording)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        reset_current(self._token)
        if error is None:
            recording.finish()
        else:
            recording.fail(error)
