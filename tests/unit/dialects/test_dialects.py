"""Spans of any origin become calls."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smile_trace.dialects import assemble, read_calls, read_feedback
from smile_trace.records import Message, Span, TextPart, ToolCall


def text_of(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def make(
    span_id: str,
    parent: str | None = None,
    sent: str | None = None,
    got: str | None = None,
    **more: Any,
) -> Span:
    attributes: dict[str, Any] = dict(more.pop("attributes", {}))
    if sent is not None:
        attributes["gen_ai.input.messages"] = json.dumps([text_of("user", sent)])
    if got is not None:
        attributes["gen_ai.output.messages"] = json.dumps([text_of("assistant", got)])
    return Span(
        trace_id="a" * 32,
        span_id=span_id * 16,
        parent_id=None if parent is None else parent * 16,
        name=span_id,
        start_ns=more.pop("start_ns", int(span_id, 16)),
        end_ns=more.pop("end_ns", 99),
        attributes=attributes,
        **more,
    )


AROUND, CALL, UNDER = (
    make("1", sent="q", got="a"),
    make("2", "1", sent="p", got="a"),
    make("2", "1"),
)
CONTEXT = {"smile_trace.kind": "context"}
DECORATED = [make("1", attributes=CONTEXT), make("2", "1", attributes=CONTEXT), make("3", "2")]
OWN = make("4", "3", sent="p", got="a", attributes={"smile_trace.name": "ask"})


@pytest.mark.parametrize(
    ("spans", "called"),
    [
        ([AROUND, CALL], ["2"]),
        ([CALL, AROUND], ["2"]),
        ([AROUND, UNDER, make("3", "2", sent="p", got="a")], ["3"]),
        ([AROUND, make("2", "1", sent="p", status="error")], ["1", "2"]),
        ([make("1", sent="q", got="a", attributes=CONTEXT), UNDER], []),
        ([make("1", "2", sent="p", got="a"), UNDER], ["1"]),
        ([*DECORATED, make("4", "3", sent="p", got="a")], ["2"]),
        ([*DECORATED, OWN], ["ask"]),
        ([*DECORATED, OWN, make("5", "4", sent="p", got="a")], ["ask"]),
    ],
)
def test_the_innermost_is_the_call_and_is_called_after_the_innermost_function(
    spans: list[Span], called: list[str]
) -> None:
    assert [call.name for call in read_calls(spans)] == called


CHAIN = {"openinference.span.kind": "CHAIN"}


@pytest.mark.parametrize(
    ("around", "called"),
    [
        ([("support", CHAIN), ("RunnableSequence", CHAIN)], "support"),
        ([("triage", CHAIN), ("support", CHAIN)], "support"),
        ([("support", {"openinference.span.kind": "TOOL"})], None),
        ([("run-3f2b9c1d-77aa", CHAIN)], None),  # a group of its own for every call
        ([("x", {"gen_ai.agent.name": "order 20261130"})], None),
        ([("x", {"gen_ai.agent.name": " billing\nagent "})], "billing agent"),
        ([("answer", CONTEXT), ("support", CHAIN)], "answer"),
    ],
)
def test_a_call_is_called_after_the_innermost_name_that_lasts(
    around: list[tuple[str, dict[str, Any]]], called: str | None
) -> None:
    spans = [
        make(str(n), str(n - 1) if n > 1 else None, attributes=has).model_copy(
            update={"name": name}
        )
        for n, (name, has) in enumerate(around, 1)
    ]
    inner = make("9", str(len(around)), sent="p", got="a")
    [call] = read_calls([*spans, inner])
    assert call.name == (called or inner.name)


def test_a_call_after_the_end_of_another_is_not_inside_of_it() -> None:
    """An instrumentor that never leaves its span makes the next call its child."""
    spans = [make("1", None, "q", "a", end_ns=2), make("2", "1", "r", "b", start_ns=2)]
    assert [call.answer for call in read_calls(spans)] == ["a", "b"]


def test_failed_attempts_are_calls() -> None:
    failed = make("2", "1", sent="p", status="error", status_message="busy")
    calls = read_calls([make("1", sent="q", got="a"), failed, make("3", "1", sent="p", got="a")])
    assert [(c.name, c.answer, c.error) for c in calls] == [("2", None, "busy"), ("3", "a", None)]


def test_plain_gen_ai() -> None:
    [call] = read_calls(
        [
            make(
                "1",
                sent="hi",
                got="ho",
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "m",
                    "gen_ai.request.temperature": 0.5,
                    "gen_ai.request.stop_sequences": ["."],
                    "gen_ai.response.finish_reasons": ["stop"],
                    "gen_ai.usage.input_tokens": 3,
                    "gen_ai.system_instructions": [{"type": "text", "content": "be brief"}],
                    "gen_ai.conversation.id": "s",
                },
            )
        ]
    )
    assert call.messages[0] == Message(role="system", content="be brief")
    assert (call.model, call.provider, call.session) == ("m", "openai", "s")
    assert call.parameters == {"temperature": 0.5, "stop": ["."]}
    assert (call.finish_reason, call.answer, call.form) == ("stop", "ho", "chat")
    assert call.usage is not None
    assert call.usage.input_tokens == 3


def test_without_content_it_says_so() -> None:
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    [call] = read_calls([make("1", attributes=asked)])
    assert (call.messages, call.answer, call.no_content) == ((), None, "no content captured")


def test_openinference() -> None:
    [call] = read_calls(
        [
            make(
                "1",
                attributes={
                    "openinference.span.kind": "LLM",
                    "llm.model_name": "m-2026",
                    "llm.invocation_parameters": '{"model":"m","temperature":0,"stream":true}',
                    "llm.input_messages.1.message.role": "user",
                    "llm.input_messages.1.message.contents.0.message_content.text": "one",
                    "llm.input_messages.1.message.contents.1.message_content.text": "two",
                    "llm.input_messages.0.message.role": "system",
                    "llm.input_messages.0.message.content": "be brief",
                    "llm.output_messages.0.message.role": "assistant",
                    "llm.output_messages.0.message.content": "ho",
                    "llm.token_count.prompt": 3,
                    "llm.token_count.completion": 1,
                },
            )
        ]
    )
    assert call.messages == (
        Message(role="system", content="be brief"),
        Message(role="user", parts=(TextPart(content="one"), TextPart(content="two"))),
    )
    assert (call.answer, call.model, call.parameters) == ("ho", "m", {"temperature": 0})


def test_tools_that_openinference_only_names_are_those_of_gen_ai() -> None:
    """As its instrumentor for pydantic-ai wrote them in 0.1.16."""
    defined = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "q",
        "llm.output_messages.0.message.content": "a",
        "llm.tools.0.tool.name": "f",
        "gen_ai.tool.definitions": json.dumps([defined]),
    }
    [call] = read_calls([make("1", attributes=attributes)])
    assert call.parameters["tools"] == [defined]


def test_an_old_chat_of_traceloop_with_anthropic() -> None:
    """As its instrumentor wrote it in March 2026: the schema of a tool under Anthropic's name, and
    a call of a tool twice."""
    attributes = {
        "gen_ai.system": "Anthropic",
        "llm.request.type": "completion",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "q",
        "gen_ai.prompt.1.role": "assistant",
        "gen_ai.prompt.1.content": json.dumps([{"type": "tool_use", "id": "1", "name": "f"}]),
        "gen_ai.prompt.1.tool_calls.0.id": "1",
        "gen_ai.prompt.1.tool_calls.0.name": "f",
        "gen_ai.prompt.1.tool_calls.0.arguments": "{}",
        "gen_ai.completion.0.content": "a",
        "llm.request.functions.0.name": "f",
        "llm.request.functions.0.input_schema": '{"type": "object"}',
    }
    span = make("1", attributes=attributes).model_copy(update={"name": "anthropic.chat"})
    [call] = read_calls([span])
    assert call.form == "chat"
    assert call.messages[1].parts == (ToolCall(id="1", name="f", arguments="{}"),)
    defined = {"name": "f", "parameters": {"type": "object"}}
    assert call.parameters["tools"] == [{"type": "function", "function": defined}]


def test_feedback() -> None:
    attributes = {
        "smile_trace.kind": "feedback",
        "smile_trace.feedback.trace_id": "b" * 32,
        "smile_trace.feedback.score": 0.5,
    }
    feedback = read_feedback(make("1", attributes=attributes))
    assert feedback is not None
    assert (feedback.trace_id, feedback.score, feedback.name) == ("b" * 32, 0.5, "user_feedback")
    assert read_feedback(make("1")) is None
    assert read_calls([make("1", attributes=attributes)]) == ()


def test_a_trace_has_its_root() -> None:
    spans = [make("3", "1"), make("1"), make("2", "1", sent="p", got="a"), make("2", "1")]
    trace = assemble("a" * 32, spans)
    assert [span.name for span in trace.spans] == ["1", "2", "3"]
    assert (trace.root_span_id, trace.root_missing) == ("1" * 16, False)


def test_the_topmost_span_is_taken_where_the_root_is_missing() -> None:
    trace = assemble("a" * 32, [make("3", "2"), make("2", "1")])
    assert (trace.root_span_id, trace.root_missing) == ("2" * 16, True)


def test_invalid_traces_are_refused() -> None:
    with pytest.raises(ValueError, match="has no spans"):
        assemble("a" * 32, [])
    with pytest.raises(ValueError, match="of another trace"):
        assemble("b" * 32, [make("1")])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.operation.name",
        "gen_ai.system_instructions", "gen_ai.request.model", "gen_ai.usage.input_tokens",
        "gen_ai.response.finish_reasons", "smile_trace.prompts", "smile_trace.parameters",
        "smile_trace.tags", "smile_trace.metadata", "smile_trace.status", "smile_trace.kind",
        "smile_trace.rerun.arguments", "openinference.span.kind", "llm.invocation_parameters",
        "llm.input_messages.0.message.content", "llm.output_messages.0.message.role",
        "llm.input_messages.x", "llm.prompts.0.prompt.text", "output.value", "session.id",
    ]
)  # fmt: skip


@settings(max_examples=40)
@given(st.dictionaries(KEYS, ANYTHING | ANYTHING.map(json.dumps) | st.just("LLM")))
def test_arbitrary_attributes_never_raise(attributes: dict[str, Any]) -> None:
    """Whatever another program wrote: a call, or none, and never an error."""
    read_calls([make("1", attributes=attributes)])
