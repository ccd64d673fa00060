"""The citations that providers give with an answer, with their places in its text."""

from typing import Any

import pytest

from smile_trace.dialects.citations import citations_of
from smile_trace.dialects.parts import answer_of
from smile_trace.dialects.provider_json import answered

FREE = "Returns are free"
ANSWER = f"Yes. {FREE}."


def _anthropic(**citation: Any) -> dict[str, Any]:
    cited = {"type": "text", "text": FREE, "citations": [citation]}
    content = [{"type": "text", "text": "Yes. "}, cited, {"type": "text", "text": "."}]
    return {"type": "message", "role": "assistant", "content": content}


def _chat(**message: Any) -> dict[str, Any]:
    whole = {"role": "assistant", "content": ANSWER, **message}
    return {
        "id": "c1",
        "model": "m",
        "choices": [{"index": 0, "message": whole, "finish_reason": "stop"}],
    }


def _responses(*annotations: dict[str, Any]) -> dict[str, Any]:
    part = {"type": "output_text", "text": ANSWER, "annotations": annotations}
    return {
        "id": "r1",
        "object": "response",
        "output": [{"type": "message", "role": "assistant", "content": [part]}],
    }


_URL = {
    "url": "https://shop.example/returns",
    "title": "Returns",
    "start_index": 5,
    "end_index": 21,
}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            _anthropic(
                type="char_location",
                cited_text="All returns are free.",
                document_index=1,
                document_title="returns.md",
                start_char_index=0,
                end_char_index=21,
            ),
            (5, 21, 1, "returns.md", "All returns are free."),
        ),
        (
            _anthropic(
                type="search_result_location",
                cited_text="Free.",
                search_result_index=0,
                source="https://shop.example",
                title="Shop",
                start_block_index=0,
                end_block_index=1,
            ),
            (5, 21, 0, "Shop", "Free."),
        ),
        (
            _chat(annotations=[{"type": "url_citation", "url_citation": _URL}]),
            (5, 21, None, "Returns", None),
        ),
        (_responses({"type": "url_citation", **_URL}), (5, 21, None, "Returns", None)),
        (
            _responses(
                {"type": "file_citation", "index": 21, "file_id": "f1", "filename": "returns.md"}
            ),
            (21, 21, None, "returns.md", None),
        ),
        (
            {
                "role": "assistant",
                "content": ANSWER,
                "citations": [{"start": 5, "end": 21, "text": FREE, "sources": [{"id": "doc_1"}]}],
            },
            (5, 21, None, "doc_1", None),
        ),
    ],
)
def test_shapes_of_providers(response: dict[str, Any], expected: tuple[Any, ...]) -> None:
    [message] = answered(response).answers
    assert answer_of(message) == ANSWER
    [one] = citations_of(message)
    assert (one.start, one.end, one.document, one.source, one.passage) == expected


@pytest.mark.parametrize(
    "wrong", [7, [None], [{"start_index": "a"}], [{"document_index": -1}], {"a": 1}, "text"]
)
def test_what_is_no_citation_is_no_error(wrong: Any) -> None:
    [message] = answered(_chat(annotations=wrong)).answers
    for one in citations_of(message):
        assert (one.start, one.end, one.document) == (0, len(ANSWER), None)
