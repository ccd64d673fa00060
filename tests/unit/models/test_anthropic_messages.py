"""Messages in Anthropic's shape: what stands where a removal would leave what it refuses."""

from typing import Any

import pytest

from smile_trace.models.anthropic_api.messages import PLACEHOLDER, conversation
from smile_trace.models.base import NotRepeatable
from smile_trace.records import Media, Message, Reasoning, TextPart, ToolCall, ToolResult

NOTHING = {"role": "user", "content": PLACEHOLDER}


def _said(role: str, text: str = "Hello.") -> Message:
    return Message(role=role, content=text)


def _sent(role: str, text: str = "Hello.") -> dict[str, Any]:
    return {"role": role, "content": text}


USER, ASSISTANT, SYSTEM = _said("user"), _said("assistant"), _said("system")
CALL = Message(role="assistant", parts=(ToolCall(id="a", name="get", arguments={"x": 1}),))
RESULT = Message(role="user", parts=(ToolResult(id="a", response="5"),))
CALL_SENT = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "a", "name": "get", "input": {"x": 1}}],
}
RESULT_SENT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "a", "content": "5"}],
}


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ((), None, [NOTHING]),
        ((SYSTEM,), "Hello.", [NOTHING]),
        ((USER,), None, [_sent("user")]),
        ((ASSISTANT, USER), None, [NOTHING, _sent("assistant"), _sent("user")]),
        ((USER, ASSISTANT), None, [_sent("user"), _sent("assistant"), NOTHING]),
        ((USER, _said("assistant", " \n"), USER), None, [_sent("user"), _sent("user")]),
        ((CALL, RESULT), None, [NOTHING, CALL_SENT, RESULT_SENT]),
        ((_said("developer"), SYSTEM, USER), None, None),
    ],
)
def test_a_conversation_begins_and_ends_with_the_user(messages, system, turns):
    if turns is None:
        system, turns = [{"type": "text", "text": "Hello."}] * 2, [_sent("user")]
    assert conversation(messages) == (system, turns)


def test_a_prefilled_answer_is_continued():
    _, turns = conversation((USER, _said("assistant", "It is ")), prefilled=True)
    assert turns[-1] == _sent("assistant", "It is")


def test_instructions_in_the_middle_stand_behind_the_user_or_at_the_front():
    kept, lost = _said("system", "Now in French."), _said("system", "Be kind.")
    system, turns = conversation((SYSTEM, USER, kept, ASSISTANT, lost, USER))
    assert system == [{"type": "text", "text": text} for text in ("Hello.", "Be kind.")]
    assert [turn["role"] for turn in turns] == ["user", "system", "assistant", "user"]


def test_the_results_of_parallel_calls_are_in_one_message_before_all_else():
    calls = (ToolCall(id="a", name="get"), ToolCall(id="b", name="get", arguments='{"y": 2}'))
    messages = (
        USER,
        Message(role="assistant", parts=(TextPart(content="So."), *calls)),
        Message(role="tool", parts=(ToolResult(id="a", response=""),)),
        Message(role="user", parts=(TextPart(content="And?"), ToolResult(id="b", response="2"))),
    )
    _, turns = conversation(messages)
    assert [block.get("input") for block in turns[1]["content"]] == [None, {}, {"y": 2}]
    assert turns[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        {"type": "text", "text": "And?"},
    ]


def test_an_error_without_a_text_is_none():
    failed = ToolResult(id="a", response="no such order", extra={"is_error": True})
    for text, told in (("no such order", True), ("", False)):
        result = failed.model_copy(update={"response": text})
        _, turns = conversation((USER, CALL, Message(role="user", parts=(result,))))
        assert ("is_error" in turns[2]["content"][0]) is told


def test_images_and_thinking():
    parts = (
        Media(modality="image", uri="data:image/png;base64,iVBO"),
        Media(modality="image", uri="https://example.org/a.png"),
    )
    thought = Reasoning(content="hm", extra={"signature": "EqQB"})
    said = Message(role="assistant", parts=(thought, TextPart(content="Hello.")))
    alone = Message(role="assistant", parts=(thought,))
    _, turns = conversation((Message(role="user", parts=parts), said, USER, alone, USER))
    assert [block["source"] for block in turns[0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": "iVBO"},
        {"type": "url", "url": "https://example.org/a.png"},
    ]
    assert turns[1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "user"]


def test_a_part_without_a_form_is_refused():
    audio = Message(role="user", parts=(Media(modality="audio", uri="data:audio/wav;base64,AA"),))
    with pytest.raises(NotRepeatable, match="takes no media of this kind"):
        conversation((audio,))
