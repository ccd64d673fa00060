"""`kind = "anthropic"`: what is sent, what is read, and how failures are taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from smile_trace.models import ModelUnavailable, Request, retry
from smile_trace.models.base import NotRepeatable, ReasoningRefused
from smile_trace.models.kinds.anthropic import (
    PLACEHOLDER,
    AnthropicModel,
    AnthropicSettings,
    body,
    conversation,
)
from smile_trace.records import (
    Media,
    Message,
    Prompted,
    Reasoning,
    Response,
    TextPart,
    ToolCall,
    ToolResult,
    Usage,
)
from smile_trace.records.formats.answers import read_refusal, read_tool_calls
from smile_trace_contracts.model import check_model
from tests.support.strict_anthropic import StrictAnthropic, check, error_body, strict

pytestmark = pytest.mark.thorough

HELLO = Request(messages=(Message(role="user", content="Say hello."),))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-none")


@pytest.fixture
def server() -> Iterator[StrictAnthropic]:
    with strict(_answer) as running:
        yield running
        assert running.refused == []


def _answer(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"]).upper()


def _model(server: StrictAnthropic, **settings: Any) -> AnthropicModel:
    how = AnthropicSettings(kind="anthropic", base_url=server.base_url, **settings)
    return AnthropicModel("claude-sonnet-4-5", how)


async def _one(model: AnthropicModel, request: Request = HELLO) -> Response:
    [response] = await model.generate([request])
    await model.aclose()
    return response


def test_the_contract(server):
    check_model(_model(server))


def test_the_bound_of_an_attempt():
    settings = AnthropicSettings(kind="anthropic")
    bound, usd = settings.attempt_bound("claude-sonnet-4-5", Prompted(messages=HELLO.messages))
    read = len('{"messages": [{"role": "user", "content": "Say hello."}]}')
    assert bound == Usage(input_tokens=read, output_tokens=256)
    assert usd == pytest.approx((read * 3 + 256 * 15) / 1e6)


@pytest.mark.parametrize("name", ["tools", "output_config"])
def test_the_bound_counts_all_that_is_read(name):
    schema = {"type": "object", "description": "Long. " * 100}
    given: dict[str, Any] = {
        "tools": [{"name": "get", "input_schema": schema}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    asked = Prompted(messages=HELLO.messages, parameters={name: given[name]})
    bound, _ = AnthropicSettings().attempt_bound("claude", asked)
    assert bound is not None
    assert (bound.input_tokens or 0) > 600


async def test_a_tool_is_not_written_into_the_cache(server):
    tool = {"name": "get", "input_schema": {"type": "object"}}
    cached = [{**tool, "cache_control": {"type": "ephemeral"}}]
    await _one(_model(server), HELLO.model_copy(update={"parameters": {"tools": cached}}))
    assert server.bodies[0]["tools"] == [tool]


async def test_calls_of_tools():
    calls = [{"name": "get_order", "input": {"number": 4711}}, {"name": "now", "input": {}}]
    with strict(lambda body: [{"type": "text", "text": "Let me see."}, *calls]) as server:
        response = await _one(_model(server))
    assert read_tool_calls(response.text or "") == (("get_order", {"number": 4711}), ("now", {}))
    assert response.finish_reason == "tool_use"


@pytest.mark.parametrize(
    ("said", "details", "words"),
    [
        ("I cannot.", None, "I cannot."),
        ("", {"type": "refusal", "explanation": "Declined."}, "Declined."),
        ("", None, ""),
    ],
)
async def test_a_refusal_is_a_value_of_its_own(server, said, details, words):
    content = [{"type": "text", "text": said}] if said else []
    reply = {"type": "message", "content": content, "stop_reason": "refusal"}
    server.faults = [(200, {}, {**reply, "stop_details": details})]
    response = await _one(_model(server))
    assert read_refusal(response.text or "") == words
    assert response.finish_reason == "refusal"


async def test_the_version_that_takes_sampling_parameters(server):
    model = _model(server)
    sampled = HELLO.model_copy(update={"parameters": {"temperature": 0}})
    await model.generate([HELLO, sampled])
    await model.aclose()
    versions = {
        body.get("temperature"): headers["anthropic-version"]
        for body, headers in zip(server.bodies, server.headers, strict=True)
    }
    assert versions[0] == "2023-06-01" < versions[None]
    assert model.deterministic(sampled.parameters)
    assert not model.deterministic(HELLO.parameters)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error"), (500, "api_error")]
)
async def test_a_busy_service_is_asked_again(server, status, kind):
    server.faults = [(status, {"retry-after": "0.01"}, error_body(kind, "later"))] * 2
    assert (await _one(_model(server))).text == "SAY HELLO."
    assert len(server.bodies) == 3


@pytest.mark.parametrize("status", [429, 529])
async def test_a_service_that_stays_busy_is_unavailable(server, status):
    server.faults = [(status, {}, error_body("overloaded_error", "Overloaded"))] * 2
    with pytest.raises(ModelUnavailable, match="too busy") as caught:
        await _one(_model(server, retries=1))
    assert not caught.value.permanent
    server.faults = [(status, {"retry-after": "9999"}, error_body("overloaded_error", "later"))]
    with pytest.raises(ModelUnavailable, match="too busy"):
        await _one(_model(server))


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, "authentication_error", "invalid x-api-key"),
        (402, "billing_error", "no credit"),
        (403, "permission_error", "not yours"),
        (404, "not_found_error", "model: claude-sonnet-4-5"),
        (400, "invalid_request_error", "Your credit balance is too low to access the API."),
    ],
)
async def test_what_only_a_person_can_correct(server, status, kind, said):
    server.faults = [(status, {}, error_body(kind, said))]
    with pytest.raises(ModelUnavailable, match="correct its settings or its key") as caught:
        await _one(_model(server))
    assert caught.value.permanent
    assert "sk-ant-none" not in str(caught.value)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "said", "failure"),
    [
        (400, "max_tokens: too many", "HTTP 400: max_tokens: too many"),
        (400, "prompt is too long: 3 tokens > 2 maximum", "prompt longer than"),
        (413, "Request exceeds the maximum size", "HTTP 413"),
    ],
)
async def test_a_refused_request_takes_no_other_along(server, status, said, failure):
    server.faults = [(status, {}, error_body("invalid_request_error", said))]
    model = _model(server, concurrency=1)
    refused, answered = await model.generate([HELLO, HELLO])
    await model.aclose()
    assert failure in str(refused.failure)
    assert (refused.usd, answered.text) == (0.0, "SAY HELLO.")


@pytest.mark.parametrize(
    "reply",
    [
        *({}, [], "x", {"type": "message", "content": None}),
        *({"type": "message", "content": [item]} for item in ({"type": "text"}, 1, None)),
        {"type": "error", "error": {"type": "api_error", "message": "no"}},
    ],
)
async def test_a_reply_that_is_no_message(server, reply):
    server.faults = [(200, {}, reply)]
    response = await _one(_model(server))
    assert response.failure == "the server's reply holds no answer"


async def test_reasoning_that_is_bound_to_what_was_before_it(server):
    said = "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a "
    said += "different conversation. Remove the block."
    server.faults = [(400, {}, error_body("invalid_request_error", said))]
    with pytest.raises(ReasoningRefused, match="only if nothing before it is removed"):
        await _one(_model(server))


@pytest.mark.parametrize(
    ("thinking", "parts", "known"),
    [
        ("enabled", [Reasoning(content="hm", extra={"signature": "EqQB"})], True),
        ("enabled", [Reasoning(content="hm")], False),
        ("adaptive", [Reasoning(content="hm")], True),
    ],
)
def test_thinking_that_the_service_demands(thinking, parts, known):
    """With a budget, before the calls whose results end the conversation; see `strict_anthropic`.
    Reasoning that nobody signed is left out."""
    called = ToolCall(id="toolu_1", name="get", arguments={})
    messages = [
        Message(role="user", content="When?"),
        Message(role="assistant", parts=(Reasoning(content="hm"), TextPart(content="Soon."))),
        Message(role="user", content="Are you sure?"),
        Message(role="assistant", parts=(*parts, called)),
        Message(role="tool", parts=(ToolResult(id="toolu_1", response="Friday"),)),
    ]
    asked = Request(messages=tuple(messages), parameters={"thinking": {"type": thinking}})
    if known:
        sent = {"model": "m", **body(asked, max_tokens=9)}
        check(sent)
        assert sent["messages"][1]["content"] == "Soon."
        return
    with pytest.raises(NotRepeatable, match="requires the thinking before its tool calls"):
        body(asked, max_tokens=9)


def test_a_missing_key(server, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ModelUnavailable, match="set the environment variable ANTHROPIC_API_KEY"):
        _model(server)


@pytest.mark.parametrize(
    ("given", "read"),
    [({"input_tokens": 6}, 6), ({"input_tokens": 2, "cache_read_input_tokens": 7}, 9)],
)
async def test_an_answer_with_its_usage(server, given, read):
    """Tokens that were read from the cache count as input."""
    reply: dict[str, Any] = {"type": "message", "content": [{"type": "text", "text": "hi"}]}
    reply |= {"stop_reason": "end_turn", "usage": {**given, "output_tokens": 5}}
    server.faults = [(200, {}, reply)]
    response = await _one(_model(server))
    assert (response.text, response.finish_reason) == ("hi", "end_turn")
    assert response.usage == Usage(input_tokens=read, output_tokens=5)


NOTHING = {"role": "user", "content": PLACEHOLDER}


def _said(role: str, text: str = "Hello.") -> Message:
    return Message(role=role, content=text)


def _sent(role: str, text: str = "Hello.") -> dict[str, Any]:
    return {"role": role, "content": text}


USER, ASSISTANT, SYSTEM = _said("user"), _said("assistant"), _said("system")


CALL = Message(role="assistant", parts=(ToolCall(id="a", name="get", arguments={"x": 1}),))


RESULT = Message(role="user", parts=(ToolResult(id="a", response="5"),))


CALL_SENT = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "a", "name": "get", "input": {"x": 1}}],
}


RESULT_SENT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "a", "content": "5"}],
}


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ((), None, [NOTHING]),
        ((SYSTEM,), "Hello.", [NOTHING]),
        ((USER,), None, [_sent("user")]),
        ((ASSISTANT, USER), None, [NOTHING, _sent("assistant"), _sent("user")]),
        ((USER, ASSISTANT), None, [_sent("user"), _sent("assistant"), NOTHING]),
        ((USER, _said("assistant", " \n"), USER), None, [_sent("user"), _sent("user")]),
        ((CALL, RESULT), None, [NOTHING, CALL_SENT, RESULT_SENT]),
        ((_said("developer"), SYSTEM, USER), None, None),
    ],
)
def test_a_conversation_begins_and_ends_with_the_user(messages, system, turns):
    if turns is None:
        system, turns = [{"type": "text", "text": "Hello."}] * 2, [_sent("user")]
    assert conversation(messages) == (system, turns)


def test_a_prefilled_answer_is_continued():
    _, turns = conversation((USER, _said("assistant", "It is ")), prefilled=True)
    assert turns[-1] == _sent("assistant", "It is")


def test_instructions_in_the_middle_stand_behind_the_user_or_at_the_front():
    kept, lost = _said("system", "Now in French."), _said("system", "Be kind.")
    system, turns = conversation((SYSTEM, USER, kept, ASSISTANT, lost, USER))
    assert system == [{"type": "text", "text": text} for text in ("Hello.", "Be kind.")]
    assert [turn["role"] for turn in turns] == ["user", "system", "assistant", "user"]


def test_the_results_of_parallel_calls_are_in_one_message_before_all_else():
    calls = (ToolCall(id="a", name="get"), ToolCall(id="b", name="get", arguments='{"y": 2}'))
    messages = (
        USER,
        Message(role="assistant", parts=(TextPart(content="So."), *calls)),
        Message(role="tool", parts=(ToolResult(id="a", response=""),)),
        Message(role="user", parts=(TextPart(content="And?"), ToolResult(id="b", response="2"))),
    )
    _, turns = conversation(messages)
    assert [block.get("input") for block in turns[1]["content"]] == [None, {}, {"y": 2}]
    assert turns[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        {"type": "text", "text": "And?"},
    ]


def test_an_error_without_a_text_is_none():
    failed = ToolResult(id="a", response="no such order", extra={"is_error": True})
    for text, told in (("no such order", True), ("", False)):
        result = failed.model_copy(update={"response": text})
        _, turns = conversation((USER, CALL, Message(role="user", parts=(result,))))
        assert ("is_error" in turns[2]["content"][0]) is told


def test_images_and_thinking():
    parts = (
        Media(modality="image", uri="data:image/png;base64,iVBO"),
        Media(modality="image", uri="https://example.org/a.png"),
    )
    thought = Reasoning(content="hm", extra={"signature": "EqQB"})
    said = Message(role="assistant", parts=(thought, TextPart(content="Hello.")))
    alone = Message(role="assistant", parts=(thought,))
    _, turns = conversation((Message(role="user", parts=parts), said, USER, alone, USER))
    assert [block["source"] for block in turns[0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        {"type": "url", "url": "https://example.org/a.png"},
    ]
    assert turns[1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "user"]


def test_a_part_without_a_form_is_refused():
    audio = Message(role="user", parts=(Media(modality="audio", uri="data:audio/wav;base64,AA"),))
    with pytest.raises(NotRepeatable, match="takes no media of this kind"):
        conversation((audio,))
