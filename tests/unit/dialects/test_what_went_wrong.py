"""What went wrong with the spans of other instrumentors, each with spans as they were recorded."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.dialects.parameters import SENDABLE, sendable
from smile_trace.dialects.templates import Template, find_prompts
from smile_trace.dialects.unread import unread
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.registry import NoModel, settings_for
from smile_trace.records import JSON, Message, Span
from smile_trace.settings import Settings
from tests.instrumentors.applications.texts import CONTEXT
from tests.support.recorded_calls import (
    ANSWER,
    CHAT,
    RECORDED,
    calls_of,
    row_of,
    spans_of,
    traces_of,
)
from tests.support.written_spans import ADK, LOGFIRE, OPENLIT, PYDANTIC_AI, span


@pytest.mark.parametrize(
    "name", [name for name, rows in RECORDED.items() if any(row.answer for row in rows.values())]
)
def test_an_own_late_span_hides_no_call(name: str) -> None:
    """A delivered explanation is in the trace, inside the call, and of the kind LLM."""
    before = calls_of(name)
    late = [_late(one) for trace in traces_of(spans_of(name)) for one in trace.spans]
    after = [c for trace in traces_of([*spans_of(name), *late]) for c in trace.calls]
    assert [row_of(call) for call in after] == [row_of(call) for call in before]


def _late(parent: Span) -> Span:
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "<svg/>"}]}]
    attributes: dict[str, Any] = {
        "smile_trace.kind": "explanation",
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": CONTEXT,
        "llm.output_messages.0.message.content": "<svg/>",
        "langfuse.observation.type": "generation",
        "langfuse.observation.input": "x",
        "mlflow.spanType": '"LLM"',
        "gen_ai.output.messages": json.dumps(said),
        "gen_ai.input.messages": json.dumps(said),
    }
    update = {
        "span_id": f"{int(parent.span_id, 16) ^ 1:016x}",
        "parent_id": parent.span_id,
        "attributes": attributes,
        "events": (),
    }
    return parent.model_copy(update=update)


FOREIGN = ("_type", "model_name", "api_base", "context_window", "id", "base_url", "model", "stream")


@pytest.mark.parametrize("name", RECORDED)
def test_no_parameter_of_a_client_is_sent_on(name: str) -> None:
    for call in calls_of(name):
        assert not set(FOREIGN) & call.parameters.keys()
        assert call.parameters.keys() <= SENDABLE.keys()


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ({"stop": '["\\n\\n"]'}, {"stop": ["\n\n"]}),
        ({"stop": "END"}, {"stop": "END"}),
        ({"max_tokens": -1, "seed": 0}, {"seed": 0}),
        ({"max_tokens": "Infinity"}, {}),
        ({"temperature": "0.2", "top_p": 1.5, "n": True}, {"temperature": 0.2}),
        ({"max_tokens": 50.0, "temperature": 0}, {"max_tokens": 50, "temperature": 0}),
        ({"tools": ['{"type": "function"}'], "tool_choice": "auto"}, None),
        ({"logit_bias": '{"1": 2}', "response_format": None}, {"logit_bias": {"1": 2}}),
    ],
)
def test_types_and_ranges(written: dict[str, Any], sent: dict[str, Any] | None) -> None:
    if sent is None:
        sent = {"tools": [{"type": "function"}], "tool_choice": "auto"}
    assert sendable(written) == sent


def test_invented_defaults_are_left_out() -> None:
    [call] = read_calls([OPENLIT])
    assert call.parameters == {}


def test_nothing_is_said_twice() -> None:
    """A text in `content` and `contents`; instructions that are a message, too; two choices."""
    [call] = read_calls([OPENLIT])
    assert row_of(call).messages == CHAT
    twice = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": CONTEXT,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": ANSWER,
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        "llm.output_messages.0.message.contents.0.message_content.text": ANSWER,
        "llm.output_messages.1.message.role": "assistant",
        "llm.output_messages.1.message.content": "Another choice.",
    }
    [call] = read_calls([span(9, "openinference.instrumentation.openai_agents", twice)])
    assert call.answer == ANSWER


def test_a_message_without_content_is_not_an_empty_one() -> None:
    [call] = [
        call
        for call in calls_of("opentelemetry-instrumentation-openai-v2-2.4b0.latest_both")
        if len(call.messages) == 2 and call.messages[1].parts
    ]
    assert call.answer == ANSWER
    assert call.not_repeatable == "the content of a message was not captured"


def test_a_client_that_traces_itself_counts_no_call_twice() -> None:
    """Anthropic's, inside the instrumentor's span, beside it, or in another trace; alone, the
    doctor names it."""
    for name in RECORDED:
        spans = [s for s in spans_of(name) if s.scope == "com.anthropic.sdk.python"]
        if spans:
            assert not {s.span_id for s in spans} & {call.span_id for call in calls_of(name)}
            assert read_calls(spans[:1]) == ()
            [alone] = traces_of(spans[:1])
            assert [
                one.why.startswith("it records no call of a model") for one in unread(alone)
            ] == [True]


def test_no_phantom_calls() -> None:
    """Embeddings with input messages, prompts that say that they are chats, streams in two."""
    for name in ("langsmith-0.15.1.langchain-only", "logfire-5.4.0"):
        named = [call.name for call in calls_of(name)]
        assert not any("Prompt" in one or "mbedding" in one for one in named)
        assert len(named) == len(RECORDED[name])


@pytest.mark.parametrize("written", [ADK, PYDANTIC_AI, LOGFIRE], ids=lambda one: one.scope)
def test_what_was_not_recorded(written: Span) -> None:
    [call] = read_calls([written])
    assert call.answer == ANSWER
    assert call.not_repeatable is None
    row = row_of(call)
    if written is ADK:
        assert row.messages[2:] == (
            ("assistant", ("call", "call_1", "look_up_warranty", '{"product": "kettle"}')),
            ("user", ("result", "call_1", '{"months": 24}')),
        )
        assert row.parameters == {"temperature": 0.2, "max_tokens": 50}
        assert (row.usage, row.session) == ((42, 9), "s-1")
    if written is LOGFIRE:
        assert row.messages[1][2][0] == "image"  # type: ignore[index]
        assert row.parameters == {"temperature": 0.2}
    else:
        assert [tool[0] for tool in row.tools] == ["look_up_warranty"]


@pytest.mark.parametrize(
    ("captured", "table"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gpt-4-0613", "gpt-4"),
        ("text-bison@20240101", "text-bison"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("my-model", "*"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18"),
    ],
)
def test_a_dated_model_finds_its_undated_setting(captured: str, table: str) -> None:
    tables = {
        name: EndpointSettings(kind="endpoint", base_url="http://x/v1")
        for name in (
            "gpt-4o-mini",
            "claude-sonnet-4-5",
            "gpt-4",
            "text-bison",
            "claude-3-7-sonnet",
            "*",
        )
    }
    tables[table] = EndpointSettings(kind="endpoint", base_url="http://found/v1")
    asked = settings_for(captured, Settings(models=tables))
    assert isinstance(asked, EndpointSettings)
    assert asked.base_url == "http://found/v1"


def test_a_size_is_no_date() -> None:
    tables = {"llama-3": EndpointSettings(kind="endpoint", base_url="http://x/v1")}
    with pytest.raises(NoModel):
        settings_for("llama-3-8192", Settings(models=tables))


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("mlflow", {"mlflow.spanType": "[" * 2000 + "]" * 2000}),
        ("logfire.openai", {"request_data": '{"messages": ' + "[" * 2000 + "]" * 2000 + "}"}),
    ],
)
def test_what_cannot_be_recognised_takes_no_other_call_with_it(
    scope: str, attributes: dict[str, Any]
) -> None:
    other = calls_of("ai-6.0.326")
    spans = spans_of("ai-6.0.326")
    hostile = Span(
        trace_id=spans[0].trace_id,
        span_id="f" * 16,
        name="hostile",
        start_ns=1,
        end_ns=2,
        scope=scope,
        attributes=attributes,
    )
    trace = [*(s for s in spans if s.trace_id == hostile.trace_id), hostile]
    calls = {call.span_id: call for call in read_calls(trace)}
    assert "nested too deeply" in str(calls.pop(hostile.span_id).no_content)
    assert calls == {c.span_id: c for c in other if c.trace_id == hostile.trace_id}
    assert calls


def test_a_template_that_would_fill_the_memory_is_not_rendered() -> None:
    """A megabyte of fields of a megabyte each would be a terabyte."""
    bomb = Template("n", "1", "{x}" * 300_000, {"x": "y" * 1_000_000})
    assert find_prompts(bomb, [Message(role="user", content="y" * 2_000_000)], "s") == ()
    few = Template("n", "1", "{x}-{x}", {"x": "yy"})
    [use] = find_prompts(few, [Message(role="user", content="a yy-yy")], "s")
    assert (use.start, [(s.start, s.end) for s in use.variable_spans]) == (2, [(2, 4), (5, 7)])


def test_a_value_is_looked_for_from_the_end_in_as_many_steps_as_the_message_is_long() -> None:
    """`str.rfind` would take 3·10¹¹ steps here."""
    half = "a" * 300_000
    message = Message(role="user", content="a" * 1_200_000)
    assert find_prompts(Template("n", "1", f"{half}b{half}"), [message], "s") == ()
    assert find_prompts(Template("n", "1", None, {"x": f"b{half}"}), [message], "s") == ()
    twice = Message(role="user", content="red or red?")
    [use] = find_prompts(Template("n", "1", None, {"colour": "red"}), [twice], "s")
    assert (use.variable_spans[0].start, use.variable_spans[0].end) == (7, 10)


def test_roles_of_smolagents_are_those_that_it_sends() -> None:
    said = {"tool-call": "Calling tools:", "tool-response": "Observation:"}
    attributes: dict[str, JSON] = {"openinference.span.kind": "LLM"}
    for number, (role, text) in enumerate(said.items()):
        attributes[f"llm.input_messages.{number}.message.role"] = role
        attributes[f"llm.input_messages.{number}.message.content"] = text
    [call] = read_calls([span(9, "openinference.instrumentation.smolagents", attributes)])
    assert [m.role for m in call.messages] == ["assistant", "user"]
