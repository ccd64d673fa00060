"""Streams of the real openai client, with calls of tools in pieces, parallel ones in turn."""

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from openai import OpenAI
from opentelemetry.instrumentation.utils import suppress_instrumentation

import smile_trace
from smile_trace.records import Call
from smile_trace.testing import captured
from tests.support import order_agent
from tests.support.strict_openai import StrictServer, strict

CALLED = [
    {"name": "get_order", "arguments": {"number": 4711, "note": "please, and soon"}},
    {"name": "cancel_order", "arguments": {"number": 17}},
]
CHAT = {"messages": [{"role": "user", "content": "hi"}], "tools": order_agent.TOOLS}
RESPONSES = {
    "input": "hi",
    "tools": [{"type": "function", "strict": False, **t["function"]} for t in order_agent.TOOLS],
}


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict(lambda body: CALLED) as running:
        yield running


@pytest.fixture
def client(server: StrictServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        yield client


def _ask(client: OpenAI, request: dict[str, Any]) -> Any:
    resource: Any = client.chat.completions if "messages" in request else client.responses
    return resource.create(model="planted", stream=True, **request)


def _decorated(client: OpenAI, request: dict[str, Any], stop: Callable[[Any], bool]) -> None:
    @smile_trace.trace
    def stream(question: str) -> Generator[Any, None, None]:
        smile_trace.record(parameters=request)
        with suppress_instrumentation():  # of another test, in this process
            chunks = _ask(client, request)
        yield from chunks

    chunks = stream("hi")
    for chunk in chunks:
        if stop(chunk):
            break
    chunks.close()


def _instrumented(client: OpenAI, request: dict[str, Any], stop: Callable[[Any], bool]) -> None:
    smile_trace.instrument("openai")
    for chunk in _ask(client, request):
        if stop(chunk):
            break


def _captured(how: Any, client: OpenAI, request: Any, stop: Any = lambda chunk: False) -> Call:
    with captured() as found:
        how(client, request, stop)
    [call] = found.calls
    return call


@pytest.mark.parametrize("how", [_decorated, _instrumented])
@pytest.mark.parametrize("request_", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_calls_of_tools_arrive_whole(how: Any, request_: Any, client: OpenAI) -> None:
    call = _captured(how, client, request_)
    assert [(c.id, c.name, c.arguments) for c in call.tool_calls] == [
        (f"call_{number}", called["name"], json.dumps(called["arguments"]))
        for number, called in enumerate(CALLED)
    ]
    assert json.loads(call.answer or "") == {"tool_calls": CALLED}
    assert call.status == "returned"


@pytest.mark.parametrize("request_", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_what_had_arrived_of_a_stream_that_was_closed(request_: Any, client: OpenAI) -> None:
    seen = []

    def stop(chunk: Any) -> bool:
        seen.append(chunk)
        return len(seen) == 9

    call = _captured(_decorated, client, request_, stop)
    assert call.status == "abandoned"
    whole = [json.dumps(called["arguments"]) for called in CALLED]
    got = [str(called.arguments) for called in call.tool_calls]
    assert [called.name for called in call.tool_calls] == ["get_order", "cancel_order"]
    assert all(w.startswith(g) and g != w for w, g in zip(whole, got, strict=True))
    assert any(got)


@pytest.mark.parametrize("request_", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_a_refusal_in_pieces(request_: Any, client: OpenAI, server: StrictServer) -> None:
    server.answer = lambda body: [{"refusal": "I will not do that."}]
    for how in (_decorated, _instrumented):
        call = _captured(how, client, request_)
        assert json.loads(call.answer or "") == {"refusal": "I will not do that."}, how
