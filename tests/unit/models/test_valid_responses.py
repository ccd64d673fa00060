"""No perturbation of a valid request of the Responses API is one that the service would refuse."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import UnitMissing
from smile_trace.dialects.parts import why_not_repeatable
from smile_trace.dialects.provider_json import messages_of
from smile_trace.models import Request, openai_wire
from smile_trace.providers import read_request
from smile_trace.records import JSON, Message, Prompted, Unit
from tests.support.order_agent import TOOLS
from tests.support.random_masks import perturbed
from tests.support.strict_responses import check_responses

FLAT = [{"type": "function", "strict": False, **tool["function"]} for tool in TOOLS]
IMAGE = {
    "type": "input_image",
    "detail": "low",
    "image_url": "data:image/png;base64,iVBORw0KGgo=",
}
FILE = {
    "type": "input_file",
    "filename": "a.pdf",
    "file_data": "data:application/pdf;base64,JVBERg==",
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["Where is order 4711?", "One sentence. Another one.\n\nA paragraph.", "[1] a\n[2] b"]
)
RESULT = TEXT | st.sampled_from(['{"a": [1, {"b": "c d"}], "e": null}', "[]", "[1, 2]", '"x"'])
INPUT_TEXT = TEXT.map(lambda text: {"type": "input_text", "text": text})
CONTENT = TEXT | st.lists(INPUT_TEXT | st.just(IMAGE) | st.just(FILE), min_size=1, max_size=3)
OUTPUT = RESULT | st.lists(INPUT_TEXT | st.just(IMAGE), min_size=1, max_size=2)
UNITS = st.sampled_from(
    ["auto", "word", "sentence", "message", "document", "tool_result", "media", "turn", "step"]
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Valid requests: instructions, reasoning, texts, parallel calls of tools and their outputs."""
    items: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 2))):
        items.append(
            {"role": draw(st.sampled_from(["user", "developer"])), "content": draw(CONTENT)}
        )
        for step in range(draw(st.integers(0, 2))):
            items += draw(_step(f"{turn}_{step}"))
        if draw(st.booleans()):
            items += draw(_said(f"{turn}"))
    items.append({"role": "user", "content": "And now?"})
    request: dict[str, Any] = {"model": "m", "input": items, "tools": FLAT, "tool_choice": "auto"}
    request |= {"max_output_tokens": 60, "store": False, "temperature": 0.5}
    return {**request, "instructions": "S. T."} if draw(st.booleans()) else request


@st.composite
def _said(draw: st.DrawFn, number: str) -> list[dict[str, Any]]:
    """What the model wrote: as its own item, with reasoning before it, or as a plain message."""
    text = draw(TEXT)
    if draw(st.booleans()):
        return [{"role": "assistant", "content": text}]
    content = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
    own = {**message, "status": "completed", "content": [content]}
    return [*draw(_thought(number)), own]


@st.composite
def _thought(draw: st.DrawFn, number: str) -> list[dict[str, Any]]:
    found = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    return [{**found, "id": f"rs_{number}"}] if draw(st.booleans()) else []


@st.composite
def _step(draw: st.DrawFn, number: str) -> list[dict[str, Any]]:
    thought = draw(_thought(number))
    name = "fc_thought" if thought else "fc"
    results = draw(st.lists(OUTPUT, min_size=1, max_size=3))
    said = draw(_said(number)) if draw(st.booleans()) else []
    calls, outputs = [], []
    for k, result in enumerate(results):
        called = {"name": "get_order", "arguments": '{"number": 4711}'}
        about = {"type": "function_call", "id": f"{name}_{number}_{k}", "status": "completed"}
        calls.append({**about, "call_id": f"call_{number}_{k}", **called})
        outputs.append(
            {"type": "function_call_output", "call_id": f"call_{number}_{k}", "output": result}
        )
    return [*said, *thought, *calls, *draw(st.permutations(outputs))]


def _body(messages: tuple[Message, ...], parameters: dict[str, JSON]) -> dict[str, JSON]:
    request = Request(messages=messages, form="responses", parameters=parameters)
    sent = openai_wire.parameters(request, form="responses", limit={"max_output_tokens": 60})
    return {
        "model": "m",
        **openai_wire.question(messages, form="responses", made="responses"),
        **sent,
    }


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), UNITS, st.data())
def test_not_one_is_refused(request: dict[str, Any], unit: Unit, data: st.DataObject) -> None:
    check_responses(request)
    sent = read_request(request)
    messages = tuple(messages_of(sent.messages))
    parameters = {"temperature": 0.5, **sent.parameters}
    assert why_not_repeatable(messages, parameters) is None
    prompted = Prompted(messages=messages, parameters=parameters, form="responses")
    assert _simple(_body(messages, parameters)) == _simple(request)
    try:
        partition = Segmentation(prompted, unit)
    except UnitMissing:
        return
    for asked, more in perturbed(prompted, partition, data):
        check_responses(_body(asked, more))


def _simple(request: dict[str, Any]) -> dict[str, Any]:
    """With a content of one text as a text, as capture reads it."""
    whole: dict[str, Any] = json.loads(json.dumps(request))
    for item in whole["input"]:
        content = item.get("content")
        if isinstance(content, list) and [c.keys() for c in content] == [{"type", "text"}]:
            item["content"] = content[0]["text"]
    return whole
