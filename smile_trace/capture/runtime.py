"""The runtime of capture: configuration, provider and spool, created on first use; ids of spans."""

import dataclasses
import os
import random
import re
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from smile_trace import semconv
from smile_trace._guards.external_tracing import is_suppressed
from smile_trace._guards.internal_errors import handlers_wait, report_error, reset
from smile_trace._guards.redaction import Redactor
from smile_trace.capture.config import NOWHERE, Config, from_environment, home_at
from smile_trace.capture.line_encoding import encode_attributes, frame
from smile_trace.capture.sanitizer import Sanitizer
from smile_trace.spool import Spool

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

Write = Callable[[bytes], object]
"""Takes the line of each finished span; the spool's `write` by default."""


class Runtime:
    """The spool of one configuration, and what writes to it: spans of ours, and, only where there
    are any, those of OpenTelemetry, whose SDK takes most of the time of an import."""

    def __init__(self, config: Config, write: Write | None = None) -> None:
        self.config = config
        self.spool = Spool(
            config.spool, file_limit=config.file_limit, spool_limit=config.spool_limit
        )
        self._write = write or self.spool.write
        self._name_process()

    def _name_process(self) -> None:
        self.resource: dict[str, str | int] = {
            "service.name": self.config.service_name,
            "process.pid": os.getpid(),
        }
        attributes = encode_attributes(self.resource, Sanitizer(self.config).text)
        self._frame = frame(attributes, f'{{"name":"{semconv.SCOPE}"}}')

    def write(self, span: str) -> None:
        """Write a span of ours, encoded."""
        head, tail = self._frame
        self._write(f"{head}{span}{tail}".encode("ascii"))

    @cached_property
    def export(self) -> "Callable[[ReadableSpan], None]":
        """Writes a finished span of OpenTelemetry's."""
        from smile_trace.capture.tracer_provider import line_exporter

        return line_exporter(self.config, self._write, self.spool.losses.add)

    @cached_property
    def provider(self) -> "TracerProvider":
        """The provider for instrumentations."""
        from smile_trace.capture.tracer_provider import make_provider

        return make_provider(self.resource, self.export)

    def after_fork(self) -> None:
        """Use a new file and the new process id in a forked child."""
        self._name_process()
        self.spool.after_fork()


class _State:
    """Mutable state, read without a lock and replaced under one."""

    __slots__ = ("config", "enabled", "lock", "pid", "runtime", "wanted")

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.config = from_environment()
        self.switch(self.config.enabled)
        self.runtime: Runtime | None = None
        self.lock = threading.RLock()

    def switch(self, wanted: bool) -> None:
        """Switch capture on if it is wanted and there is a home."""
        self.wanted = wanted
        self.enabled = wanted and self.config.home != NOWHERE


state = _State()


_random = random.Random()  # not the application's, which it may seed
os.register_at_fork(after_in_child=_random.seed)  # no child has the ids of another


def new_trace_id() -> int:
    """A non-zero 128-bit id."""
    return _random.getrandbits(128) or 1


def new_span_id() -> int:
    """A non-zero 64-bit id."""
    return _random.getrandbits(64) or 1


def runtime() -> Runtime:
    """The current runtime, created on first use."""
    made = state.runtime
    if made is not None:
        return made
    with handlers_wait(), state.lock:
        if state.runtime is None:
            state.runtime = Runtime(state.config)
        return state.runtime


def active() -> bool:
    """Whether calls in this context are captured."""
    return state.enabled and not is_suppressed()


def configure(
    *,
    service_name: str | None = None,
    home: str | os.PathLike[str] | None = None,
    enabled: bool | None = None,
    redact: Sequence[str | Redactor] | None = None,
    text_limit: int | None = None,
    spool_limit: int | None = None,
) -> None:
    """Configure capture in this process; arguments left out change nothing.

    Args:
        service_name: attached to every trace (`SMILE_TRACE_SERVICE_NAME`).
        home: the folder of spool and store (`SMILE_TRACE_HOME`).
        enabled: False switches capture off at run time, True on again.
        redact: regular expressions (or their texts) and functions from text to text, applied after
            the built-in redaction to everything that is written. If one raises, the failure is
            counted and the text is not written at all.
        text_limit: characters after which a text is truncated, and its call never explained
            (default 262,144; `SMILE_TRACE_TEXT_LIMIT`).
        spool_limit: bytes of all spool files after which records are dropped and counted (default 1
            GiB; `SMILE_TRACE_SPOOL_LIMIT`).

    Raises:
        ValueError: a limit is not positive, or an expression does not compile.
    """
    changes: dict[str, object] = {}
    if service_name is not None:
        changes["service_name"] = str(service_name)
    if home is not None:
        changes["home"] = home_at(home)
    if redact is not None:
        changes["redactors"] = tuple(_redactor(item) for item in redact)
    for name, limit in (("text_limit", text_limit), ("spool_limit", spool_limit)):
        if limit is not None:
            if limit <= 0:
                raise ValueError(f"{name} must be positive, not {limit}")
            changes[name] = limit
    with state.lock:
        if changes:
            state.config = dataclasses.replace(state.config, **changes)  # type: ignore[arg-type]
            previous, state.runtime = state.runtime, None
            if previous is not None:
                previous.spool.close()
        if enabled is not None:
            state.switch(enabled)
        elif home is not None:
            state.switch(state.wanted)


def _redactor(item: str | Redactor) -> Redactor:
    if not isinstance(item, str):
        return item
    try:
        return re.compile(item)
    except re.error as error:
        raise ValueError(f"redact: {item!r} is not a valid regular expression: {error}") from None


def _after_fork_in_child() -> None:
    state.lock, state.pid = threading.RLock(), os.getpid()
    reset()
    if state.runtime is not None:
        try:
            state.runtime.after_fork()
        except Exception as error:  # noqa: BLE001  a forked child must come up whatever happens
            report_error("the spool could not be taken over after a fork", error)


os.register_at_fork(after_in_child=_after_fork_in_child)
