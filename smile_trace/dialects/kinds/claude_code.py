"""Claude Code and the Claude Agent SDK, which log a call's bodies as events beside its span.

Sources: @anthropic-ai/claude-agent-sdk 0.3 (Claude Code 2.1), run, and its documentation,
"Monitoring": `OTEL_LOG_RAW_API_BODIES` (cut at 60 KB, or in files).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import read_json, read_object
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.records import JSON, Call, Message, Part, Reasoning, Span
from smile_trace.records.formats.otlp import BODIES

_BODIES_ON = "set OTEL_LOG_RAW_API_BODIES=1 and OTEL_LOGS_EXPORTER=otlp"
_IN_BETA = (
    "it uses features in beta, which are not asked for again: "
    "set CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1"
)


class ClaudeCode:
    """A call is a request to a model; the bodies are joined to it in `dialects.joined`."""

    name: ClassVar[str] = "claude_code"
    marks: ClassVar[tuple[str, ...]] = ("span.type",)
    content_switches: ClassVar[Mapping[str, str]] = {"com.anthropic.claude_code": _BODIES_ON}

    def recognises(self, span: Span) -> bool:
        return span.attributes.get("span.type") == "llm_request"

    def read_call(self, span: Span) -> Call:
        """Read the call of the last attempt."""
        content = gen_ai.read(span)
        request, response = (_last_body(span, name) for name in BODIES)
        sent = provider_json.sent(_whole(request))
        content.messages, content.parameters = _unsigned(sent.messages), dict(sent.parameters)
        content.answers = _unsigned(provider_json.answered(_whole(response)).answers)
        content.no_content = _why_not_whole(request) or _why_not_whole(response)
        if content.parameters.pop("context_management", None):
            content.incomplete = _IN_BETA
        return call_of(span, self.name, content)


def _unsigned(messages: Sequence[Message]) -> list[Message]:
    """The messages without the signatures of thinking whose text is not logged."""

    def unsigned(part: Part) -> Part:
        hidden = isinstance(part, Reasoning) and part.content == "<REDACTED>"
        return Reasoning() if hidden else part

    return [m.model_copy(update={"parts": tuple(map(unsigned, m.parts))}) for m in messages]


def _last_body(span: Span, name: str) -> dict[str, JSON]:
    """The attributes of the last event of this name."""
    found = [event for event in span.events if event.get("name") == name]
    return read_object(found[-1].get("attributes")) if found else {}


def _whole(log: dict[str, JSON]) -> JSON:
    body = None if {"body_truncated", "body_ref"} & log.keys() else read_json(log.get("body"))
    return body if isinstance(body, dict) else None


def _why_not_whole(log: dict[str, JSON]) -> str | None:
    if "body_ref" in log:
        return f"its body is in a file, which is not read: {_BODIES_ON}"
    if log and _whole(log) is None:
        return "Claude Code cut the body at 60 KB: offer fewer tools, or a shorter prompt"
    return None
