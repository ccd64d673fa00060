"""Calls and results of tools that somebody made up to do harm: shown as text, and never run."""

import json
from typing import Any

import pytest

import smile_trace
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.dialects import read_calls
from smile_trace.explaining import ExplanationFailed
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.records import Message, OtherPart, Prompted, Span, ToolCall, ToolResult
from smile_trace.render import to_html, to_svg
from smile_trace_contracts.samples import HOSTILE
from tests.support import order_agent
from tests.support.explained import explanation
from tests.support.strict_openai import strict

DEEP = "[" * 3000 + "]" * 3000


def test_scripts_are_shown_as_text() -> None:
    parts = (
        ToolCall(id=HOSTILE, name=HOSTILE, arguments={HOSTILE: HOSTILE}),
        ToolResult(id=HOSTILE, response=json.dumps({HOSTILE: [HOSTILE]})),
        OtherPart(raw={"type": HOSTILE}),
    )
    made = explanation().model_copy(
        update={"messages": (Message(role=HOSTILE, parts=parts),), "segments": ()}
    )
    for page in (to_html(made), to_svg(made)):
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        assert "calls " in page


@pytest.mark.parametrize(
    "response",
    [
        DEEP,
        '{"a": ' * 500,
        '{"a": NaN}',
        "{]",
        '{"a": 1, "a": 2}',
        "\ud83d",
        "",
        "{" + '"k":1,' * 9,
    ],
)
def test_whatever_a_tool_gave_back_is_cut(response: str) -> None:
    result = Message(role="tool", parts=(ToolResult(id="c1", response=response),))
    prompted = Prompted(messages=(Message(role="user", content="hi there"), result))
    segments = Segmentation(prompted, "word").segments
    perturber = Perturber(prompted, segments)
    assert perturber.messages([True] * len(segments)) == prompted.messages
    [_, sent] = perturber.messages([s.message == 0 for s in segments])
    assert sent.role == "tool"


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "tool_call"}],
        [{"type": "tool_call", "name": 7, "id": [], "arguments": None}],
        [{"type": "tool_call_response", "id": {}, "response": {"a": [None]}}],
        [{"type": "blob", "content": 3}, {"type": [], "content": {}}],
        [None, 3, "text", {}],
    ],
)
def test_parts_that_are_none(parts: list[Any]) -> None:
    message = {"role": "assistant", "parts": parts}
    span = Span(
        trace_id="a" * 32,
        span_id="b" * 16,
        name="x",
        start_ns=1,
        end_ns=2,
        attributes={
            "gen_ai.input.messages": json.dumps([message]),
            "gen_ai.output.messages": json.dumps([message]),
        },
    )
    [call] = read_calls([span])
    assert call.answer is not None or call.no_content


def test_an_invalid_conversation_is_refused_in_a_sentence() -> None:
    """Ids that repeat: the server says so. A result without a call: it is not even asked."""
    twice = [*order_agent.messages(), *order_agent.messages()[2:]]
    alone = [m for m in order_agent.messages() if "tool_calls" not in m]
    with strict(order_agent.answer) as server:
        settings = EndpointSettings(kind="endpoint", base_url=server.base_url, retries=0)
        model = Endpoint("planted", settings)
        for messages, why in (
            (twice, "Duplicate tool call id"),
            (alone, "without the call that"),
        ):
            with pytest.raises(ExplanationFailed, match=why):
                smile_trace.explain(messages, model=model, parameters={"tools": order_agent.TOOLS})
