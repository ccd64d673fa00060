"""Each shape of OpenAI's API from the real client to the explanation: captured, asked again of a
server that refuses what the service refuses, and explained. The request that is asked again for
the unperturbed prompt is the one that was sent."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from opentelemetry.instrumentation.utils import suppress_instrumentation

import smile_trace
from smile_trace.records import Call, Explanation
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support import order_agent
from tests.support.capture_fixtures import capturing_into
from tests.support.fake_tracker import FakeTracker
from tests.support.strict_openai import StrictServer, strict
from tests.support.worker_settings import settings_tables

SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}},
    "required": ["day"],
    "additionalProperties": False,
}
FLAT_TOOLS = [{"type": "function", "strict": False, **t["function"]} for t in order_agent.TOOLS]
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"}

CALLED = {
    "type": "function_call",
    "id": "fc_thought",
    "call_id": "call_1",
    "name": "get_order",
    "arguments": '{"number": 4711}',
    "status": "completed",
}

SECOND = {**CALLED, "id": "fc_2", "call_id": "call_2", "arguments": '{"number": 4712}'}
GIVEN = {
    "type": "function_call_output",
    "call_id": "call_1",
    "output": json.dumps(order_agent.RESULT),
}

SAID = {
    "type": "message",
    "id": "msg_0",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}],
}
ASKED = {"role": "user", "content": order_agent.QUESTION}
COMMON = {"model": "planted", "temperature": 0, "max_output_tokens": 60}

RESPONSES: dict[str, dict[str, Any]] = {
    "text": {"input": order_agent.QUESTION + " Friday?", "instructions": order_agent.SYSTEM},
    "items": {
        "instructions": order_agent.SYSTEM,
        "input": [ASKED, THOUGHT, SAID, CALLED, GIVEN],
        "tools": FLAT_TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "store": False,
    },
    "parallel": {
        "input": [ASKED, THOUGHT, CALLED, SECOND, {**GIVEN, "call_id": "call_2"}, GIVEN],
        "tools": FLAT_TOOLS,
    },
    "schema": {
        "input": [
            {"role": "developer", "content": order_agent.SYSTEM},
            ASKED,
            CALLED | {"id": "fc_1"},
            {**GIVEN, "output": [{"type": "input_text", "text": "It arrives on Friday."}]},
        ],
        "text": {
            "format": {"type": "json_schema", "name": "day", "schema": SCHEMA, "strict": True},
            "verbosity": "low",
        },
    },
}

PIXELS = "data:image/png;base64," + "iVBORw0KGgo=" * 300
PICTURE = {"type": "image_url", "image_url": {"url": PIXELS, "detail": "low"}}
SCHEMA_OF_CHAT = {
    "type": "json_schema",
    "json_schema": {"name": "day", "schema": SCHEMA, "strict": True},
}

CHATS: dict[str, dict[str, Any]] = {
    "tools": order_agent.REQUEST,
    "schema": {
        "messages": [{"role": "user", "name": "ann", "content": "Which day is it, Friday or not?"}],
        "response_format": SCHEMA_OF_CHAT,
    },
    "functions": {
        "messages": [
            {"role": "user", "content": "When does it arrive?"},
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "get_order", "arguments": "{}"},
            },
            {"role": "function", "name": "get_order", "content": '{"arrives": "Friday"}'},
        ],
        "functions": [tool["function"] for tool in order_agent.TOOLS],
        "function_call": "auto",
    },
}


def _answer(body: dict[str, Any]) -> str:
    """All depends on one day in what a tool gave back, or the user said."""
    said = json.dumps(body.get("input", body.get("messages")))
    day = "Friday" if "Friday" in said else "unknown"
    wanted = "text" in body or "response_format" in body
    return json.dumps({"day": day}) if wanted else f"It arrives on {day}."


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict(_answer) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, server: StrictServer) -> Iterator[Settings]:
    tables = {
        "budget": {"calls_per_explanation": 40},
        "sampling": {"minimum_per_prompt_version": 0},
    }
    made = Settings(home=tmp_path, **settings_tables(server.base_url, tables))
    with capturing_into(tmp_path):
        yield made


def _recorded(create: Callable[..., Any], request: dict[str, Any]) -> None:
    @smile_trace.trace
    def ask() -> None:
        with suppress_instrumentation():  # of another test, in this process
            response = create(**request)
        smile_trace.record(parameters=request, response=response)

    ask()


def _instrumented(create: Callable[..., Any], request: dict[str, Any]) -> None:
    smile_trace.instrument("openai")
    create(**request)


def shapes(of: dict[str, Any], quick: str) -> list[Any]:
    """The names of all shapes, of which one is tried in `make test`."""
    return [quick, *(pytest.param(one, marks=pytest.mark.slow) for one in of if one != quick)]


CAPTURES = [_instrumented, pytest.param(_recorded, marks=pytest.mark.slow)]


def _explained(settings: Settings) -> tuple[Call, Explanation]:
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    return item.call, item.explanation


@pytest.mark.slow
@pytest.mark.parametrize("capture", [_instrumented, _recorded])
@pytest.mark.parametrize("shape", shapes(RESPONSES, "items"))
def test_responses(shape: str, capture: Any, server: StrictServer, settings: Settings) -> None:
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        capture(client.responses.create, {**COMMON, **RESPONSES[shape]})
    [sent] = server.bodies
    call, explanation = _explained(settings)
    assert call.form == "responses"
    assert server.refused == []
    assert _simple(server.bodies[1]) == _simple(sent)
    assert len(server.bodies) > 5
    assert explanation.status == "reliable", explanation.summary
    assert "Friday" in explanation.drivers[0].text


@pytest.mark.slow
@pytest.mark.parametrize("held", [True, False])
def test_reasoning_that_is_kept_by_its_id(
    held: bool, server: StrictServer, settings: Settings
) -> None:
    """It is asked with as long as the service has it, and without it then; the ids that it is
    linked by go with it."""
    server.holds = True
    thought = {name: value for name, value in THOUGHT.items() if name != "encrypted_content"}
    request = {**COMMON, "input": [ASKED, thought, CALLED, GIVEN], "tools": FLAT_TOOLS}
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        _recorded(client.responses.create, request)
    server.holds = held
    _, explanation = _explained(settings)
    assert explanation.status == "reliable", explanation.summary
    assert "Friday" in explanation.drivers[0].text
    said = (
        "The model was asked without its earlier reasoning: the server no longer has its reasoning."
    )
    assert (said in explanation.summary) is not held
    assert bool(server.refused) is not held
    assert (thought in server.bodies[-1]["input"]) is held


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("shape", shapes(CHATS, "tools"))
def test_chat(shape: str, capture: Any, server: StrictServer, settings: Settings) -> None:
    request = {"model": "planted", "temperature": 0, "max_tokens": 60, **CHATS[shape]}
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        capture(client.chat.completions.create, request)
    [sent] = server.bodies
    _, explanation = _explained(settings)
    assert server.refused == []
    assert server.bodies[1] == sent
    assert explanation.status == "reliable", explanation.summary
    assert "Friday" in explanation.drivers[0].text
    if shape == "tools":  # a result is cut along its fields: every one that was sent is JSON
        results = [json.loads(body["messages"][-1]["content"]) for body in server.bodies]
        assert any("shipping" not in result for result in results)
        assert any(len(result.get("items", ())) == 1 for result in results)


@pytest.mark.slow
@pytest.mark.parametrize("capture", CAPTURES)
def test_an_image_is_a_segment(capture: Any, server: StrictServer, settings: Settings) -> None:
    """It is sent again as it was, removed as a whole, and shown by its title alone."""
    server.answer = lambda body: "A lamp." if PIXELS in json.dumps(body) else "I see no image."
    text = {"type": "text", "text": "What does this picture show, please?"}
    messages = [{"role": "user", "content": [PICTURE, text]}]
    request = {"model": "planted", "temperature": 0, "max_tokens": 60, "messages": messages}
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        capture(client.chat.completions.create, request)
    [sent] = server.bodies
    _, explanation = _explained(settings)
    assert server.refused == []
    assert server.bodies[1] == sent
    [driver] = explanation.drivers
    assert (driver.text, driver.unit) == ("image (png, 3 kB)", "media")
    assert driver.attribution == pytest.approx(1, abs=0.02)
    assert "“image (png, 3 kB)”" in explanation.summary
    for picture in (explanation.to_html(), explanation.to_svg()):
        assert "image (png, 3 kB)" in picture
        assert "iVBOR" not in picture


def test_a_server_without_the_responses_api_says_what_to_set(
    server: StrictServer, settings: Settings
) -> None:
    with OpenAI(base_url=server.base_url, api_key="unused", max_retries=0) as client:
        _recorded(client.responses.create, {**COMMON, **RESPONSES["items"]})
    server.paths.remove("/v1/responses")
    status = run(settings, once=True, trackers=[FakeTracker()])
    assert status.explained == 0
    said = [one.reason for one in (*status.failed_by_reason, *status.pending_by_reason)]
    assert len(said) == 1
    assert 'set form = "chat" for it' in said[0]


def _simple(body: dict[str, Any]) -> dict[str, Any]:
    """An input of one text as an item; what has no value as left out."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return {**body, "input": [{k: v for k, v in i.items() if v is not None} for i in items]}
