"""What is read of the known providers, of one that is registered, and of other tracing."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, ClassVar

import pytest

import smile_trace
from smile_trace import semconv
from smile_trace._guards import external_tracing, internal_errors
from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace._guards.jsonable import field
from smile_trace.providers import (
    Answer,
    Part,
    Provider,
    SentRequest,
    base,
    join_chunks,
    read_answer,
    read_messages,
    read_request,
    register,
)
from smile_trace.testing import Captured


class Converse(Provider):
    """A provider as different from the known ones as Bedrock's."""

    name: ClassVar[str] = "converse"

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if "modelId" not in request:
            return None
        system = [{"role": "system", "content": request.get("system") or []}]
        messages = read_messages([*system, *request["messages"]])
        limit = request.get("inferenceConfig", {}).get("maxTokens")
        attributes = {
            semconv.REQUEST_MODEL: request["modelId"],
            semconv.REQUEST_MAX_TOKENS: limit,
        }
        return SentRequest(messages, attributes=attributes)

    def read_part(self, part: Any) -> Part | None:
        call = field(part, "toolUse")
        return None if call is None else {"type": "tool_call", "name": field(call, "name")}

    def read_response(self, response: Any) -> Answer | None:
        message = field(field(response, "output"), "message")
        if message is None:
            return None
        return Answer(read_messages([message]) or [], [str(field(response, "stopReason"))])

    def read_chunk(self, chunk: Any) -> str | None:
        text = field(field(field(chunk, "contentBlockDelta"), "delta"), "text")
        return text if isinstance(text, str) else None


REQUEST = {
    "modelId": "a-1",
    "system": [{"text": "be brief"}],
    "messages": [{"role": "user", "content": [{"text": "why?"}, {"toolUse": {"name": "f"}}]}],
    "inferenceConfig": {"maxTokens": 7},
}


RESPONSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "so"}]}},
    "stopReason": "end_turn",
}


@pytest.fixture
def converse() -> Iterator[None]:
    before = list(base.PROVIDERS)
    register(Converse())
    yield
    base.PROVIDERS[:] = before


@pytest.mark.usefixtures("converse")
def test_a_registered_provider_reads_its_requests_and_responses(found: Captured) -> None:
    @smile_trace.trace
    def ask(question: str) -> str:
        smile_trace.record(parameters=REQUEST, response=RESPONSE)
        return "so"

    ask("why?")
    [call] = found.calls
    assert [(m.role, m.content) for m in call.messages] == [
        ("system", "be brief"),
        ("user", "why?"),
    ]
    assert (call.model, call.answer, call.finish_reason) == ("a-1", "so", "end_turn")
    assert call.parameters == {"max_tokens": 7}
    assert call.not_repeatable == "a call of a tool, or its result, was recorded without its id"
    assert join_chunks([{"contentBlockDelta": {"delta": {"text": t}}} for t in "ab"]) == "ab"


@pytest.mark.usefixtures("converse")
def test_the_known_providers_are_still_read() -> None:
    openai = {"choices": [{"message": {"role": "assistant", "content": "hi"}}]}
    assert read_answer(openai).messages == read_answer("hi").messages
    assert read_request({"messages": "hi"}).messages == read_messages("hi")


@pytest.mark.parametrize(
    ("request_", "roles"),
    [
        ({"messages": [{"role": "user", "content": "q"}], "system": "s"}, ["system", "user"]),
        ({"input": "q", "instructions": "s"}, ["system", "user"]),
        ({"prompt": "q", "system": "s"}, ["system", "user"]),
        ({"input": "q", "instructions": "s", "system": "t"}, ["system", "system", "user"]),
        ({"messages": [{"role": "tool", "content": "r"}]}, ["tool"]),
        ({"system": "s"}, None),
        ({"messages": 5}, None),
    ],
)
def test_system_instructions_come_first(request_: dict[str, Any], roles: list[str] | None) -> None:
    messages = read_request(request_).messages
    assert (messages and [m["role"] for m in messages]) == roles  # type: ignore[comparison-overlap]


def test_parts_of_messages() -> None:
    [user, assistant, tool] = read_messages(
        [
            {
                "role": "user",
                "content": [
                    "a",
                    {"type": "input_text", "text": "b"},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                    {"type": "image", "source": {"media_type": "image/png", "data": "aGVsbG8="}},
                    {"type": "tool_result", "tool_use_id": "t", "content": "r"},
                    {"type": "new", "text": 5},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "t", "content": "r"},
        ]
    ) or [{}, {}, {}]
    kinds = [part["type"] for part in user["parts"]]
    assert kinds == ["text", "text", "uri", "blob", "tool_call_response", "new"]
    assert assistant["parts"] == [{"type": "tool_call", "id": "t", "name": "f", "arguments": "{}"}]
    assert tool["parts"] == [{"type": "tool_call_response", "id": "t", "response": "r"}]


class Tracing:
    """A tracing system with one active span."""

    def __init__(self) -> None:
        self.active: tuple[str, str] | None = ("t-1", "s-1")
        self.last: str | None = None
        self.suppressed = False

    def active_span(self) -> tuple[str, str] | None:
        return self.active

    def last_trace(self) -> str | None:
        return self.last

    @contextmanager
    def suppress(self) -> Iterator[None]:
        self.suppressed = True
        yield
        self.suppressed = False


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracing]:
    """Registered for the module `fake_tracing`, which has been imported."""
    monkeypatch.setitem(sys.modules, "fake_tracing", ModuleType("fake_tracing"))
    known = external_tracing._known()
    before = dict(known)
    registered = Tracing()
    external_tracing.register("fake_tracing", registered)
    yield registered
    known.clear()
    known.update(before)


@smile_trace.trace(model="m")
def ask(prompt: str) -> str:
    return f"answer to {prompt}"


def test_the_active_span_is_noted(tracing: Tracing, found: Captured) -> None:
    ask("x")
    tracing.active = None
    ask("y")
    first, second = found.calls
    assert first.external_trace == {"fake_tracing.trace_id": "t-1", "fake_tracing.span_id": "s-1"}
    assert second.external_trace == {}


def test_a_trace_that_began_inside_of_the_call_is_noted(tracing: Tracing, found: Captured) -> None:
    tracing.active, tracing.last = None, "before"

    @smile_trace.trace(model="m")
    def automatic(prompt: str) -> str:
        tracing.last = "inside"
        return "x"

    automatic("x")
    ask("y")
    first, second = found.calls
    assert first.external_trace == {"fake_tracing.trace_id": "inside"}
    assert second.external_trace == {}


def test_before_the_system_is_imported_it_is_not_asked(
    tracing: Tracing, found: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fake_tracing")
    ask("x")
    assert found.calls[0].external_trace == {}


def test_it_is_suppressed_under_our_own_calls(tracing: Tracing) -> None:
    with suppress_instrumentation():
        assert tracing.suppressed
    assert not tracing.suppressed


def test_an_integration_that_cannot_be_loaded_is_counted_once(
    tracing: Tracing, found: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("fake_tracing", "no_such_package:Tracing", external_tracing.GROUP)
    monkeypatch.setattr(external_tracing, "_integrations", None)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [broken])
    assert [ask("x"), ask("y")] == ["answer to x", "answer to y"]
    assert [call.external_trace for call in found.calls] == [{}, {}]
    assert internal_errors.counts() == {"the integration of fake_tracing could not be loaded": 1}
