"""From a trace's spans to the Trace, as it can be kept and sent on."""

import re
from collections.abc import Sequence

from pydantic_core import PydanticSerializationError

from smile_trace.dialects import assemble
from smile_trace.records import JSON, Call, Feedback, Span, Trace

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def read_trace(
    trace_id: str, spans: Sequence[Span], feedback: Sequence[Feedback], root_missing: bool
) -> Trace:
    """The trace of those spans, its calls read by whatever dialect they are written in.

    Raises:
        ValueError: no dialect can make a trace of them.
    """
    trace = assemble(trace_id, spans, feedback, root_missing=root_missing)
    return trace.model_copy(update={"calls": tuple(map(_writable, trace.calls))})


def without_lone_surrogates(value: JSON) -> JSON:
    """`value` with U+FFFD for every half of a character, which no encoding takes."""
    match value:
        case str():
            return _LONE_SURROGATES.sub("\ufffd", value)
        case dict():
            return {
                _LONE_SURROGATES.sub("\ufffd", str(name)): without_lone_surrogates(held)
                for name, held in value.items()
            }
        case list() | tuple():
            return [without_lone_surrogates(held) for held in value]
    return value


def _writable(call: Call) -> Call:
    try:
        call.model_dump_json()
    except PydanticSerializationError:
        # Messages are JSON inside an attribute, and may hold escapes of their own.
        return Call.model_validate(without_lone_surrogates(call.model_dump()))
    return call
