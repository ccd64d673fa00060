"""Which captured call `explain` takes, and what it says where it takes none."""

from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.comparison import NothingToCompare, replay
from smile_trace.explaining import ExplanationFailed, explain
from smile_trace.explaining.inputs import answered_call, read_trace
from smile_trace.records import Call
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.planted_prompts import plant
from tests.support.spooled import call_span, span_id, trace_id, write_spool

ONE, OTHER = 0x10, 0x20
"""Traces whose ids differ in the last digit but one."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    held: dict[str, Any] = {semconv.PARAMETERS: '{"previous_response_id": "resp_1"}'}
    settings = Settings()
    write_spool(settings.spool, [call_span(ONE), call_span(OTHER, **held)])
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        plant(store, "library", "1", "Answer: {question}", [{"question": "Which books?"}])
    return settings


def read_call(written: str, settings: Settings) -> Call:
    trace_id, _, span_id = written.partition(":")
    return answered_call(read_trace(trace_id, settings), span_id)


@pytest.mark.parametrize("written", ["{}", "{}:" + span_id(1), "{}:" + span_id(1)[:4]])
def test_a_call_by_its_id(settings: Settings, written: str) -> None:
    assert read_call(written.format(trace_id(ONE)), settings).trace_id == trace_id(ONE)


def test_a_call_by_the_beginning_of_its_id(settings: Settings) -> None:
    with pytest.raises(ExplanationFailed, match="matches several traces"):
        read_call(trace_id(ONE)[:8], settings)
    assert read_call(trace_id(ONE)[:31], settings).trace_id == trace_id(ONE)


def test_a_call_is_replayed_by_the_id_that_mlflow_shows(settings: Settings) -> None:
    assert replay(f"tr-{trace_id(ONE)}", model=lambda _: "nothing").answers == ("nothing",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (trace_id(9), "there is no trace .* take its id from `smile-trace calls`"),
        ("library", "but there is a prompt of that name: `smile-trace compare library` says"),
        (f"{trace_id(ONE)}:{span_id(7)}", f"no call of a model with the span id '{span_id(7)}'"),
    ],
)
def test_a_call_that_is_not_there(settings: Settings, written: str, said: str) -> None:
    with pytest.raises(ExplanationFailed, match=said):
        read_call(written, settings)


def test_a_call_that_cannot_be_asked_again_is_not_asked(settings: Settings) -> None:
    asked: list[str] = []

    def model(prompt: str) -> str:
        asked.append(prompt)
        return "something nice"

    said = r"the call cannot be asked again: .*previous_response_id"
    with pytest.raises(ExplanationFailed, match=said):
        explain(trace_id=trace_id(OTHER), model=model)
    with pytest.raises(NothingToCompare, match=said):
        replay(trace_id(OTHER), model=model, settings=settings)
    assert not asked
