"""Secrets in spans that capture did not write: replaced before they are stored.

What capture writes is redacted in the application's process. A Collector's file, and what another
SDK wrote, is not: its texts, the arguments of tools and what they gave back included, are searched
for the shapes of credentials here. Expressions of `configure(redact=…)` are the application's, and
are not known here.
"""

from smile_trace.capture.otel.tracer_provider import SCOPE
from smile_trace.capture.redaction import redact
from smile_trace.records import JSON, Span


def without_secrets(span: Span) -> Span:
    """The span with its secrets replaced by marks; the same one where there are none."""
    if span.scope == SCOPE:
        return span
    attributes, events = _clean(span.attributes), tuple(map(_clean, span.events))
    message = redact(span.status_message)[0]
    found = {"attributes": attributes, "events": events, "status_message": message}
    changed = {name: value for name, value in found.items() if value != getattr(span, name)}
    return span.model_copy(update=changed) if changed else span


def _clean(value: JSON) -> JSON:
    if isinstance(value, str):
        return redact(value)[0]
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
