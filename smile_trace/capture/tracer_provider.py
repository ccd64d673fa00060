"""The tracer provider of capture: every span sampled, no limits, parents of its own, and
independent of the environment's `OTEL_…` variables and of the application's provider."""

import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    Event,
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from smile_trace import semconv
from smile_trace._guards.internal_errors import keep_inside, report_error
from smile_trace._guards.jsonable import binary
from smile_trace.capture.config import Config
from smile_trace.capture.line_encoding import LineEncoder
from smile_trace.capture.sanitizer import Sanitizer

_UNSET = Status(StatusCode.UNSET)


@dataclass(slots=True)
class OwnSpan:
    """The fields of a `ReadableSpan`, which is slow to make and copies each field when read."""

    name: str
    context: SpanContext
    resource: Resource
    attributes: Mapping[str, Any]
    start_time: int
    end_time: int
    instrumentation_scope: InstrumentationScope
    parent: SpanContext | None = None
    events: Sequence[Event] = ()
    status: Status = _UNSET

    kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    links: ClassVar[Sequence[Link]] = ()
    dropped_attributes: ClassVar[int] = 0
    dropped_events: ClassVar[int] = 0
    dropped_links: ClassVar[int] = 0

    def get_span_context(self) -> SpanContext:
        """The span's own ids."""
        return self.context


_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


class OwnIdGenerator(IdGenerator):
    """Ids never shared by forked children, made without the application's seeded `random`."""

    def generate_span_id(self) -> int:
        """A non-zero 64-bit id."""
        return _random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """A non-zero 128-bit id."""
        return _random.getrandbits(128) or 1


_ids = OwnIdGenerator()


def new_context(parent: SpanContext | None) -> SpanContext:
    """The context of a new span in its parent's trace, or in a new trace."""
    trace_id = _ids.generate_trace_id() if parent is None else parent.trace_id
    return SpanContext(trace_id, _ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)


class ExportingProcessor(SpanProcessor):
    """Exports each finished span at once, in the thread that finished it."""

    def __init__(self, export: Callable[[ReadableSpan], None]) -> None:
        self._export = export

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing before a span has finished."""

    def on_end(self, span: ReadableSpan) -> None:
        """Export the span. Never raises."""
        try:
            self._export(span)
        except BaseException as error:  # noqa: BLE001  the user's call goes on
            keep_inside(error)
            report_error("a finished span could not be written", error)

    def shutdown(self) -> None:
        """Do nothing: no span is held back."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do nothing: no span is held back."""
        return True


def line_exporter(
    config: Config, write: Callable[[bytes], object], lose: Callable[[str, BaseException], None]
) -> Callable[[ReadableSpan | OwnSpan], None]:
    """Encode each finished span, sanitized unless it is ours, which is sanitized when it ends."""
    encoder = LineEncoder(lambda text: Sanitizer(config).text(text))

    def export(span: ReadableSpan | OwnSpan) -> None:
        try:
            scope = span.instrumentation_scope
            if scope is not None and scope.name == semconv.SCOPE:
                line = encoder.line(span)
            else:
                line = _sanitized_line(encoder, span, Sanitizer(config), config.text_limit)
        except BaseException as error:  # noqa: BLE001  counted as a loss of this record
            keep_inside(error)
            lose("a record could not be encoded", error)
            return
        write(line)

    return export


_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=-]+)*;base64,([A-Za-z0-9+/=_\-]{64,})")


def _placeholder(match: re.Match[str]) -> str:
    data = binary(match.group(2).encode(), match.group(1))
    return f"[{data['media_type']}: {data['bytes'] * 3 // 4} bytes, sha256 {data['sha256']}]"


def _sanitized_line(
    encoder: LineEncoder, span: ReadableSpan | OwnSpan, sanitizer: Sanitizer, limit: int
) -> bytes:
    def figures() -> dict[str, int | bool]:
        return {
            **({semconv.REDACTED: sanitizer.redacted} if sanitizer.redacted else {}),
            **({semconv.TRUNCATED: True} if sanitizer.truncated else {}),
        }

    def text(value: str) -> str:
        if len(value) > limit and ";base64," in value:
            value = _DATA_URL.sub(_placeholder, value)
        return sanitizer.text(value)

    return encoder.line(span, text, figures)


def make_resource(config: Config) -> Resource:
    """The resource of every span of this process."""
    # Not Resource.create(): its detectors start threads and read the environment.
    return Resource({"service.name": config.service_name, "process.pid": os.getpid()})


def make_provider(resource: Resource, export: Callable[[ReadableSpan], None]) -> TracerProvider:
    """The provider for instrumentations."""
    unset = SpanLimits.UNSET
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=resource,
        shutdown_on_exit=False,
        id_generator=OwnIdGenerator(),
        span_limits=SpanLimits(
            max_attributes=unset,
            max_events=unset,
            max_links=unset,
            max_span_attributes=unset,
            max_event_attributes=unset,
            max_link_attributes=unset,
            max_attribute_length=unset,
            max_span_attribute_length=unset,
        ),
    )
    # OTEL_SDK_DISABLED is about the application's telemetry, not about this record.
    provider._disabled = False
    provider.add_span_processor(ExportingProcessor(export))
    return provider
