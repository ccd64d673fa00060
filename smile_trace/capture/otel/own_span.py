"""A finished span of ours, as the encoder reads one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

_UNSET = Status(StatusCode.UNSET)


@dataclass(slots=True)
class OwnSpan:
    """The fields of a `ReadableSpan` (its constructor takes them), which takes far longer to make
    and copies each field when it is read."""

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
