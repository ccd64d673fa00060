"""The tools that were offered, where an instrumentor writes them on the span of an agent alone."""

from collections.abc import Iterable

from smile_trace import semconv
from smile_trace.dialects.attributes import read_list, read_object
from smile_trace.dialects.call import with_parameters
from smile_trace.dialects.parameters import sendable
from smile_trace.dialects.registry import hint
from smile_trace.records import JSON, Call, Span


def with_agents_tools(call: Call, span: Span, around: Iterable[Span]) -> Call:
    """The call with the tools of the agent around it, if it was written by an instrumentor that
    leaves them out of its calls. Of any other, a call without tools was made without."""
    if "tools" in call.parameters or hint("tools_recorded_by", span.scope) is None:
        return call
    for agent in around:
        if agent.scope == span.scope and semconv.TOOL_DEFINITIONS in agent.attributes:
            listed = map(read_object, read_list(agent.attributes[semconv.TOOL_DEFINITIONS]))
            tools = sendable({"tools": [_plain(tool) for tool in listed if tool]})  # not names
            return with_parameters(call, span, call.parameters | tools) if tools else call
    return call


def _plain(tool: dict[str, JSON]) -> JSON:
    """A tool of Bedrock's Converse API (Strands), whose schema stands under `inputSchema.json`."""
    schema = read_object(tool.get("inputSchema")).get("json")
    if schema is None:
        return tool
    return {"name": tool.get("name"), "description": tool.get("description"), "parameters": schema}
