"""What OpenAI's Agents SDK sent, in JavaScript: the recordings show the rest."""

import json
from typing import Any

from smile_trace.dialects import read_calls
from smile_trace.models import Request
from smile_trace.models.openai_wire import parameters, question
from smile_trace.records import Call, Prompted, Span

SCOPE = "@arizeai/openinference-instrumentation-openai-agents"
THOUGHT = {"type": "reasoning", "id": "rs_1", "content": [{"type": "input_text", "text": "Hm."}]}
CALLED = {"type": "function_call", "id": "fc_1", "callId": "call_1", "name": "look_up"}


def _call(items: list[dict[str, Any]], **response: Any) -> Call:
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "yes"}],
    }
    whole = {"id": "resp_1", "object": "response", "model": "gpt-5", "output": [said], "tools": []}
    whole |= response
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5",
        "input.value": json.dumps(items),
        "output.value": json.dumps(whole),
    }
    common = {"trace_id": "1" * 32, "span_id": "2" * 16, "start_ns": 1, "end_ns": 2}
    [call] = read_calls([Span(name="response", scope=SCOPE, attributes=attributes, **common)])
    return call


def test_reasoning_is_no_message_of_the_user() -> None:
    """It goes back encrypted, before the call that it led to."""
    encrypted = THOUGHT | {"providerData": {"encrypted_content": "c2VhbGVk"}}
    result = {"type": "function_call_result", "name": "look_up", "callId": "call_1", "output": "24"}
    call = _call([encrypted, CALLED | {"arguments": "{}"}, result])
    assert call.not_repeatable is None
    sent = question(call.messages, form="responses")["input"]
    assert sent == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "c2VhbGVk",
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "look_up",
            "arguments": "{}",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "24"},
    ]


def test_what_a_response_repeats_is_asked_but_for_its_defaults() -> None:
    defaults = {"temperature": 1.0, "top_p": 1.0, "tool_choice": "auto", "truncation": "disabled"}
    defaults |= {"text": {"format": {"type": "text"}, "verbosity": "medium"}}
    user = {"type": "message", "role": "user", "content": "How long?"}
    given = {"reasoning": {"effort": "low", "summary": None}, "max_output_tokens": 99}
    call = _call([user], instructions="Be brief.", **defaults, **given)
    asked = parameters(Request.of(Prompted.of(call)), form="responses", limit={})
    assert asked == {"reasoning": {"effort": "low"}, "max_output_tokens": 99}
    assert question(call.messages, form="responses") == {
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "How long?"}],
    }


def test_what_the_server_holds_is_not_asked_again() -> None:
    call = _call([{"role": "user", "content": "And?"}], previous_response_id="resp_0")
    assert "previous_response_id" in str(call.not_repeatable)


def test_a_result_without_the_name_of_its_tool() -> None:
    call = _call([CALLED, {"type": "function_call_result", "callId": "call_1", "output": "24"}])
    assert call.messages[-1].content == "24"
