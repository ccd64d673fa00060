"""Observations of Langfuse, as its SDK exports their spans.

Source: langfuse 5, `_client/attributes.py`, for the attributes; Langfuse 4.16,
`OtelIngestionProcessor.ts` and `observations_converters.ts`, for what becomes of them.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace.records import JSON, Span
from smile_trace.sources.kit import hex_id, own_ids, unix_ns
from smile_trace.trackers.fields import known

NAME = "langfuse"
FIELDS = "core,basic,io,metadata,model,usage,prompt"
"""The groups of fields that are read here."""

_PREFIX = "langfuse.observation."
_EVENT = "EVENT"
"""The type of an observation that has no duration."""
_KINDS = (f"attributes.{semconv.KIND}", semconv.KIND)
"""Where in the metadata stands what smile-trace says of its own spans."""


def span_of(raw: Mapping[str, Any]) -> Span | None:
    """The span of an observation; None where it has not ended.

    Raises:
        ForeignDataError: it holds values beyond the bounds.
        AttributeError, LookupError, TypeError, ValueError: it is no observation.
    """
    start_ns = unix_ns(raw["startTime"])
    ended = raw.get("endTime")
    if ended is None and raw["type"] != _EVENT:
        return None
    trace_id, span_id = str(raw["traceId"]), str(raw["id"])
    parent = raw.get("parentObservationId")
    attributes = {**_attributes(raw), **own_ids(NAME, trace_id, span_id)}
    foreign.check(attributes)
    return Span(
        trace_id=hex_id(trace_id, 32),
        span_id=hex_id(span_id, 16),
        parent_id=hex_id(str(parent), 16) if parent else None,
        name=str(raw.get("name") or ""),
        start_ns=start_ns,
        end_ns=start_ns if ended is None else unix_ns(ended),
        attributes=attributes,
        status=_status(raw),
        status_message=str(raw.get("statusMessage") or ""),
        scope="langfuse-sdk",
    )


def _status(raw: Mapping[str, Any]) -> Literal["unset", "error"]:
    return "error" if raw.get("level") == "ERROR" else "unset"


def _attributes(raw: Mapping[str, Any]) -> dict[str, JSON]:
    metadata = raw.get("metadata") or {}
    observation: dict[str, JSON] = {
        "type": str(raw["type"]).lower(),
        "input": _text(raw.get("input")),
        "output": _text(raw.get("output")),
        "model.name": raw.get("model") or raw.get("providedModelName"),
        "model.parameters": _json(raw.get("modelParameters")),
        "usage_details": _json(raw.get("usageDetails")),
        "prompt.name": raw.get("promptName"),
        "prompt.version": raw.get("promptVersion"),
        "level": raw.get("level"),
        "status_message": raw.get("statusMessage"),
        **{f"metadata.{name}": json.dumps(value) for name, value in metadata.items()},
    }
    own = next((metadata[name] for name in _KINDS if name in metadata), None)
    about = {
        semconv.SESSION_ID: raw.get("sessionId"),
        semconv.USER_ID: raw.get("userId"),
        "langfuse.environment": raw.get("environment"),
        "langfuse.version": raw.get("version"),
        semconv.KIND: own,
    }
    return known({**{f"{_PREFIX}{name}": v for name, v in observation.items()}, **about})


def _text(value: JSON) -> JSON:
    """A text as it is: Langfuse gives input and output as they were sent."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _json(value: JSON) -> JSON:
    return json.dumps(value) if value else None
