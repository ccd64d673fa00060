"""Prompts are tested with a recorded model, and fake servers tell what went wrong in them."""

import time
from pathlib import Path

import httpx
import pytest

import smile_trace
from smile_trace.errors import SmileTraceError
from smile_trace.testing import RecordedModel, assert_driven_by, assert_no_effect
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from tests.support.explained import explanation

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


RULES = "Be brief and friendly. Answer in English. Always end with the number 112."


def test_only_what_was_measured_is_asserted() -> None:
    """A piece of a message that was measured as a whole is not said to matter, or not to."""
    whole = {"start": 0, "end": len(RULES), "role": "system", "unit": "message", "text": RULES}
    made = explanation([("system", RULES), ("user", "please")], {"please": 0.5})
    scores = {"attribution": 0.5, "ci_low": 0.4, "ci_high": 0.6, "significant": True}
    [please] = [s for s in made.segments if s.text == "please"]
    rules = please.model_copy(update={**whole, **scores, "message": 0, "verdict": "supports"})
    found = made.model_copy(update={"segments": (rules, please)})
    only = "only the whole of the system message was measured, not 'Be brief' in it: use unit='sen"
    for check in (assert_driven_by, assert_no_effect):
        with pytest.raises(AssertionError, match=only):
            check(found, "Be brief")
    assert_driven_by(found, RULES)
    none = {"attribution": 0.0, "ci_low": -0.01, "ci_high": 0.01, "significant": False}
    excluded = rules.model_copy(update={**none, "verdict": "excluded"})
    assert_no_effect(found.model_copy(update={"segments": (excluded, please)}), "Be brief")


def test_a_whole_matters_although_none_of_its_words_does() -> None:
    asked = "Where is it?"
    made = explanation([("user", asked)], {})
    scores = {"attribution": 0.9, "ci_low": 0.8, "ci_high": 1.0, "significant": True}
    whole = made.segments[0].model_copy(
        update={**scores, "text": asked, "start": 0, "end": len(asked), "unit": "message",
                "key": "whole", "verdict": "supports"}
    )  # fmt: skip
    words = tuple(s.model_copy(update={"parent": 0}) for s in made.segments)
    found = made.model_copy(update={"segments": words, "coarser": (whole,)})
    assert found.drivers == (whole,)
    assert_driven_by(found, asked)
    with pytest.raises(AssertionError, match="has an effect"):
        assert_no_effect(found, asked)
    assert_no_effect(found, "where")
    frame = found.to_frame()
    assert list(frame.text) == [asked, *(s.text for s in words)]
    assert list(frame.inside)[1:] == ["whole"] * len(words)
    assert frame.inside.isna()[0]


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
