"""Prompts are tested with a recorded model, and fake servers tell what went wrong in them."""

import time
from pathlib import Path

import httpx
import pytest

import smile_trace
from smile_trace.errors import SmileTraceError
from smile_trace.testing import RecordedModel, assert_driven_by, assert_no_effect
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request

PROMPT = "please tell me where the Eiffel Tower stands, thank you kindly"


def _answers(prompt: str) -> str:
    return "In Paris." if "Eiffel" in prompt else "I do not know."


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\xff",
        b"[]",
        b'{"key": "k"}',
        b'{"key": "k", "answer": 7}',
        b'{"key": [], "answer": "a"}',
        b'{"key": "k", "answer": "a", "more": ' + b"9" * 5000 + b"}",
        b'{"key": "k", "answer": "a", "more": NaN}',
        b'{"key": "k", "answer": "\\ud800"}',
        b'{"key": "k", "answer": "a", "more": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_line_that_is_no_recording_is_named(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_bytes(b'{"key": "k", "answer": "a"}\n' + line + b"\n")
    with pytest.raises(ValueError, match="line 2 is not a recording: delete the line"):
        RecordedModel(file)


def test_a_prompt_is_tested_without_spending(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    asked: list[str] = []

    def model(prompt: str) -> str:
        asked.append(prompt)
        return _answers(prompt)

    first = smile_trace.explain(PROMPT, model=RecordedModel(file, model))
    spent = len(asked)
    assert spent > 10
    again = smile_trace.explain(PROMPT, model=RecordedModel(file))
    assert len(asked) == spent
    assert again.segments == first.segments
    assert_driven_by(again, "Eiffel")
    assert_driven_by(again, "the Eiffel Tower", among=1)
    assert_no_effect(again, "please")
    with pytest.raises(AssertionError, match="'Eiffel' \\+"):
        assert_driven_by(again, "please")
    with pytest.raises(AssertionError, match="has an effect"):
        assert_no_effect(again, "Eiffel")
    with pytest.raises(ValueError, match="in none of"):
        assert_no_effect(again, "Rome")
    with pytest.raises(SmileTraceError, match="run this once"):
        smile_trace.explain(PROMPT + " now", model=RecordedModel(file))


def test_a_damaged_recording_is_said(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"key": "a"}\n')
    with pytest.raises(ValueError, match="line 1 is not a recording"):
        RecordedModel(file)


class Wrong(FakeHttpServer):
    def answer(self, request: Request) -> Answer:
        raise KeyError("no such field")


def test_an_error_in_an_answer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with Wrong() as server:
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url)
        printed = ""
        while "KeyError: 'no such field'" not in printed:  # by the server's thread
            time.sleep(0.01)
            printed += capsys.readouterr().err
