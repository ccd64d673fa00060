"""`instrument("anthropic")` and `record()`: the real client against a server that is as strict as
Anthropic's; what was captured is asked again, and is the request that was sent."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import smile_trace
from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.models import NotRepeatable, Request
from smile_trace.models.kinds.anthropic import AnthropicModel, AnthropicSettings
from smile_trace.records import Call, Prompted
from smile_trace.records.formats.answers import read_refusal, read_tool_calls
from smile_trace.testing import Captured
from tests.support.strict_anthropic import StrictAnthropic, strict

if TYPE_CHECKING:  # the client is 3,000 modules, which only these tests need
    from anthropic import Anthropic

MODEL = "claude-opus-5-5"

TOOLS: list[Any] = [
    {
        "name": name,
        "description": f"{name}, of the shop.",
        "input_schema": {"type": "object", "properties": {"number": {"type": "integer"}}},
    }
    for name in ("get_order", "cancel_order")
]

CALLS: list[dict[str, Any]] = [
    {"type": "text", "text": "Let me see."},
    {"type": "tool_use", "name": "get_order", "input": {"number": 4711}},
    {"type": "tool_use", "name": "get_order", "input": {"number": 4712}},
]
QUESTION = "Where are the orders 4711 and 4712?"


def _agent(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    """Calls its tool for both orders, and answers from the results."""
    last = body["messages"][-1]["content"]
    if isinstance(last, str) or last[0]["type"] != "tool_result":
        return CALLS if body.get("tools") else "Hello, I am brief."
    return "On Friday." if "Friday" in json.dumps(body["messages"]) else "I do not know."


@pytest.fixture
def server(monkeypatch) -> Iterator[StrictAnthropic]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-none")
    with strict(_agent) as running:
        yield running
        assert running.refused == []


@pytest.fixture
def client(server: StrictAnthropic) -> Iterator["Anthropic"]:
    smile_trace.instrument("anthropic")
    with _client(server) as client:
        yield client


def _client(server: StrictAnthropic) -> "Anthropic":
    from anthropic import Anthropic

    return Anthropic(base_url=server.base_url, max_retries=0)


def _model(server: StrictAnthropic) -> AnthropicModel:
    settings = AnthropicSettings(kind="anthropic", base_url=server.base_url)
    return AnthropicModel(MODEL, settings)


async def _asked_again(call: Call, server: StrictAnthropic) -> dict[str, Any]:
    """The body of the request that is made for the unperturbed call."""
    model = _model(server)
    [response] = await model.generate([Request.of(Prompted.of(call))])
    await model.aclose()
    assert response.text == call.answer
    return server.bodies[-1]


def _same(body: dict[str, Any]) -> dict[str, Any]:
    """Without what says how the answer comes, of whom the request is, and what is cached."""
    same = {name: value for name, value in body.items() if name not in ("stream", "metadata")}
    if isinstance(same.get("system"), list):
        same["system"] = [{**block, "cache_control": None} for block in same["system"]]
    return same


FIRST: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 60,
    "system": [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [{"role": "user", "content": QUESTION}],
    "tools": TOOLS,
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u-1"},
}


def _second(reply: Any) -> dict[str, Any]:
    """The request of the second step, with a client's own objects in it, as applications do."""
    called = [block for block in reply.content if block.type == "tool_use"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": called[0].id,
            "content": [{"type": "text", "text": '{"arrives": "Friday"}'}],
        },
        {
            "type": "tool_result",
            "tool_use_id": called[1].id,
            "content": "no such order",
            "is_error": True,
        },
        {"type": "text", "text": "Answer in two words."},
    ]
    messages = [
        *FIRST["messages"],
        {"role": "assistant", "content": reply.content},
        {"role": "user", "content": results},
    ]
    return {**FIRST, "messages": messages, "system": "Be brief."}


async def test_an_agent_with_parallel_tools(client, server, found: Captured):
    reply = client.messages.create(**FIRST)
    client.messages.create(**_second(reply))
    first, second = found.calls
    assert read_tool_calls(first.answer or "") == (
        ("get_order", {"number": 4711}),
        ("get_order", {"number": 4712}),
    )
    assert (first.finish_reason, second.finish_reason) == ("tool_use", "end_turn")
    assert second.answer == "On Friday."
    assert [first.not_repeatable, second.not_repeatable] == [None, None]
    sent = list(server.bodies)
    assert _same(await _asked_again(first, server)) == _same(sent[0])
    assert _without_nulls(_same(await _asked_again(second, server))) == _without_nulls(
        _same(sent[1])
    )


def _without_nulls(value: Any) -> Any:
    """The client's objects say which of their fields are not set, and who called a tool."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None and k != "caller"}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _image(source: dict[str, str]) -> dict[str, Any]:
    return {"type": "image", "source": source}


async def test_documents_and_images(client, server, found: Captured):
    content: list[Any] = [
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Within 30 days."},
            "title": "Returns",
            "citations": {"enabled": True},
        },
        {
            "type": "search_result",
            "source": "https://example.org/a",
            "title": "Lamps",
            "content": [{"type": "text", "text": "Sold out."}],
        },
        _image({"type": "url", "url": "https://example.org/a.png"}),
        _image({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        {"type": "text", "text": "How long may I return a lamp?"},
    ]
    client.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": content}]
    )
    [call] = found.calls
    assert call.messages[0].content.splitlines() == [
        "Within 30 days.",
        "Sold out.",
        "image (https://example.org/a.png)",
        "image (png, 8 bytes)",
        "How long may I return a lamp?",
    ]
    assert _same(await _asked_again(call, server)) == _same(server.bodies[0])


@pytest.mark.parametrize("way", ["create", "stream", "async"])
async def test_streams(client, server, found: Captured, way: str):
    request: dict[str, Any] = {name: v for name, v in FIRST.items() if name != "metadata"}
    if way == "create":
        for _ in client.messages.create(**request, stream=True):
            pass
    elif way == "stream":
        with client.messages.stream(**request) as stream:
            for _ in stream:
                pass
    else:
        from anthropic import AsyncAnthropic

        async with AsyncAnthropic(base_url=server.base_url, max_retries=0) as other:
            async for _ in await other.messages.create(**request, stream=True):
                pass
    [call] = found.calls
    assert read_tool_calls(call.answer or "") == (
        ("get_order", {"number": 4711}),
        ("get_order", {"number": 4712}),
    )
    assert call.usage is not None
    assert _same(await _asked_again(call, server)) == _same(server.bodies[0])


@pytest.mark.parametrize("way", ["events", "helper", "left early"])
def test_a_decorated_stream(server, found: Captured, way: str):
    """Without the instrumentor: the function hands the client's events on."""

    @smile_trace.trace
    def ask(prompt: str) -> Iterator[Any]:
        request = {**FIRST, "messages": [{"role": "user", "content": prompt}]}
        smile_trace.record(parameters=request)
        with _client(server) as client, suppress_instrumentation():
            if way == "helper":
                del request["metadata"]
                with client.messages.stream(**request) as stream:
                    yield from stream
            else:
                yield from client.messages.create(**request, stream=True)

    events = ask(QUESTION)
    if way == "left early":
        for event in events:
            if event.type == "content_block_stop":
                break
        events.close()  # type: ignore[attr-defined]
    else:
        assert len(list(events)) > 10
    [call] = found.calls
    if way == "left early":
        assert (call.status, call.answer) == ("abandoned", "Let me see.")
        return
    assert [called.arguments for called in call.tool_calls] == [{"number": 4711}, {"number": 4712}]
    assert (call.finish_reason, call.response_id) == ("tool_use", "msg_1")
    assert call.usage is not None
    assert call.usage.output_tokens == 24


def test_a_refusal(server, found: Captured):
    server.stop_reason = "refusal"
    smile_trace.instrument("anthropic")
    with _client(server) as client:
        client.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        )
    [call] = found.calls
    assert read_refusal(call.answer or "") == "Hello, I am brief."


async def test_a_prompt_and_a_recorded_request(server, found: Captured):
    prompt = smile_trace.Prompt("orders", version="1", template="Where are the orders {numbers}?")

    @smile_trace.trace
    def ask(numbers: str) -> str:
        messages = [{"role": "user", "content": prompt.format(numbers=numbers)}]
        request = {**FIRST, "messages": messages}
        with _client(server) as client, suppress_instrumentation():  # no instrumentor
            reply = client.messages.create(**request)
        smile_trace.record(parameters=request, response=reply)
        return reply.content[0].text

    ask("4711 and 4712")
    [call] = found.calls
    assert read_tool_calls(call.answer or "") is not None
    assert [(use.name, use.message) for use in call.prompts] == [("orders", 1)]
    assert _same(await _asked_again(call, server)) == _same(server.bodies[0])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (_image({"type": "file", "file_id": "file_1"}), "its image is only referred to"),
        (
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            "its file is only referred to",
        ),
    ],
)
def test_what_cannot_be_asked_again(client, found: Captured, content: Any, why: str):
    content = [content, {"type": "text", "text": "What is this?"}]
    client.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": content}]
    )
    [call] = found.calls
    assert why in str(call.not_repeatable)


@pytest.mark.parametrize(
    "source",
    [
        {"type": "url", "url": "https://example.org/a.pdf"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"},
    ],
)
async def test_a_pdf_is_not_asked_again(client, server, found: Captured, source: Any):
    content: list[Any] = [{"type": "document", "source": source}, {"type": "text", "text": "So?"}]
    client.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": content}]
    )
    [call] = found.calls
    assert call.messages[0].content.startswith("file (")
    with pytest.raises(NotRepeatable, match="its price has no bound"):
        await _asked_again(call, server)
