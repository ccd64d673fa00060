"""Calls of tools and their results, as instrumentors really wrote them, and what cannot be asked
again."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.dialects.parts import why_not_repeatable
from smile_trace.dialects.provider_json import messages_of
from smile_trace.models import Request, openai_wire
from smile_trace.models.transport import Item
from smile_trace.providers import read_request
from smile_trace.records import (
    Call,
    Media,
    Message,
    OtherPart,
    Part,
    Span,
    ToolCall,
    ToolResult,
    chat_messages,
)
from smile_trace.records.formats.answers import read_tool_calls
from tests.support.recorded_calls import calls_of, spans_of, traces_of
from tests.support.strict_openai import check
from tests.support.written_spans import span

FILES = (
    "openinference-instrumentation-openai-0.1.66",
    "openinference-instrumentation-anthropic-3.1.0",
    "opentelemetry-instrumentation-genai-openai-1.3b0.span_only",
    "pydantic-ai-slim-2.68.0",
    "mlflow-3.17.2.openai-genai",
)


@pytest.mark.parametrize("file", FILES)
def test_the_second_step_of_an_agent(file: str) -> None:
    """The result of the tool is there, and the request is one that a server takes."""
    [call] = [call for call in calls_of(file) if any(m.parts and _result(m) for m in call.messages)]
    assert call.not_repeatable is None
    assert call.answer == "The warranty of your kettle lasts 24 months."
    [result] = [part for m in call.messages for part in m.parts if isinstance(part, ToolResult)]
    assert result.texts == ('{"months": 24}',)
    request = Request(messages=call.messages, parameters=call.parameters)
    sent = openai_wire.parameters(request, form="chat", limit={"max_tokens": 9})
    body = {"model": "m", **openai_wire.question(call.messages, form="chat"), **sent}
    check(body)
    called = body["messages"][2]["tool_calls"][0]
    assert called["function"]["name"] == "look_up_warranty"
    assert called["function"]["arguments"].replace(" ", "") == '{"product":"kettle"}'
    [tool] = body["tools"]
    assert tool["function"]["name"] == "look_up_warranty"
    assert tool["function"]["parameters"]["required"] == ["product"]


def _result(message: Message) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Media(modality="image"), "the data of its image was not kept"),
        (Media(modality="image", uri="[image/png: 9 bytes]"), "the data of its image was not kept"),
        (
            Media(modality="file", uri="https://example.org/a.pdf"),
            "its file is only an address, so that its price has no bound",
        ),
        (Media(modality="file", file_id="file-1"), "its file is only referred to (file-1)"),
        (
            Media(modality="audio", uri="gs://bucket/one.wav"),
            "its audio cannot be sent again",
        ),
        (ToolCall(name="get"), "recorded without its id"),
        (ToolResult(id="call_9", response="24"), "recorded without the call that it answers"),
        (OtherPart(raw={"type": "server_tool_call"}), "cannot be sent again: server_tool_call"),
    ],
)
def test_a_part_that_cannot_be_sent_again(part: Part, why: str) -> None:
    messages = (Message(role="user", parts=(part,)),)
    assert why in str(why_not_repeatable(messages, {}))


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        (
            {"tools": [{"type": "web_search"}]},
            "the server runs tools of its own for it: web_search",
        ),
        ({"web_search_options": {}}, "the server runs tools of its own"),
        ({"previous_response_id": "resp_1"}, "the server holds a part of its context"),
        ({"betas": ["files-api-2025-04-14"]}, "features in beta, which are not asked for again"),
        ({"context_management": {"edits": []}}, "features in beta"),
    ],
)
def test_a_request_that_cannot_be_made_again(parameters: dict[str, Any], why: str) -> None:
    messages = (Message(role="user", content="hi"),)
    assert why in str(why_not_repeatable(messages, parameters))
    assert why_not_repeatable(messages, {"tools": [{"type": "function", "name": "get"}]}) is None


def test_an_answer_that_was_spoken_is_only_referred_to() -> None:
    """OpenAI takes it back by the id of the recording, which expires."""
    spoken = {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    sent = read_request({"model": "m", "messages": [spoken, {"role": "user", "content": "So?"}]})
    assert "only referred to" in str(why_not_repeatable(messages_of(sent.messages), {}))


def test_parameters_of_the_responses_api() -> None:
    parameters = {
        "tools": [{"type": "function", "name": "get", "parameters": {}, "strict": True}],
        "tool_choice": {"type": "function", "name": "get"},
        "max_output_tokens": 5,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
    }
    request = Request(messages=(Message(role="user", content="hi"),), parameters=parameters)
    sent = openai_wire.parameters(request, form="chat", limit={"max_tokens": 9})
    assert sent == {
        "tools": [
            {"type": "function", "function": {"name": "get", "parameters": {}, "strict": True}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "get"}},
        "max_completion_tokens": 5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    }
    check({"model": "m", "messages": chat_messages(request.messages), **sent})


@pytest.mark.parametrize(
    ("given", "sent"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_anthropics_choice_of_a_tool(given: str, sent: str) -> None:
    tool = {"name": "get", "input_schema": {"type": "object"}}
    parameters = {"tools": [tool], "tool_choice": {"type": given}}
    request = Request(messages=(Message(role="user", content="hi"),), parameters=parameters)
    body = openai_wire.parameters(request, form="chat", limit={"max_tokens": 9})
    assert body["tool_choice"] == sent
    check({"model": "m", "messages": chat_messages(request.messages), **body})


def test_a_call_of_a_custom_tool_is_read() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    request = Request(messages=(Message(role="user", content="hi"),))
    [response] = openai_wire.responses(reply, [Item(request, "/chat/completions", {})])
    assert read_tool_calls(response.text or "") == (("shell", "ls -l"),)


def test_an_image_that_a_tool_gave_back_is_not_dropped() -> None:
    item = "llm.input_messages.0.message"
    attributes = {
        "openinference.span.kind": "LLM",
        f"{item}.role": "tool",
        f"{item}.tool_call_id": "c1",
        f"{item}.contents.0.message_content.type": "text",
        f"{item}.contents.0.message_content.text": "the photo",
        f"{item}.contents.1.message_content.type": "image",
        f"{item}.contents.1.message_content.image.image.url": "https://example.org/a.png",
        "llm.output_messages.0.message.content": "A lamp.",
    }
    [call] = read_calls([span(9, "any", attributes)])
    assert call.not_repeatable == "its messages hold what cannot be sent again: image"


def test_a_prompt_across_two_texts_of_a_message_is_not_replaced() -> None:
    parts = [{"type": "text", "content": "Be brief."}, {"type": "text", "content": "Answer."}]
    use = {"name": "p", "version": "1", "template": "Be brief.\nAnswer.", "variables": {}}
    place = {"message": 0, "start": 0, "variable_spans": []}
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": parts}]),
        "smile_trace.prompts": json.dumps(
            [{**use, **place, "end": 17}, {**use, **place, "end": 9}]
        ),
    }
    [call] = read_calls([span(9, "any", attributes)])
    assert [use.end for use in call.prompts] == [9]


UNRECORDED = {
    "openinference-instrumentation-openai-agents-2.6.0": "instrumentor of the model's client, too",
    "opentelemetry-instrumentation-openai-0.62.4.events": "use_legacy_attributes=True",
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both": "genai-openai records them",
    "openinference-instrumentation-haystack-0.1.46": "instrumentor of the model's client, too",
}


@pytest.mark.parametrize("file", UNRECORDED)
def test_a_call_of_a_tool_is_not_asked_again_without_the_tools(file: str) -> None:
    """Where it was not recorded which tools were offered, another request would be sent."""
    without = [c for c in calls_of(file) if c.tool_calls and "tools" not in c.parameters]
    assert without
    for call in without:
        why = str(call.not_repeatable)
        assert why.startswith("its answer calls a tool, and the tools that it was offered were not")
        assert UNRECORDED[file] in why


def test_the_tools_of_an_agent_are_those_of_its_calls() -> None:
    """Strands writes them on the agent's span alone, where it is told to."""
    spans = spans_of("strands-agents-1.62.0")
    assert {len(call.parameters["tools"]) for call in _calls_of(spans)} == {1}
    told = "gen_ai.tool.definitions"
    without = {s.span_id: {k: v for k, v in s.attributes.items() if k != told} for s in spans}
    untold = [s.model_copy(update={"attributes": without[s.span_id]}) for s in spans]
    [called] = [call for call in _calls_of(untold) if call.tool_calls]
    assert "gen_ai_tool_definitions in OTEL_SEMCONV" in str(called.not_repeatable)


def _calls_of(spans: list[Span]) -> list[Call]:
    return [call for trace in traces_of(spans) for call in trace.calls]


TOOLS = json.dumps({"tools": [{"type": "function", "name": "get"}]})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "give record() the whole request"),
        ({"smile_trace.parameters": TOOLS}, None),
        ({"smile_trace.rerun": "app:ask"}, None),
    ],
)
def test_tools_of_a_captured_call(given: dict[str, Any], why: str | None) -> None:
    called = [{"type": "tool_call", "id": "c1", "name": "get", "arguments": {}}]
    attributes = {
        "smile_trace.kind": "call",
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": "Get it."}]}]
        ),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": called}]),
        **given,
    }
    captured = span(9, "any", attributes).model_copy(update={"captured": True})
    [call] = read_calls([captured])
    assert [one.name for one in call.tool_calls] == ["get"]
    assert (call.not_repeatable is None) == (why is None)
    assert why is None or why in str(call.not_repeatable)


@pytest.mark.parametrize(
    ("asked", "answer", "whole"),
    [
        ("How long?", '{"months": 24}', False),
        ("How long, as JSON?", '{"months": 24}', True),
        ('How long? As in {"months": 1}', '{"months": 24}', True),
        ("How long?", "24 months", True),
    ],
)
def test_json_that_nobody_asked_for(asked: str, answer: str, whole: bool) -> None:
    """Traceloop for JavaScript writes no format of an answer: without it another request is asked,
    unless the messages ask for JSON themselves."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": _turn("user", asked),
        "gen_ai.output.messages": _turn("assistant", answer),
    }
    [call] = read_calls([span(1, "@traceloop/instrumentation-openai", attributes)])
    assert ("JSON that no message asks for" not in str(call.not_repeatable)) is whole


def _turn(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
