"""What LiteLLM writes in Python's notation, and what of a request it leaves out."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.records import Call
from tests.support.written_spans import span

MESSAGES = [{"role": "user", "content": "hi"}]
NASTY = (
    'He said "don\'t".',
    "None, True and [False]",
    "{'role': 'user'}",
    "back\\slash\n\ttab \x00 \u2028 \U0001f600 \x7f é",
    "",
)


def _call(asked: dict[str, Any], more: dict[str, Any] | None = None) -> Call:
    """A call with the span in which its request stands."""
    attributes = {
        "litellm.call_id": "1",
        "llm.request.type": "acompletion",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.output.messages": '[{"role": "assistant", "content": "ho"}]',
        **(more or {}),
    }
    raw = {
        f"llm.openai.{name}": value if isinstance(value, str | int) else str(value)
        for name, value in asked.items()
    }
    inner = [span(2, "litellm", raw, parent_id=f"{1:016x}")] if asked else []
    [call] = read_calls([span(1, "litellm", attributes), *inner])
    return call


@pytest.mark.parametrize("text", NASTY)
def test_python_notation_is_read_as_it_was_written(text: str) -> None:
    schema = {"type": "object", "default": [None, True, -1, 0.5, text]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    call = _call({"messages": [{"role": "user", "content": text}], "response_format": form})
    assert call.messages[0].content == text
    assert call.parameters["response_format"] == form


@pytest.mark.parametrize(
    "written", ["[<object at 0x1>]", "[__import__('os')]", "[1] is text", "['"]
)
def test_what_is_no_notation_is_not_evaluated(written: str) -> None:
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    call = _call({"messages": written}, {"gen_ai.input.messages": said})
    assert [message.content for message in call.messages] == ["hi"]
    assert "cannot be read" in str(call.not_repeatable)


def test_a_text_that_looks_like_notation_is_a_text() -> None:
    text = "[{'role': 'user', 'content': 'hi'}]"
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
    call = _call({"input": text}, {"llm.request.type": "aresponses", "gen_ai.input.messages": said})
    assert call.messages[0].content == text


def test_a_request_in_another_form_is_read_as_litellm_was_asked() -> None:
    """Ollama's parameters stand under `options`."""
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    raw = {"messages": MESSAGES, "options": {"temperature": 0.2}}
    call = _call(raw, {"gen_ai.input.messages": said, "gen_ai.request.temperature": 0.2})
    assert call.parameters == {"temperature": 0.2}


SAID = json.dumps([*MESSAGES, {"role": "assistant", "content": "ho"}, *MESSAGES])
LEFT_OUT: dict[str, dict[str, Any]] = {
    "tools": {"llm.request.type": "anthropic_messages"},
    "tools it was offered": {
        "litellm.call_type": "acompletion",
        "litellm.request.tools.declared": 40,
    },
    "instructions": {"litellm.call_type": "aresponses"},
    "thinking": {"gen_ai.request.model": "claude-sonnet-4-5"},
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out_is_said(what: str) -> None:
    call = _call({}, {"gen_ai.input.messages": SAID, **LEFT_OUT[what]})
    assert what in str(call.not_repeatable)
    assert _call({}, {"gen_ai.input.messages": SAID}).not_repeatable is None
