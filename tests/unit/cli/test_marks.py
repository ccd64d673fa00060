"""`smile-trace explain --wrong`: what stands in the trackers, or what is to be done."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.cli.marks import expected_of, marks_of
from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import Capabilities
from smile_trace.trackers.marks import Mark
from tests.support.fake_tracker import FakeTracker
from tests.support.spooled import trace_id
from tests.support.store_rows import capture, deliver, traces
from tests.support.stores import settings as settings
from tests.support.stores import store as store

OURS = trace_id(1)
THEIRS = f"there-{OURS}"
Ask = Callable[..., str]
OTHERS = ("tr-1 --expected x", "tr-1 --answer x", "--run r", "--prompt x --model demo")


class Marked(FakeTracker):
    capabilities = Capabilities(marks=True)
    marks: Sequence[Mark] = ()

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        assert list(trace_ids) == [THEIRS]
        return list(self.marks)


@pytest.fixture
def ask(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`expected_of` a delivered trace of the store, where these marks stand in the tracker."""
    store.outbox.add(["fake"])
    capture(store, 1)
    deliver(store, *traces(store, "fake"))

    def asked(*marks: Mark) -> str:
        held = Marked()
        held.marks = marks
        monkeypatch.setattr("smile_trace.cli.deliver.discover_trackers", lambda _: [held])
        return expected_of(OURS, settings)

    return asked


def mark(**fields: object) -> Mark:
    return Mark.model_validate({"trace_id": THEIRS, "by": "anna", **fields})


def test_what_stands_about_a_delivered_trace_is_taken(ask: Ask) -> None:
    marks = [mark(expected="At ten."), mark(wrong=True), mark(facts=["No"], span_id="another")]
    assert ask(*marks) == "At ten."


def test_several_answers_are_named_and_none_is_taken(ask: Ask) -> None:
    with pytest.raises(SmileTraceError) as error:
        ask(mark(expected="At ten."), mark(expected="At six.", by="ben"))
    assert str(error.value) == (
        f"people expect “At ten.” (anna) and “At six.” (ben) of {OURS}: "
        "choose one with --expected TEXT"
    )


def test_without_an_expected_answer_it_says_what_to_write(ask: Ask) -> None:
    with pytest.raises(SmileTraceError, match=r"^nobody wrote .*say it with --expected") as nothing:
        ask()
    assert "expected_facts" in str(nothing.value)
    with pytest.raises(SmileTraceError, match=r"^anna said that it is wrong, but nobody wrote"):
        ask(mark(wrong=True))


def test_it_takes_a_tracker_that_can_be_asked_a_trace_and_no_other_target(tmp_path: Path) -> None:
    with pytest.raises(SmileTraceError, match="set MLFLOW_TRACKING_URI or PHOENIX_COLLECTOR"):
        marks_of([], Settings(home=tmp_path))
    for others in OTHERS:
        asked = ["explain", "--wrong", *others.split()]
        done = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert "--wrong takes a TRACE_ID" in done.output
