"""OpenAI's Agents SDK by OpenInference's instrumentors of it, in Python and in JavaScript.

A `response` holds the items that were sent, JavaScript's in a form of their own, and the whole
response, which repeats what was asked. A `generation` (chat completions) holds the messages and
some settings, but neither tools nor the schema of the answer. Source: the packages
`openinference-instrumentation-openai-agents` 2 and (npm) 0.2, `@openai/agents-openai` 0.20.
"""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import read_list, read_object
from smile_trace.dialects.call import CLIENT_RECORDS, SpanContent, call_of, is_json
from smile_trace.dialects.kinds import openinference
from smile_trace.dialects.parts import why_not_repeatable
from smile_trace.records import JSON, Call, Span

_SCOPES = (
    "openinference.instrumentation.openai_agents",
    "@arizeai/openinference-instrumentation-openai-agents",
)
_NO_FORMAT = (
    f"its answer is JSON, and a schema that it was to have is not recorded: {CLIENT_RECORDS}"
)


class OpenAIAgents:
    """A call is a span of the kind LLM."""

    name: ClassVar[str] = "openai_agents"
    marks: ClassVar[tuple[str, ...]] = _SCOPES
    precedence: ClassVar[int] = 2
    """OpenInference's own dialect would read it, too."""
    tools_recorded_by: ClassVar[Mapping[str, str]] = dict.fromkeys(_SCOPES, CLIENT_RECORDS)

    def recognises(self, span: Span) -> bool:
        return span.scope in _SCOPES and openinference.OpenInference().recognises(span)

    def read_call(self, span: Span) -> Call:
        """Read the call of either API."""
        content = openinference.read(span)
        items = read_list(span.attributes.get("input.value"))
        output = span.attributes.get("output.value")
        response = read_object(output)
        if items and response.get("object") == "response":
            _read_response(content, items, response)
            call = call_of(span, self.name, content)
            if response.get("tools") != []:
                return call
            why = why_not_repeatable(call.messages, call.parameters)  # it was offered none
            return call.model_copy(update={"not_repeatable": why})
        content.messages = provider_json.sent(items).messages or content.messages
        if listed := read_list(output):  # a stream's whole response
            content.answers = provider_json.answered(listed[0]).answers or content.answers
        call = call_of(span, self.name, content)
        why_not = call.not_repeatable or (_NO_FORMAT if is_json(call) else None)
        return call.model_copy(update={"not_repeatable": why_not})


def _read_response(content: SpanContent, items: list[JSON], response: dict[str, JSON]) -> None:
    asked = provider_json.repeated(response)
    request = {"input": list(map(_item, items)), "instructions": response.get("instructions")}
    sent, got = provider_json.sent({**request, **asked}), provider_json.answered(response)
    content.messages, content.form = sent.messages or content.messages, "responses"
    content.parameters = asked
    content.answers = got.answers or content.answers


def _item(raw: JSON) -> JSON:
    """An item as it was sent; JavaScript's names its fields otherwise."""
    item = read_object(raw)
    own = {k: v for k, v in item.items() if k not in ("providerData", "callId")}
    if item.get("role") in ("user", "system"):
        own.pop("type", None)
    if "callId" in item:
        own["call_id"] = item["callId"]
    if item.get("type") == "function_call_result":
        output = item.get("output")
        text = read_object(output).get("text") if isinstance(output, dict) else None
        own.pop("name", None)
        return {**own, "type": "function_call_output", "output": output if text is None else text}
    if item.get("type") == "reasoning" and "content" in item:
        told = [read_object(part) for part in read_list(own.pop("content"))]
        own["summary"] = [{"type": "summary_text", "text": part.get("text")} for part in told]
        return own | read_object(item.get("providerData"))
    if isinstance(item.get("content"), list):
        own["content"] = [_content(read_object(part)) for part in item["content"]]
    return own


def _content(part: dict[str, JSON]) -> JSON:
    own = {k: v for k, v in part.items() if k != "providerData"}
    own |= read_object(part.get("providerData"))
    if part.get("type") == "input_image" and isinstance(part.get("image"), str):
        own |= {"image_url": own.pop("image"), "detail": part.get("detail", "auto")}
    return own
