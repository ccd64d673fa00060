"""One decorated call under way, from its arguments to its record in the spool."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from smile_trace import semconv
from smile_trace.capture.answers import Answer, read_answer
from smile_trace.capture.faults import fault
from smile_trace.capture.jsonable import dumps, jsonable
from smile_trace.capture.links import last_mlflow_trace, linked_attributes
from smile_trace.capture.messages import MessageDict
from smile_trace.capture.prompts import find_renderings
from smile_trace.capture.requests import arguments_of_request, read_request
from smile_trace.capture.sites import Site
from smile_trace.capture.state import active, runtime

MAX_TRACEBACK = 8000

current: ContextVar["Recording | None"] = ContextVar("smile_trace_current", default=None)


class Recording:
    """A call being recorded. `begin` makes one; `finish` or `fail` writes it, once."""

    __slots__ = (
        "_last_mlflow",
        "_started",
        "answer",
        "arguments",
        "attributes",
        "chunks",
        "done",
        "first_chunk",
        "form",
        "messages",
        "result",
        "site",
        "span",
        "start_ns",
    )

    def __init__(self, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.site = site
        self.done = False
        self.attributes: dict[str, Any] = {}
        self.messages: list[MessageDict] | None = None
        self.form: str | None = None
        self.answer: Answer | None = None
        self.result: Any = None
        self.chunks: list[Any] = []
        self.first_chunk: float | None = None
        self._last_mlflow = last_mlflow_trace()
        self.start_ns = time.time_ns()
        self._started = time.perf_counter_ns()
        self.span = self._start_span()
        self.attributes.update(linked_attributes())
        self._read_arguments(args, kwargs)

    def _start_span(self) -> Span:
        parent = current.get()
        # A fresh context: the application's active span is never a parent of ours.
        context = Context() if parent is None else set_span_in_context(parent.span, Context())
        return runtime().tracer.start_span(
            self.site.name, context=context, start_time=self.start_ns
        )

    def _read_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        site = self.site
        arguments = site.bind(args, kwargs)
        if arguments is None or not site.capture_input:
            return
        found = site.find_prompt(arguments)
        name = None
        if found is not None:
            name, self.messages = found
            self.attributes.update(arguments_of_request(arguments))
        others = site.others(arguments, name)
        if found is None:
            self.attributes[semconv.INPUT] = dumps(others)
        elif site.rerun is not None:
            self.attributes[semconv.RERUN] = site.rerun
            how = {"prompt": name, "arguments": others}
            self.attributes[semconv.RERUN_ARGUMENTS] = dumps(how)

    def record(
        self, request: dict[str, Any], response: Any, provider: str | None, form: str | None
    ) -> None:
        """Take over what was really sent and what came back."""
        sent = read_request(request)
        if sent.messages is not None:
            self.messages, self.form = sent.messages, sent.form or self.form
        elif sent.unreadable:
            fault("record() was given messages that are neither text nor chat messages")
        if form is not None:
            self.form = "text_completion" if form == "completion" else form
        if response is not None:
            self.answer = read_answer(response)
        if provider is not None:
            self.attributes[semconv.PROVIDER_NAME] = provider
        self.attributes.update(sent.attributes)
        self._note_mlflow()

    def _note_mlflow(self) -> None:
        """An MLflow trace that came and went inside this call (automatic logging) is its own."""
        last = last_mlflow_trace()
        if last is not None and last != self._last_mlflow:
            self.attributes.setdefault(semconv.LINKED_MLFLOW_TRACE, last)

    def chunk(self, item: Any) -> None:
        """Take over one item of a stream."""
        if self.first_chunk is None:
            self.first_chunk = (time.perf_counter_ns() - self._started) / 1e9
        self.chunks.append(item)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Make this the current recording; in the caller's context only while it runs."""
        token = current.set(self)
        try:
            yield
        finally:
            current.reset(token)

    def finish(self, result: Any = None, status: str = "returned") -> None:
        """Write the record of a call that returned (or of a stream that was left)."""
        if self.done:
            return
        self.done = True
        try:
            self._describe(result, status)
            self._end()
        except Exception as error:  # noqa: BLE001  the user's call goes on
            fault("a call could not be recorded", error)

    def fail(self, error: BaseException, status: str = "raised") -> None:
        """Write the record of a call that raised or was cancelled."""
        if self.done:
            return
        self.done = True
        try:
            self._describe(None, status)
            self._describe_error(error)
            self._end()
        except Exception as fault_of_ours:  # noqa: BLE001  the user's exception goes on
            fault("a call could not be recorded", fault_of_ours)

    def _end(self) -> None:
        self._note_mlflow()
        self.span.set_attributes(self.attributes)
        # The wall clock may have been moved; how long it took is known all the same.
        self.span.end(self.start_ns + time.perf_counter_ns() - self._started)

    def _describe(self, result: Any, status: str) -> None:
        site, attributes = self.site, self.attributes
        attributes[semconv.STATUS] = status
        attributes[semconv.KIND] = "context" if self.messages is None else "call"
        for key, value in (
            (semconv.PROVIDER_NAME, site.provider),
            (semconv.REQUEST_MODEL, site.model),
            (semconv.CONVERSATION_ID, site.session),
            (semconv.SESSION_ID, site.session),
            (semconv.USER_ID, site.user),
        ):
            if value is not None:
                attributes.setdefault(key, value)
        if site.tags:
            attributes[semconv.TAGS] = dumps({str(k): str(v) for k, v in site.tags.items()})
        if site.metadata:
            attributes[semconv.METADATA] = dumps(jsonable(site.metadata))
        if self.first_chunk is not None:
            attributes[semconv.FIRST_CHUNK_SECONDS] = self.first_chunk
        if self.chunks:
            result = self._joined_chunks()
        if self.messages is not None:
            self._describe_call(result, status)
        elif site.capture_output and result is not None:
            attributes[semconv.OUTPUT] = dumps(jsonable(result))

    def _joined_chunks(self) -> Any:
        texts = [item for item in self.chunks if isinstance(item, str)]
        return "".join(texts) if len(texts) == len(self.chunks) else self.chunks

    def _describe_call(self, result: Any, status: str) -> None:
        attributes, messages = self.attributes, self.messages
        assert messages is not None
        answer = self.answer
        if answer is None:
            if not self.site.capture_output:
                answer = Answer(no_content="capture_output is off")
            elif status == "returned" or self.chunks:
                answer = read_answer(result)
            else:
                answer = Answer()
        attributes[semconv.OPERATION_NAME] = self.form or answer.form or "chat"
        attributes[semconv.INPUT_MESSAGES] = dumps(messages)
        uses = find_renderings([text_of(message) for message in messages])
        if uses:
            attributes[semconv.PROMPTS] = dumps(uses)
            attributes[semconv.PROMPT_NAME] = uses[0]["name"]
            attributes[semconv.PROMPT_VERSION] = uses[0]["version"]
            attributes[semconv.TEMPLATE] = uses[0]["template"]
            attributes[semconv.TEMPLATE_VERSION] = uses[0]["version"]
            attributes[semconv.TEMPLATE_VARIABLES] = dumps(uses[0]["variables"])
        write_answer(answer, attributes)
        model = attributes.get(semconv.REQUEST_MODEL) or attributes.get(semconv.RESPONSE_MODEL)
        self.span.update_name(f"{attributes[semconv.OPERATION_NAME]} {model or self.site.name}")

    def _describe_error(self, error: BaseException) -> None:
        kind = type(error)
        name = kind.__qualname__
        if kind.__module__ not in ("builtins", None):
            name = f"{kind.__module__}.{name}"
        text = _message_of(error)
        self.attributes[semconv.ERROR_TYPE] = name
        stack = "".join(traceback.format_exception(error, limit=-20, chain=False))
        self.span.add_event(
            "exception",
            {
                "exception.type": name,
                "exception.message": text,
                "exception.stacktrace": stack[-MAX_TRACEBACK:],
            },
        )
        self.span.set_status(Status(StatusCode.ERROR, f"{kind.__qualname__}: {text}"))


def begin(site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording | None:
    """Begin to record a call; None where capture is off. Never raises."""
    try:
        return Recording(site, args, kwargs) if active() else None
    except Exception as error:  # noqa: BLE001  the user's call goes on
        fault("a call could not be recorded", error)
        return None


def write_answer(answer: Answer, attributes: dict[str, Any]) -> None:
    """Puts an answer's messages and figures into a span's attributes."""
    if answer.messages:
        for index, message in enumerate(answer.messages):
            if index < len(answer.finish_reasons):
                message["finish_reason"] = answer.finish_reasons[index]
        attributes[semconv.OUTPUT_MESSAGES] = dumps(answer.messages)
    if answer.finish_reasons:
        attributes[semconv.RESPONSE_FINISH_REASONS] = answer.finish_reasons
    for key, value in (
        (semconv.NO_CONTENT, answer.no_content),
        (semconv.RESPONSE_ID, answer.response_id),
        (semconv.RESPONSE_MODEL, answer.model),
        (semconv.USAGE_INPUT_TOKENS, answer.input_tokens),
        (semconv.USAGE_OUTPUT_TOKENS, answer.output_tokens),
    ):
        if value is not None:
            attributes[key] = value


def text_of(message: MessageDict) -> str:
    """The texts of a message, one per line: what the dialects read as its content."""
    return "\n".join(p["content"] for p in message["parts"] if p["type"] == "text")


def _message_of(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception:  # noqa: BLE001  the user's __str__ may raise anything
        return "<no message>"
