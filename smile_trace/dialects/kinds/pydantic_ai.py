"""pydantic-ai's version 1: all messages as a JSON list of events; later ones write the conventions.

Source: pydantic-ai, `models/instrumented.py` (`InstrumentationSettings(version=1)`), whose events
are those of the conventions up to 1.36.
"""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.dialects.attributes import read_list, read_object
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.kinds.gen_ai import IN_ATTRIBUTE, with_attribute
from smile_trace.dialects.parts import offered_tool
from smile_trace.records import Call, Span

_REQUESTED = "model_request_parameters"


class PydanticAI:
    """A call has the attribute `events`."""

    name: ClassVar[str] = "pydantic_ai"
    marks: ClassVar[tuple[str, ...]] = ("pydantic-ai", _REQUESTED)
    content_switches: ClassVar[Mapping[str, str]] = {
        "pydantic-ai": "say InstrumentationSettings(include_content=True)"
    }

    def recognises(self, span: Span) -> bool:
        named = span.scope.startswith("pydantic-ai") or _REQUESTED in span.attributes
        return named and IN_ATTRIBUTE in span.attributes and gen_ai.GenAI().recognises(span)

    def read_call(self, span: Span) -> Call:
        content = gen_ai.read(with_attribute(span))
        requested = read_object(span.attributes.get(_REQUESTED))
        content.tools = content.tools or [
            offered_tool(tool, tool.get("parameters_json_schema"))
            for tool in map(read_object, read_list(requested.get("function_tools")))
        ]
        return call_of(span, self.name, content)
