"""The AI SDK of Vercel from version 7 on, by `@ai-sdk/otel`'s `OpenTelemetry`.

It writes OpenTelemetry's conventions: a `chat` per request, inside a step, inside `invoke_agent`.
Only these two hold the seed, and, where they are told to, the choice of a tool and the schema of
the answer. Source: the package `@ai-sdk/otel` 1.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace.dialects import ai_sdk
from smile_trace.dialects.attributes import read_object
from smile_trace.dialects.call import call_of, with_parameters
from smile_trace.dialects.kinds import gen_ai
from smile_trace.records import JSON, Call, Span

_SCOPE = "gen_ai"
_SAY = "say {}: true to new OpenTelemetry()"
_NO_CHOICE = "its answer calls a tool, and whether it had to was not recorded: "
_CHOICE, _SEED = "ai.prompt.toolChoice", "gen_ai.request.seed"


class Vercel7:
    """A call is a `chat` of the conventions."""

    name: ClassVar[str] = "vercel_7"
    marks: ClassVar[tuple[str, ...]] = (_SCOPE,)
    content_switches: ClassVar[Mapping[str, str]] = {
        _SCOPE: "say recordInputs: true and recordOutputs: true in telemetry"
    }

    def recognises(self, span: Span) -> bool:
        return span.scope == _SCOPE and gen_ai.GenAI().recognises(span)

    def read_call(self, span: Span) -> Call:
        content = gen_ai.read(span)
        lenient = {"strict": False} if content.form == "responses" else {}
        content.tools = [lenient | read_object(tool) for tool in content.tools]
        content.messages = [ai_sdk.message_as_sent(message) for message in content.messages]
        ai_sdk.as_sent(content, content.form, {"type": "auto"})
        return call_of(span, self.name, content)

    def complete(self, call: Call, span: Span, around: Sequence[Span]) -> Call:
        """Add what stands in the spans around the call."""
        outer = [one.attributes for one in around[:2]]
        choice = next((a[_CHOICE] for a in outer if _CHOICE in a), None)
        found: dict[str, JSON] = {}
        if choice is not None and "tools" in call.parameters:
            found["tool_choice"] = ai_sdk.tool_choice(choice)
        if call.form == "chat" and (seeds := [a[_SEED] for a in outer if _SEED in a]):
            found["seed"] = seeds[0]
        call = with_parameters(call, span, call.parameters | found)
        asks_for_json = span.attributes.get("gen_ai.output.type") == "json"
        lacks = f"{ai_sdk.NO_SCHEMA}: {_SAY.format('schema')}" if asks_for_json else None
        call = ai_sdk.completed(call, span, around, lacks_schema=lacks)
        session, user, metadata = ai_sdk.who_asked(*outer)
        update: dict[str, JSON] = {"session": session, "user": user, "metadata": metadata}
        if call.tool_calls and choice is None:
            why = call.not_repeatable or _NO_CHOICE + _SAY.format("toolChoice")
            update["not_repeatable"] = why
        return call.model_copy(update=update)
