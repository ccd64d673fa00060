"""`kind = "anthropic"`: what is sent, what is read, and how failures are taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from smile_trace.models import ModelUnavailable, Request, retry
from smile_trace.models.accounting.cost import attempt_bound
from smile_trace.models.base import NotRepeatable
from smile_trace.models.kinds.anthropic import AnthropicModel
from smile_trace.records import Message, Prompted, Response, Usage
from smile_trace.records.refusals import read_refusal
from smile_trace.records.tool_calls import read_tool_calls
from smile_trace.settings import AnthropicSettings
from smile_trace.testing import check_model
from tests.support.strict_anthropic import StrictAnthropic, error_body, strict

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


async def test_an_answer_with_its_usage(server):
    response = await _one(_model(server))
    assert (response.text, response.finish_reason) == ("SAY HELLO.", "end_turn")
    assert response.usage == Usage(input_tokens=6, output_tokens=5)


def test_the_bound_of_an_attempt():
    settings = AnthropicSettings(kind="anthropic")
    bound, usd = attempt_bound("claude-sonnet-4-5", settings, Prompted(messages=HELLO.messages))
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
    bound, _ = attempt_bound("claude", AnthropicSettings(kind="anthropic"), asked)
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


async def test_cached_tokens_count_as_input(server):
    usage = {"input_tokens": 2, "output_tokens": 1, "cache_read_input_tokens": 7}
    content = [{"type": "text", "text": "hi"}]
    server.faults = [(200, {}, {"type": "message", "content": content, "usage": usage})]
    response = await _one(_model(server))
    assert response.usage == Usage(input_tokens=9, output_tokens=1)


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
    with pytest.raises(NotRepeatable, match="takes back only as long as nothing before it"):
        await _one(_model(server))


def test_a_missing_key(server, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ModelUnavailable, match="set the environment variable ANTHROPIC_API_KEY"):
        _model(server)
