"""What an image may cost depends on neither its file's size nor the words around it."""

from typing import Any

import pytest

from smile_trace.models import openai_wire
from smile_trace.models.kinds import anthropic

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
