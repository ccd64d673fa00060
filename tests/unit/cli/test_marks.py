"""`smile-trace explain --wrong`: what stands in the trackers, or what is to be done."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.cli.marks import expected_of
from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.trackers import Capabilities
from smile_trace.trackers.marks import Mark
from tests.support.explained import captured, explanation
from tests.support.fake_tracker import FakeTracker

Ask = Callable[..., str]


class Marked(FakeTracker):
    capabilities = Capabilities(marks=True)
    marks: Sequence[Mark] = ()

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        assert list(trace_ids) == ["theirs"]
        return list(self.marks)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`expected_of` where these marks stand, of a trace that the tracker calls `theirs`."""
    trace, _ = captured(explanation(), external_trace={"fake.trace_id": "theirs"})
    monkeypatch.setattr("smile_trace.explaining.inputs.read_trace", lambda *_: trace)

    def asked(*marks: Mark, tracker: FakeTracker | None = None) -> str:
        held = tracker or Marked()
        held.marks = marks  # type: ignore[attr-defined]
        monkeypatch.setattr("smile_trace.cli.deliver.discover_trackers", lambda _: [held])
        return expected_of("ours", Settings(home=tmp_path / "home"))

    return asked


def mark(**fields: object) -> Mark:
    return Mark.model_validate({"trace_id": "theirs", "by": "anna", **fields})


def test_the_expected_answer_is_said_with_who_wrote_it(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(mark(expected="At ten."), mark(wrong=True, by="ben")) == "At ten."
    assert capsys.readouterr().err == "Expected, as anna wrote: At ten.\n"
    assert ask(mark(expected="At ten."), mark(facts=["Ten", "Daily"], by="ben")) == "Ten\nDaily"


def test_several_answers_are_named_and_none_is_taken(ask: Ask) -> None:
    with pytest.raises(SmileTraceError) as error:
        ask(mark(expected="At ten."), mark(expected="At six.", by="ben"))
    assert str(error.value) == (
        "they expect “At ten.” (anna) and “At six.” (ben) of ours: choose one by --expected TEXT"
    )


def test_without_an_expected_answer_it_says_what_to_write(ask: Ask) -> None:
    with pytest.raises(SmileTraceError, match=r"^nobody wrote .*say it by --expected") as nothing:
        ask()
    assert "expected_facts" in str(nothing.value)
    with pytest.raises(SmileTraceError, match=r"^anna said that it is wrong, but nobody wrote"):
        ask(mark(wrong=True))
    with pytest.raises(SmileTraceError, match=r"^nobody wrote"):
        ask(mark(expected="At ten.", span_id="another"))


def test_without_a_tracker_that_can_be_asked_it_says_which_to_set(ask: Ask) -> None:
    with pytest.raises(SmileTraceError, match="set MLFLOW_TRACKING_URI or PHOENIX_COLLECTOR"):
        ask(tracker=FakeTracker())


@pytest.mark.parametrize(
    "others", [[], ["tr-1", "--expected", "x"], ["tr-1", "--path"], ["--run", "r"]]
)
def test_it_takes_a_trace_and_no_other_target(others: list[str]) -> None:
    if not others:
        others = ["--prompt", "Hi", "--model", "demo"]
    done = CliRunner().invoke(app, ["explain", "--wrong", *others], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "--wrong takes a TRACE_ID" in done.output
