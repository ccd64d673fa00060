"""A message of parts: its content, its JSON, and what is left of it without some texts."""

from typing import Any

import pytest

from smile_trace.records import (
    Media,
    Message,
    Reasoning,
    Slot,
    TextPart,
    ToolCall,
    ToolResult,
    chat_messages,
    responses_input,
)

IMAGE = Media(modality="image", uri="https://example.org/a.png", detail="low")


IMAGE_URL = {"type": "image_url", "image_url": {"url": IMAGE.uri, "detail": "low"}}


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
    title = "image (https://example.org/a.png)"
    assert message.content == f"one\n{title}\na\nbc"
    assert message.slots == (
        Slot(0, 3, 0, 0, False),
        Slot(4, 37, 1, 0, False, media=True),
        Slot(38, 39, 2, 0, True),
        Slot(40, 42, 2, 1, True),
    )
    assert "content" not in message.model_dump()
    assert Message.model_validate_json(message.model_dump_json()) == message


def test_what_is_left() -> None:
    result = ToolResult(id="c1", response="back")
    message = Message(role="user", parts=(TextPart(content="one"), IMAGE, result))
    left = message.with_texts([None, "image", None])
    assert left is not None
    assert left.parts == (IMAGE, ToolResult(id="c1", response=""))
    assert message.with_texts(["one", None, "back"]) == Message(
        role="user", parts=(TextPart(content="one"), result)
    )
    assert Message(role="user", content="x").with_texts([None]) is None
    assert message.replaced(1, 2, "!").content.splitlines() == ["o!e", IMAGE.title, "back"]
    with pytest.raises(ValueError, match="no text"):
        message.replaced(2, 5, "")


def test_what_is_left_of_what_a_model_wrote() -> None:
    thought = Reasoning(content="hm", extra={"encrypted_content": "gAAA"})
    message = Message(role="assistant", parts=(thought, TextPart(content="one"), CALL))
    assert message.with_texts([None]) == Message(role="assistant", parts=(thought, CALL))
    alone = Message(role="assistant", parts=(thought, TextPart(content="one")))
    assert alone.with_texts([None]) is None


def test_reasoning_that_was_sent_as_text_is_left_out_and_its_field_stays() -> None:
    thought = Reasoning(content="hm", extra={"field": "reasoning"})
    message = Message(role="assistant", parts=(thought, TextPart(content="one"), CALL))
    assert message.content == "hm\none"
    without = message.with_texts([None, "one"])
    assert without is not None
    [sent] = chat_messages([without], as_sent=True)
    assert (sent["reasoning"], sent["content"]) == ("", "one")
    only = Message(role="assistant", parts=(thought, TextPart(content="one"))).with_texts(
        ["hm", None]
    )
    assert only is not None
    assert chat_messages([only], as_sent=True)[0]["reasoning"] == "hm"
    assert "reasoning" not in chat_messages([message])[0]  # made in another shape


def test_what_is_left_without_reasoning_stands_for_itself() -> None:
    """Ids that link it to the reasoning go with that; a message of reasoning alone is not sent."""
    thought = Reasoning(content="hm", extra={"id": "rs_1"})
    called = ToolCall(id="c1", name="get", arguments="{}", extra={"id": "fc_1", "status": "done"})
    message = Message(role="assistant", parts=(thought, called))
    assert message.without_reasoning(("id",)) is message
    assert message.without_reasoning().parts == (called.model_copy(update={"extra": {}}),)
    alone = Message(role="assistant", parts=(thought,)).without_reasoning()
    assert alone.parts == (Reasoning(),)
    assert chat_messages([alone]) == []
    assert responses_input([alone]) == {"input": []}


def test_further_fields_are_kept_and_count() -> None:
    named = Message(role="user", content="hi", extra={"name": "ann"})
    assert named.model_dump() == {"role": "user", "content": "hi", "extra": {"name": "ann"}}
    assert Message.model_validate_json(named.model_dump_json()) == named
    assert named.identity != Message(role="user", content="hi").identity
    assert chat_messages([named], as_sent=True) == [
        {"role": "user", "content": "hi", "name": "ann"}
    ]
    assert chat_messages([named]) == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("media", "title"),
    [
        ({"modality": "image", "uri": "data:image/png;base64," + "A" * 16_000}, "(png, 12 kB)"),
        ({"modality": "audio", "uri": "data:audio/wav;base64,AAA="}, "(wav, 2 bytes)"),
        ({"modality": "image", "media_type": "image/jpeg", "size": 3_000_000}, "(jpeg, 3,000 kB)"),
        ({"modality": "file", "file_id": "file-abc"}, "(file-abc)"),
        ({"modality": "image"}, "(not kept)"),
    ],
)
def test_titles(media: dict[str, Any], title: str) -> None:
    kind = {"audio": "recording"}.get(media["modality"], media["modality"])
    assert Media(**media).title == f"{kind} {title}"


def test_the_shape_of_chat_completions() -> None:
    asked = ToolCall(id="c2", name="get", arguments={"n": 2})
    given = ToolResult(id="c1", response={"a": 1})
    messages = [
        Message(role="user", parts=(TextPart(content="what?"), IMAGE)),
        Message(role="assistant", parts=(TextPart(content="look"), CALL)),
        Message(role="user", parts=(given, TextPart(content="so"))),
        Message(role="assistant", parts=(asked,)),
        Message(role="tool", parts=(ToolResult(id="c2", response="back"),)),
    ]

    def calls(call_id: str, arguments: str) -> list[dict[str, Any]]:
        function = {"name": "get", "arguments": arguments}
        return [{"id": call_id, "type": "function", "function": function}]

    assert chat_messages(messages) == [
        {"role": "user", "content": [{"type": "text", "text": "what?"}, IMAGE_URL]},
        {"role": "assistant", "content": "look", "tool_calls": calls("c1", '{"n": 1}')},
        {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
        {"role": "user", "content": "so"},
        {"role": "assistant", "content": None, "tool_calls": calls("c2", '{"n": 2}')},
        {"role": "tool", "tool_call_id": "c2", "content": "back"},
    ]


@pytest.mark.parametrize(
    "options", [{"exclude_defaults": True}, {"exclude": {"extra"}}, {"include": {"role"}}]
)
def test_a_part_of_it_may_be_dumped(options: dict[str, Any]) -> None:
    message = Message(role="user", parts=(TextPart(content="a"), TextPart(content="b")))
    dumped = message.model_dump(**options)
    assert dumped["role"] == "user"
    assert "extra" not in dumped
    assert [part["content"] for part in dumped.get("parts", ())] in ([], ["a", "b"])
