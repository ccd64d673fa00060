"""A message of parts: its content, its JSON, and what is left of it without some texts."""

import pytest

from smile_trace.records import (
    Call,
    Media,
    Message,
    Slot,
    TextPart,
    ToolCall,
    ToolResult,
    chat_messages,
)

IMAGE = Media(modality="image", uri="https://example.org/a.png", detail="low")
IMAGE_URL = {
    "type": "image_url",
    "image_url": {"url": "https://example.org/a.png", "detail": "low"},
}
CALL = ToolCall(id="c1", name="get", arguments='{"n": 1}')


def test_a_message_of_one_text_is_as_it_was() -> None:
    plain = Message(role="user", content="hi")
    assert Message(role="user", parts=(TextPart(content="hi"),)) == plain
    assert plain.model_dump() == {"role": "user", "content": "hi"}
    assert Message.model_validate_json(plain.model_dump_json()) == plain
    assert plain.identity == ["user", "hi"]


def test_the_content_is_that_of_its_texts() -> None:
    result = ToolResult(id="c1", response=[{"type": "text", "text": t} for t in ("a", "bc")])
    message = Message(role="user", parts=(TextPart(content="one"), IMAGE, result))
    assert message.content == "one\na\nbc"
    assert message.slots == (
        Slot(0, 3, 0, 0, False),
        Slot(4, 5, 2, 0, True),
        Slot(6, 8, 2, 1, True),
    )
    assert "content" not in message.model_dump()
    assert Message.model_validate_json(message.model_dump_json()) == message


def test_what_is_left() -> None:
    result = ToolResult(id="c1", response="back")
    message = Message(role="user", parts=(TextPart(content="one"), IMAGE, result))
    left = message.with_texts([None, None])
    assert left is not None
    assert left.parts == (IMAGE, ToolResult(id="c1", response=""))
    assert Message(role="user", content="x").with_texts([None]) is None
    assert message.replaced(1, 2, "!").content == "o!e\nback"
    with pytest.raises(ValueError, match="no text"):
        message.replaced(2, 5, "")


def test_the_shape_of_chat_completions() -> None:
    messages = [
        Message(role="user", parts=(TextPart(content="what?"), IMAGE)),
        Message(role="assistant", parts=(TextPart(content="look"), CALL)),
        Message(
            role="user", parts=(ToolResult(id="c1", response={"a": 1}), TextPart(content="so"))
        ),
        Message(role="assistant", parts=(ToolCall(id="c2", name="get", arguments={"n": 2}),)),
        Message(role="tool", parts=(ToolResult(id="c2", response="back"),)),
    ]
    function = {"name": "get", "arguments": '{"n": 1}'}
    assert chat_messages(messages) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                IMAGE_URL,
            ],
        },
        {
            "role": "assistant",
            "content": "look",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
        {"role": "user", "content": "so"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "get", "arguments": '{"n": 2}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c2", "content": "back"},
    ]


def test_a_call_that_0_1_stored_is_read() -> None:
    stored = {
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": "ask",
        "messages": [{"role": "user", "content": "hi"}],
        "unrepeatable": "its messages hold more than text: tool_call",
        "cut": False,
        "start_ns": 1,
        "end_ns": 2,
    }
    call = Call.model_validate(stored)
    assert call.messages == (Message(role="user", content="hi"),)
    assert call.not_repeatable == "its messages hold more than text: tool_call"
