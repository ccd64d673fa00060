"""No perturbation of a valid request is one that the service would refuse."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitMissing
from smile_trace.dialects.parts import read_message
from smile_trace.models import Request, openai_wire
from smile_trace.models.kinds import anthropic
from smile_trace.providers import read_messages
from smile_trace.records import Message, Prompted, Unit
from smile_trace.records.formats.requests import with_offered_tools
from tests.support.order_agent import TOOLS
from tests.support.random_masks import perturbed
from tests.support.strict_anthropic import check as check_anthropic
from tests.support.strict_openai import check

TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["Where is order 4711?", "One sentence. Another one.\n\nA paragraph.", "[1] a\n[2] b"]
)
LEAF = st.none() | st.booleans() | st.integers() | TEXT
JSON_VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
CONTENT = TEXT | st.lists(
    TEXT.map(lambda text: {"type": "text", "text": text}) | st.just(IMAGE), min_size=1, max_size=3
)
UNITS = st.sampled_from(
    ["auto", "word", "sentence", "section", "message", "document", "example", "tool",
     "tool_result", "media", "turn", "step"]
)  # fmt: skip
RESULT = TEXT | JSON_VALUE.map(json.dumps)
STEP = st.tuples(st.none() | TEXT, st.lists(RESULT, min_size=1, max_size=3))
"""What the assistant says beside its calls, and the result of each call."""


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Valid chat requests: system and user messages, steps of parallel tool calls, answers."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append(
            {"role": draw(st.sampled_from(["system", "developer"])), "content": "S. T."}
        )
    for turn in range(draw(st.integers(1, 2))):
        messages.append({"role": "user", "content": draw(CONTENT)})
        for step, (said, results) in enumerate(draw(st.lists(STEP, max_size=2))):
            ids = [f"call_{turn}_{step}_{k}" for k in range(len(results))]
            function = {"name": "get_order", "arguments": '{"number": 4711}'}
            calls = [{"id": i, "type": "function", "function": function} for i in ids]
            messages.append({"role": "assistant", "content": said, "tool_calls": calls})
            messages += [
                {"role": "tool", "tool_call_id": i, "content": result}
                for i, result in zip(ids, results, strict=True)
            ]
        if draw(st.booleans()):
            messages.append({"role": "assistant", "content": draw(TEXT)})
    messages.append({"role": "user", "content": "And now?"})
    return {"messages": messages, "tools": TOOLS, "tool_choice": "auto", "temperature": 0.5}


def _read(messages: list[dict[str, Any]]) -> tuple[Message, ...]:
    read = [read_message(message) for message in read_messages(messages) or ()]
    return tuple(message for message in read if message is not None)


def _body(messages: tuple[Message, ...], parameters: dict[str, Any]) -> dict[str, Any]:
    request = Request(messages=messages, parameters=parameters)
    sent = openai_wire.parameters(request, form="chat", limit={"max_tokens": 9})
    return {"model": "m", **openai_wire.question(messages, form="chat"), **sent}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), UNITS, st.data())
def test_not_one_is_refused(request: dict[str, Any], unit: Unit, data: st.DataObject) -> None:
    parameters = {name: value for name, value in request.items() if name != "messages"}
    prompted = Prompted(messages=_read(request["messages"]), parameters=parameters)
    body = _body(prompted.messages, parameters)
    assert _simple(body["messages"]) == _simple(request["messages"])
    assert {name: body[name] for name in parameters} == parameters
    if unit == "tool":
        prompted = with_offered_tools(prompted)
    try:
        partition = Segmentation(prompted, unit)
    except UnitMissing:
        return
    for messages, sent in perturbed(prompted, partition, data):
        check(_body(messages, sent))


def _simple(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With a content of one text as a text, as capture reads it."""
    simple = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list) and len(content) == 1 and content[0]["type"] == "text":
            content = content[0]["text"]
        simple.append({**message, "content": content})
    return simple


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.data())
def test_a_call_of_openais_may_be_asked_of_anthropic(
    request: dict[str, Any], data: st.DataObject
) -> None:
    messages = _read(request["messages"])
    others = {"max_completion_tokens": 7, "stop": "END", "seed": 3, "parallel_tool_calls": False}
    parameters = {name: v for name, v in request.items() if name != "messages"} | others
    prompted = Prompted(messages=messages, parameters=parameters)
    segments = Segmentation(prompted, "auto").segments
    mask = data.draw(st.lists(st.booleans(), min_size=len(segments), max_size=len(segments)))
    for sent in (messages, Perturber(prompted, segments).messages(mask)):
        asked = Request(messages=sent, parameters=parameters)
        body = {"model": "m", **anthropic.body(asked, max_tokens=5)}
        check_anthropic(body, version="2023-06-01")  # it has a temperature
        assert (body["max_tokens"], body["stop_sequences"]) == (7, ["END"])
        assert [tool["name"] for tool in body["tools"]] == ["get_order", "cancel_order"]
        assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
