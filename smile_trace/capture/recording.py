"""A call in progress, from its arguments to its record in the spool."""

import atexit
import os
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

from smile_trace import semconv
from smile_trace._guards.external_tracing import external_trace_attributes, last_traces
from smile_trace._guards.internal_errors import keep_inside, report_error
from smile_trace._guards.jsonable import MAX_ITEMS, dumps, is_json, jsonable, plain_str
from smile_trace._text.prompts import Use, find_renderings
from smile_trace.capture.line_encoding import encode_own_span
from smile_trace.capture.runtime import active, new_span_id, new_trace_id, runtime, state
from smile_trace.capture.sanitizer import Sanitizer, answer_attributes, message_attributes
from smile_trace.providers import (
    Answer,
    MessageDict,
    content_of,
    join_chunks,
    read_answer,
    read_chunks,
    read_request,
    request_attributes,
)
from smile_trace.providers.functions import Parameters

MAX_MESSAGE = 2000
MAX_TRACEBACK = 8000
MAX_CHUNKS = 10_000

current: ContextVar["Recording | None"] = ContextVar("smile_trace_current", default=None)
open_streams: "weakref.WeakSet[Recording]" = weakref.WeakSet()
"""Recordings that may be unfinished when the interpreter exits: they are written as abandoned."""
at_exit: list[Callable[[], None]] = []
"""Further functions to call when the interpreter exits."""


@dataclass(frozen=True, slots=True)
class Site:
    """The options of one decorated function, or of a `span` block."""

    name: str
    parameters: Parameters | None = None
    model: str | None = None
    provider: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    session: str | None = None
    user: str | None = None
    capture_input: bool = True
    capture_output: bool = True
    rerun: str | None = None


class Recording:
    """A call being recorded, written once: by `finish`, by `fail` or when garbage-collected."""

    __slots__ = (
        "__weakref__",
        "_answer",
        "_attributes",
        "_chunk_size",
        "_chunks",
        "_done",
        "_error",
        "_first_chunk",
        "_form",
        "_last_traces",
        "_messages",
        "_parent_id",
        "_pid",
        "_site",
        "_start_ns",
        "_started",
        "_structured",
        "_uses",
        "session",
        "span_id",
        "trace_id",
        "user",
    )

    session: str | None
    user: str | None
    trace_id: int
    span_id: int

    def __init__(self, site: Site) -> None:
        self._done = True  # until there is something to write
        parent = current.get()
        self._site = site
        self._pid = state.pid
        self._messages: list[MessageDict] | None = None
        self._uses: list[Use] = []
        self._answer: Answer | None = None
        self._form: str | None = None
        self._chunks: list[Any] = []
        self._chunk_size = 0
        self._first_chunk: float | None = None
        self._error: tuple[str, str, str] | None = None
        self._structured: dict[str, Any] = {}
        self._attributes: dict[str, Any] = external_trace_attributes()
        self._last_traces = last_traces()
        self.session = site.session or (parent.session if parent is not None else None)
        self.user = site.user or (parent.user if parent is not None else None)
        # Never a child of the application's active span: neither side would know the other's.
        self._parent_id = None if parent is None else parent.span_id
        self.trace_id = new_trace_id() if parent is None else parent.trace_id
        self.span_id = new_span_id()
        self._start_ns = time.time_ns()
        self._started = time.perf_counter_ns()
        self._done = False

    def read_arguments(self, arguments: dict[str, Any]) -> None:
        """Read the messages, or the input of a context span."""
        parameters = self._site.parameters
        if parameters is None or not self._site.capture_input:
            return
        prompt = parameters.find_prompt(arguments)
        if prompt is None:
            self._structured[semconv.INPUT] = jsonable(parameters.others(arguments, None))
            return
        name, messages = prompt
        self._set_messages(messages)
        self._attributes[semconv.PROMPT_ASSUMED] = True
        self._attributes.update(request_attributes(arguments))
        if self._site.rerun is None:
            return
        others = parameters.others(arguments, name)
        if is_json(others):
            written = jsonable(others)
            if written == others:  # not shortened
                self._attributes[semconv.RERUN] = self._site.rerun
                how = {"prompt": name, "arguments": written}
                self._structured[semconv.RERUN_ARGUMENTS] = how

    def record(
        self, request: dict[str, Any], response: Any, provider: str | None, form: str | None
    ) -> None:
        """Read the request that was really sent, and the response."""
        sent = read_request(request)
        if sent.unreadable:
            report_error("record() was given messages that are neither text nor chat messages")
        if sent.messages is not None:
            if sent.messages != self._messages:
                # A perturbation of these messages cannot be passed as the function's argument.
                self._attributes.pop(semconv.RERUN, None)
                self._structured.pop(semconv.RERUN_ARGUMENTS, None)
            self._set_messages(sent.messages)
            self._attributes.pop(semconv.PROMPT_ASSUMED, None)
            self._form = sent.form or self._form
        if form is not None:
            self._form = "text_completion" if form == "completion" else form
        if response is not None:
            self._answer = read_answer(response)
        if provider is not None:
            self._attributes[semconv.PROVIDER_NAME] = provider
        self._attributes.update(sent.attributes)
        if sent.parameters:
            self._structured[semconv.PARAMETERS] = sent.parameters
        self._note_external_traces()

    def record_documents(self, documents: Sequence[Any]) -> None:
        """Note what was retrieved for the request; texts become mappings with a `content`."""
        self._structured[semconv.RETRIEVAL_DOCUMENTS] = [
            {"content": plain_str(item)} if isinstance(item, str) else jsonable(item)
            for item in documents[:MAX_ITEMS]
        ]

    def _set_messages(self, messages: list[MessageDict]) -> None:
        self._messages = messages
        self._uses = find_renderings(map(content_of, messages))

    def _note_external_traces(self) -> None:
        """Take over a trace that began and ended inside this call (automatic logging)."""
        for attribute, trace in last_traces().items():
            if trace != self._last_traces.get(attribute):
                self._attributes.setdefault(attribute, trace)

    def add_chunk(self, item: Any) -> None:
        """Add one item of a stream. Never raises."""
        if self._first_chunk is None:
            self._first_chunk = (time.perf_counter_ns() - self._started) / 1e9
        size = len(item) if isinstance(item, str | bytes) else 0
        # Twice the limit: enough to see that it is over, and a bound to the memory.
        if self._chunk_size <= 2 * runtime().config.text_limit and len(self._chunks) < MAX_CHUNKS:
            self._chunk_size += size
            self._chunks.append(item)

    def finish(self, result: Any = None, status: str = "returned") -> None:
        """Write the record of a call that returned, or of an unfinished stream. Never raises."""
        if self._done:
            return
        self._done = True
        try:
            self._end(result, status)
        except BaseException as error:  # noqa: BLE001  the user's call goes on
            keep_inside(error)
            _report_lost(error)

    def fail(self, error: BaseException) -> None:
        """Write the record of a call that ended with an exception. Never raises."""
        if self._done:
            return None
        if isinstance(error, GeneratorExit):
            return self.finish(None, "abandoned")
        try:
            self._error = _describe_error(error)
        except BaseException as raised:  # noqa: BLE001  the user's exception may do anything
            keep_inside(raised)
        return self.finish(None, "cancelled" if _is_cancellation(error) else "raised")

    def __del__(self) -> None:
        # A forked child holds copies of its parent's recordings: the parent writes them.
        # Where the stack was full, there is not even `_done`.
        if not getattr(self, "_done", True) and self._pid == state.pid:
            self.finish(None, "abandoned")

    def _end(self, result: Any, status: str) -> None:
        self._note_external_traces()
        # The wall clock may have been adjusted; the duration is monotonic.
        end_ns = self._start_ns + time.perf_counter_ns() - self._started
        answer = None
        if self._messages is not None:
            answer = self._read_result(result, status)
        elif self._site.capture_output:
            if self._chunks:
                result = join_chunks(self._chunks)
            if result is not None:
                self._structured[semconv.OUTPUT] = _jsonable(result)
        self._describe_site()
        here = runtime()
        sanitizer = Sanitizer(here.config, search=bool(here.config.redactors))
        span = self._encode(answer, status, end_ns, sanitizer)
        if not sanitizer.found_nothing():
            span = self._encode(answer, status, end_ns, Sanitizer(here.config))
        here.write(span)

    def _describe_site(self) -> None:
        site, attributes, structured = self._site, self._attributes, self._structured
        if site.provider is not None:
            attributes.setdefault(semconv.PROVIDER_NAME, site.provider)
        if site.model is not None:
            attributes.setdefault(semconv.REQUEST_MODEL, site.model)
        if self.session is not None:
            session = str(self.session)
            attributes[semconv.SESSION_ID] = attributes[semconv.CONVERSATION_ID] = session
        if self.user is not None:
            attributes[semconv.USER_ID] = str(self.user)
        if site.tags:
            structured[semconv.TAGS] = {str(k): str(v) for k, v in site.tags.items()}
        if site.metadata:
            structured[semconv.METADATA] = jsonable(site.metadata)

    def _encode(self, answer: Answer | None, status: str, end_ns: int, sanitizer: Sanitizer) -> str:
        """The span, made at the end in one step: one that is open during the call costs more."""
        attributes = {key: sanitizer.value(value) for key, value in self._attributes.items()}
        attributes[semconv.STATUS] = status
        if self._first_chunk is not None:
            attributes[semconv.FIRST_CHUNK_SECONDS] = self._first_chunk
        name = sanitizer.text(self._site.name)
        if self._messages is None or answer is None:
            attributes[semconv.KIND] = "context"
        else:
            attributes[semconv.KIND] = "call"
            attributes[semconv.NAME] = name
            operation = self._form or answer.form or "chat"
            attributes[semconv.OPERATION_NAME] = operation
            attributes.update(message_attributes(self._messages, self._uses, sanitizer))
            attributes.update(answer_attributes(answer, sanitizer))
            model = attributes.get(semconv.REQUEST_MODEL) or attributes.get(semconv.RESPONSE_MODEL)
            name = f"{operation} {model or name}"
        error = None
        if self._error is not None:
            kind, message, stack = map(sanitizer.text, self._error)
            attributes[semconv.ERROR_TYPE] = kind
            error = kind, message, stack
        for key, value in self._structured.items():
            written = sanitizer.value(value)
            if key == semconv.RERUN_ARGUMENTS and written != value:
                attributes.pop(semconv.RERUN, None)  # not what was passed any more
                continue
            attributes[key] = dumps(written)
        if sanitizer.redacted:
            attributes[semconv.REDACTED] = sanitizer.redacted
        if sanitizer.truncated or len(self._chunks) >= MAX_CHUNKS:
            attributes[semconv.TRUNCATED] = True
        ids = self.trace_id, self.span_id, self._parent_id
        return encode_own_span(name, ids, (self._start_ns, end_ns), attributes, error)

    def _read_result(self, result: Any, status: str) -> Answer:
        if not self._site.capture_output:
            return Answer(no_content="capture_output is off")
        if self._answer is not None:
            return self._answer
        if status != "returned" and not self._chunks:
            return Answer()
        try:
            return read_chunks(self._chunks) if self._chunks else read_answer(result)
        except BaseException as error:  # noqa: BLE001  the user's objects may raise anything
            keep_inside(error)
            report_error("an answer could not be read", error)
            return Answer(no_content="the answer could not be read")


def start_recording(site: Site, arguments: dict[str, Any] | None) -> Recording | None:
    """Start recording a call, or return None while capture is off. Never raises."""
    try:
        if not active():
            return None
        recording = Recording(site)
    except BaseException as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        _report_lost(error)
        return None
    if arguments is not None:
        try:
            recording.read_arguments(arguments)
        except BaseException as error:  # noqa: BLE001  the user's objects may raise anything
            keep_inside(error)
            report_error("the arguments of a call could not be read", error)
    return recording


def _report_lost(error: BaseException) -> None:
    what = "a call could not be recorded"
    report_error(what, error)
    if state.runtime is not None:
        state.runtime.spool.losses.by_reason[what] += 1


def reset_current(token: "Token[Recording | None]") -> None:
    """Undo `current.set`, unless a coroutine was closed in another context."""
    try:
        current.reset(token)
    except ValueError as error:
        keep_inside(error)


def _at_exit() -> None:
    for recording in list(open_streams):
        recording.finish(None, "abandoned")
    for close in at_exit:
        close()
    if state.runtime is not None:
        state.runtime.spool.losses.flush()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=open_streams.clear)


def _is_cancellation(error: BaseException) -> bool:
    # Without asyncio loaded (a fifth of our import time) there is no cancellation.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _jsonable(result: Any) -> Any:
    try:
        return jsonable(result)
    except BaseException as error:  # noqa: BLE001  the user's objects may raise anything
        keep_inside(error)
        report_error("a result could not be read", error)
        return "<could not be read>"


def _describe_error(error: BaseException) -> tuple[str, str, str]:
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", None):
        name = f"{kind.__module__}.{name}"
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException as raised:  # noqa: BLE001  the user's __str__ may raise anything
        keep_inside(raised)
        message = "<no message>"
    try:
        stack = "".join(traceback.format_exception(error, limit=-20, chain=False))
    except BaseException as raised:  # noqa: BLE001  so may what it formats
        keep_inside(raised)
        stack = ""
    return name, message, stack[-MAX_TRACEBACK:]
