"""No perturbation of a request that Anthropic takes is one that it would refuse."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.units import CannotExplain
from smile_trace.dialects.parts import read_message
from smile_trace.models import Request
from smile_trace.models.base import is_prefilled
from smile_trace.models.kinds import anthropic
from smile_trace.providers import read_request
from smile_trace.records import Message, Prompted, Unit
from smile_trace.records.formats.requests import with_offered_tools
from tests.support.random_masks import perturbed
from tests.support.strict_anthropic import check

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip)
TEXT = WORDS | st.sampled_from(
    ["Where is order 4711?", "One sentence. Another one.\n\nA paragraph.", "[1] a\n[2] b"]
)
LEAF = st.none() | st.booleans() | st.integers() | TEXT
JSON_VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TEXT_BLOCK = TEXT.map(lambda text: {"type": "text", "text": text})
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
CACHED = TEXT_BLOCK.map(lambda block: {**block, "cache_control": {"type": "ephemeral"}})
DOCUMENT = TEXT.map(
    lambda text: {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": text},
        "title": "Returns",
        "citations": {"enabled": True},
    }
)
FOUND = st.lists(TEXT_BLOCK, min_size=1, max_size=2).map(
    lambda blocks: {"type": "search_result", "source": "a", "title": "b", "content": blocks}
)
CONTENT = TEXT | st.lists(
    TEXT_BLOCK | st.just(IMAGE) | CACHED | DOCUMENT | FOUND, min_size=1, max_size=4
)
THINKING = st.sampled_from(
    [
        {"type": "thinking", "thinking": "An order.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
    ]
)
RESULT = (
    TEXT
    | JSON_VALUE.map(json.dumps)
    | st.lists(TEXT_BLOCK | DOCUMENT | FOUND, min_size=1, max_size=2)
)
STEP = st.tuples(
    st.tuples(st.lists(THINKING, max_size=1), st.lists(TEXT_BLOCK, max_size=1)).map(
        lambda said: [*said[0], *said[1]]
    ),
    st.lists(st.tuples(st.none() | RESULT, st.booleans()), min_size=1, max_size=3),
    st.lists(TEXT_BLOCK, max_size=1),
)
"""What the assistant says beside its calls, the result of each call, what the user adds."""
UNITS = st.sampled_from(
    ["auto", "word", "sentence", "message", "document", "tool_result", "tool", "turn", "step"]
)
TOOLS = [
    {"name": "get_order", "description": "Finds an order.", "input_schema": {"type": "object"}},
    {"name": "get_time", "input_schema": {"type": "object", "properties": {}}},
]


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Valid requests: turns with steps of parallel calls, instructions in the middle."""
    messages: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 2))):
        messages.append({"role": "user", "content": draw(CONTENT)})
        if draw(st.integers(0, 4)) == 0:
            messages.append({"role": "system", "content": draw(TEXT)})
            messages.append({"role": "assistant", "content": draw(TEXT)})
            messages.append({"role": "user", "content": draw(TEXT)})
        for step, (said, results, added) in enumerate(draw(st.lists(STEP, max_size=2))):
            ids = [f"toolu_{turn}_{step}_{k}" for k in range(len(results))]
            calls = [
                {"type": "tool_use", "id": i, "name": "get_order", "input": {"number": 4711}}
                for i in ids
            ]
            blocks: list[dict[str, Any]] = [
                {"type": "tool_result", "tool_use_id": i, "content": result, "is_error": failed}
                for i, (result, failed) in zip(ids, results, strict=True)
            ]
            for block in blocks:
                if not block["is_error"] or block["content"] is None:
                    del block["is_error"]
                if block["content"] is None:
                    del block["content"]
            messages.append({"role": "assistant", "content": [*said, *calls]})
            messages.append({"role": "user", "content": [*blocks, *added]})
        if draw(st.booleans()):
            messages.append({"role": "assistant", "content": draw(TEXT)})
            messages.append({"role": "user", "content": "And now?"})
    request: dict[str, Any] = {"max_tokens": 9, "messages": messages, "tools": TOOLS}
    system = draw(st.none() | TEXT | st.lists(TEXT_BLOCK, min_size=2, max_size=2))
    choice = draw(st.sampled_from([None, {"type": "auto"}, {"type": "tool", "name": "get_time"}]))
    optional = {"system": system, "tool_choice": choice, "stop_sequences": ["END"]}
    return request | {name: value for name, value in optional.items() if value is not None}


def _prompted(request: dict[str, Any]) -> Prompted:
    sent = read_request(request)
    read = [read_message(message) for message in sent.messages or ()]
    messages = tuple(message for message in read if message is not None)
    return Prompted(messages=messages, parameters=sent.parameters | {"max_tokens": 9})


def _body(
    messages: tuple[Message, ...], parameters: dict[str, Any], *, prefilled: bool
) -> dict[str, Any]:
    request = Request(messages=messages, parameters=parameters, prefilled=prefilled)
    return {"model": "m", **anthropic.body(request, max_tokens=5)}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), UNITS, st.data())
def test_not_one_is_refused(request: dict[str, Any], unit: Unit, data: st.DataObject) -> None:
    check({"model": "m", **request})
    prompted = _prompted(request)
    prefilled = is_prefilled(prompted.messages)
    body = _body(prompted.messages, prompted.parameters, prefilled=prefilled)
    assert _simple(body) == _simple({"model": "m", **request})
    if unit == "tool":
        prompted = with_offered_tools(prompted)
    try:
        partition = Segmentation(prompted, unit)
    except CannotExplain:
        return
    for messages, parameters in perturbed(prompted, partition, data):
        check(_body(messages, parameters, prefilled=prefilled))


def _simple(body: dict[str, Any]) -> dict[str, Any]:
    """With a content of one text as a text, which the API takes for the same, and without marks of
    the cache."""
    return {
        **body,
        "messages": [{**m, "content": _text(m["content"])} for m in body["messages"]],
        **({"system": _text(body["system"])} if "system" in body else {}),
    }


def _text(content: Any) -> Any:
    if isinstance(content, str):
        return content
    blocks = [{k: v for k, v in block.items() if k != "cache_control"} for block in content]
    for block in blocks:
        if "content" in block:
            block["content"] = _text(block["content"])
    alone = len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
    return blocks[0]["text"] if alone else blocks
