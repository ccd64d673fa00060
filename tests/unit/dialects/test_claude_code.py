"""Bodies that Claude Code logs beside the spans of its requests."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.records import Call, Span
from smile_trace.records.formats.otlp import LOG
from tests.support.written_spans import span

AROUND = f"{1:016x}"
REQUEST = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}


def _reply(text: str, tokens: int) -> dict[str, Any]:
    blocks = [{"type": "text", "text": text}]
    return {"id": "m", "type": "message", "content": blocks, "usage": {"output_tokens": tokens}}


def _log(number: int, name: str, identity: str, body: object, **more: object) -> Span:
    written = {"request_body_id": identity, "body": json.dumps(body), **more}
    log = {"name": name, "time_ns": 10, "attributes": written}
    return span(number, "logs", {LOG: log}, parent_id=AROUND)


def _asked(number: int, tokens: int) -> Span:
    attributes = {
        "span.type": "llm_request",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "output_tokens": tokens,
    }
    one = span(number, "com.anthropic.claude_code.tracing", attributes, parent_id=AROUND)
    update = {"name": "claude_code.llm_request", "start_ns": 5, "end_ns": 20}
    return one.model_copy(update=update)


def _read(request: object, **more: object) -> Call:
    logs = (
        _log(8, "api_request_body", "a", request, **more),
        _log(9, "api_response_body", "a", _reply("ho", 3)),
    )
    [call] = read_calls([span(1, "x", {}), _asked(2, 3), *logs])
    return call


def test_two_requests_under_way_at_once_are_told_apart_by_their_tokens() -> None:
    """Else neither body is given to either."""
    logs = [
        log
        for n, (identity, text, tokens) in enumerate((("a", "ho", 3), ("b", "hey", 4)))
        for log in (
            _log(10 + n, "api_request_body", identity, REQUEST),
            _log(20 + n, "api_response_body", identity, _reply(text, tokens)),
        )
    ]
    spans = [span(1, "x", {}), _asked(2, 3), _asked(3, 4)]
    assert [call.answer for call in read_calls([*spans, *logs])] == ["ho", "hey"]
    same = [span(1, "x", {}), _asked(2, 3), _asked(3, 3)]
    assert [call.answer for call in read_calls([*same, *logs])] == [None, None]


def test_a_call_with_a_log_of_its_own_gets_its_bodies() -> None:
    log = {"name": "tool_decision", "time_ns": 11, "attributes": {}}
    own = span(20, "logs", {LOG: log}, parent_id=f"{2:016x}")
    bodies = [
        _log(8, "api_request_body", "a", REQUEST),
        _log(9, "api_response_body", "a", _reply("ho", 3)),
    ]
    [call] = read_calls([span(1, "x", {}), _asked(2, 3), *bodies, own])
    assert call.answer == "ho"


@pytest.mark.parametrize(
    ("more", "said"),
    [({"body_truncated": True}, "cut the body at 60 KB"), ({"body_ref": "/tmp/a"}, "in a file")],
)
def test_a_body_that_is_not_there_is_said(more: dict[str, object], said: str) -> None:
    call = _read(REQUEST, **more)
    assert said in str(call.no_content)
    assert not call.messages


def test_thinking_that_is_not_logged_is_not_signed() -> None:
    """Its signature is of another text than the one that stands there."""
    thought = {"type": "thinking", "thinking": "<REDACTED>", "signature": "c2lnbmVk"}
    said = {"role": "assistant", "content": [thought, {"type": "text", "text": "ho"}]}
    call = _read({**REQUEST, "messages": [*REQUEST["messages"], said, *REQUEST["messages"]]})
    assert "c2lnbmVk" not in call.model_dump_json()
    assert "REDACTED" not in call.model_dump_json()


def test_features_in_beta_are_told_how_to_be_left_out() -> None:
    call = _read({**REQUEST, "context_management": {"edits": []}})
    assert "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1" in str(call.not_repeatable)
    assert _read({**REQUEST, "betas": ["interleaved-thinking-2025-05-14"]}).not_repeatable is None
