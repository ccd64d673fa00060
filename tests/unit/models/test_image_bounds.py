"""What an image may cost depends on neither its file's size nor the words around it."""

from typing import Any

import pytest

from smile_trace.models import openai_wire
from smile_trace.models.base import NotRepeatable, Request
from smile_trace.models.kinds import anthropic
from smile_trace.records import Message
from smile_trace.records.message import ToolCall, ToolResult

ADDRESS = "https://images.example/invoice.png"


def _chat(url: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": "Read"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": parts}], "max_tokens": 9}


def _responses(url: str) -> dict[str, Any]:
    image = {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"input": [{"role": "user", "content": [image]}], "max_output_tokens": 9}


def _claude(url: str) -> dict[str, Any]:
    data = url.partition(",")[2]
    inline = {"type": "base64", "media_type": "image/png", "data": data}
    source = inline if data else {"type": "url", "url": url}
    image = {"type": "image", "source": source}
    return {"messages": [{"role": "user", "content": [image]}], "max_tokens": 9}


@pytest.mark.parametrize(
    ("bound", "body", "most"),
    [
        (openai_wire.token_bound, _chat, 50_000),
        (openai_wire.token_bound, _responses, 50_000),
        (anthropic.token_bound, _claude, 8_000),
    ],
)
@pytest.mark.parametrize("size", [40, 2_000_000])
def test_an_image_has_a_bound_of_its_own(bound: Any, body: Any, most: int, size: int) -> None:
    inline = bound(body(f"data:image/png;base64,{'A' * size}")).input_tokens
    assert most < inline < most + 200
    assert most < bound(body(ADDRESS)).input_tokens < most + 200


def test_words_about_an_image_are_words() -> None:
    said = {"messages": [{"role": "user", "content": '"image_url": "data:image/png;base64,AAA"'}]}
    assert 0 < (openai_wire.token_bound(said).input_tokens or 0) < 200


LONG = "word " * 4000


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": f"data:image/{LONG}"}]},
        {"messages": [{"role": "user", "content": f'Say "data:image/{LONG}'}]},
        {"input": [{"role": "user", "content": f'"image_url": "data:image/{LONG}"'}]},
        {"prompt": f"data:image/{LONG}"},
        {"prompt": ["Hi", f"data:image/{LONG}"]},
        {"prompt": "Hi", "suffix": LONG},
        {"messages": [], "tools": [{"image_url": f"data:image/{LONG}"}]},
    ],
)
def test_a_text_that_looks_like_an_image_is_read(body: Any) -> None:
    assert (openai_wire.token_bound(body).input_tokens or 0) > len(LONG)


@pytest.mark.parametrize("form", ["chat", "responses", "completion"])
def test_what_makes_an_answer_dearer_is_not_sent_again(form: Any) -> None:
    given = {"prediction": {"type": "content", "content": LONG}, "service_tier": "priority"}
    request = Request(messages=(Message(role="user", content="Hi"),), parameters=given)
    sent = openai_wire.parameters(request, form=form, limit={"max_tokens": 9})
    assert sent.keys() == {"max_tokens"}


def _called(arguments: Any, result: Any, **parameters: Any) -> dict[str, Any]:
    messages = (
        Message(role="user", content="Hi"),
        Message.of("assistant", (ToolCall(id="1", name="f", arguments=arguments),), {}),
        Message.of("user", (ToolResult(id="1", response=result),), {}),
    )
    return anthropic.body(Request(messages=messages, parameters=parameters), max_tokens=9)


LIKE_AN_IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": LONG},
}


def test_what_looks_like_an_image_in_a_tool_is_read() -> None:
    tools = [{"name": "f", "input_schema": {"type": "object", "default": LIKE_AN_IMAGE}}]
    for body in (_called(LIKE_AN_IMAGE, "ok"), _called({}, "ok", tools=tools)):
        assert (anthropic.token_bound(body).input_tokens or 0) > len(LONG) + 8000
    result = anthropic.token_bound(_called({}, [LIKE_AN_IMAGE]))
    assert 8000 < (result.input_tokens or 0) < 10_000


def test_a_file_in_a_tools_result_is_not_sent_to_anthropic() -> None:
    inline = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    for source in ({"type": "url", "url": "https://files.example/a.pdf"}, inline):
        with pytest.raises(NotRepeatable, match="no bound"):
            _called({}, [{"type": "document", "source": source}])
    text = {"type": "text", "media_type": "text/plain", "data": "Open until 5."}
    assert _called({}, [{"type": "document", "source": text}])["messages"]
