"""A call whose messages hold a tool's call and its result: captured by the real client, asked again
of a server that refuses invalid requests, and explained."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

import smile_trace
from smile_trace.records import Call, Explanation, ToolCall, ToolResult
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support import order_agent
from tests.support.capture_fixtures import capturing_into
from tests.support.fake_tracker import FakeTracker
from tests.support.strict_openai import StrictServer, strict
from tests.support.worker_settings import settings_tables


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict(order_agent.answer) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, server: StrictServer) -> Iterator[Settings]:
    tables = {
        "budget": {"calls_per_explanation": 60},
        "sampling": {"minimum_per_prompt_version": 0},
    }
    made = Settings(home=tmp_path, **settings_tables(server.base_url, tables))
    with capturing_into(tmp_path):
        yield made


def _ask(server: StrictServer, **request: Any) -> Any:
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        return client.chat.completions.create(**request)


def _recorded(server: StrictServer) -> None:
    @smile_trace.trace
    def answer(question: str) -> str:
        response = _ask(server, **order_agent.REQUEST)
        smile_trace.record(parameters=order_agent.REQUEST, response=response)
        return str(response.choices[0].message.content)

    answer(order_agent.QUESTION)


def _instrumented(server: StrictServer) -> None:
    smile_trace.instrument("openai")
    _ask(server, **order_agent.REQUEST)


def _explained(settings: Settings) -> tuple[Call, Explanation]:
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    return item.call, item.explanation


@pytest.mark.parametrize("use", [_recorded, _instrumented])
def test_from_the_client_to_the_explanation(
    use: Any, server: StrictServer, settings: Settings
) -> None:
    use(server)
    [sent] = server.bodies
    call, explanation = _explained(settings)
    assert [message.role for message in call.messages] == ["system", "user", "assistant", "tool"]
    [called], [result] = call.messages[2].parts, call.messages[3].parts
    assert called == ToolCall(id="call_1", name="get_order", arguments='{"number": 4711}')
    assert isinstance(result, ToolResult)
    assert (result.id, json.loads(result.response)) == ("call_1", order_agent.RESULT)
    assert server.refused == []
    assert server.bodies[1] == sent, "the unperturbed request is not what the application sent"
    assert len(server.bodies) > 10
    assert explanation.status == "reliable"
    [driver] = explanation.drivers
    assert driver.text == '"arrives": "Friday"'
    assert driver.role == "tool"


def test_every_result_that_was_sent_is_json(server: StrictServer, settings: Settings) -> None:
    _recorded(server)
    _explained(settings)
    cut = [json.loads(body["messages"][-1]["content"]) for body in server.bodies]
    assert all(isinstance(result, dict) for result in cut)
    assert any("shipping" not in result for result in cut)
    assert any(len(result.get("items", ())) == 1 for result in cut)
