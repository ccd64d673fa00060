"""What an image may cost depends on neither its file's size nor the words around it."""

from typing import Any

import pytest

from smile_trace.models import Request, openai_wire
from smile_trace.models.kinds import anthropic
from smile_trace.records import Message

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


_WORDS = "word " * 2000


@pytest.mark.parametrize("text", ["data:image/png;base64,", 'He wrote "data:image/png,'])
def test_a_text_that_begins_like_an_image_is_counted(text: str) -> None:
    said = [{"role": "user", "content": text + _WORDS}]
    in_part = [{"role": "user", "content": [{"type": "text", "text": text + _WORDS}]}]
    for body in ({"messages": said}, {"messages": in_part}, {"prompt": text + _WORDS}):
        assert (openai_wire.token_bound(body).input_tokens or 0) > len(_WORDS)


def test_a_tools_input_that_is_made_like_an_image_is_counted() -> None:
    made = {"type": "image", "source": {"media_type": "image/png", "data": _WORDS}}
    used = {"type": "tool_use", "id": "1", "name": "f", "input": made}
    said = {"messages": [{"role": "assistant", "content": [used]}], "max_tokens": 9}
    assert (anthropic.token_bound(said).input_tokens or 0) > len(_WORDS)


def test_what_costs_more_than_is_reserved_is_not_sent_again() -> None:
    given = {"prediction": {"type": "content", "content": _WORDS}, "service_tier": "priority"}
    request = Request(
        messages=(Message(role="user", content="Hi"),), parameters={**given, "suffix": _WORDS}
    )
    sent = openai_wire.parameters(request, form="completion", limit={"max_tokens": 9})
    assert sent == {"suffix": _WORDS, "max_tokens": 9}
    assert (openai_wire.token_bound({"prompt": "Hi", **sent}).input_tokens or 0) > len(_WORDS)
