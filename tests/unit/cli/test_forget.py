"""`smile-trace forget` asks at a terminal only, and says what is left."""

import sys
from typing import Any

import pytest
import typer

from smile_trace.cli.store import forget
from smile_trace.store.forgetting import Erased
from smile_trace.worker.forget import Forgotten, Found

FOUND = Found(trace_ids=("t1", "t2"), calls=3, trackers=("mlflow",))
DONE = Forgotten(trace_ids=FOUND.trace_ids, erased=Erased(traces=2, calls=3))


class Terminal:
    """What is asked, and what was removed."""

    def __init__(self) -> None:
        self.answer = True
        self.asked: list[str] = []
        self.removed: list[Found] = []
        self.done = DONE

    def confirm(self, question: str, **_: Any) -> bool:
        self.asked.append(question)
        return self.answer

    def forget(self, _: object, found: Found) -> Forgotten:
        self.removed.append(found)
        return self.done


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(typer, "confirm", made.confirm)
    monkeypatch.setattr("smile_trace.worker.forget.find", lambda *_, **__: FOUND)
    monkeypatch.setattr("smile_trace.worker.forget.forget", made.forget)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    return made


def test_it_asks_at_a_terminal(terminal: Terminal) -> None:
    forget(user="ann")
    [question] = terminal.asked
    assert question.startswith(
        "2 traces with 3 calls will be deleted for good, here, and in mlflow"
    )
    assert terminal.removed == [FOUND]


def test_no_removes_nothing(terminal: Terminal) -> None:
    terminal.answer = False
    with pytest.raises(typer.Exit) as ended:
        forget(user="ann")
    assert (ended.value.exit_code, terminal.removed) == (1, [])


def test_yes_is_not_asked(terminal: Terminal) -> None:
    forget(user="ann", yes=True)
    assert (terminal.asked, terminal.removed) == ([], [FOUND])


def test_without_a_terminal_nothing_is_asked(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    forget(user="ann")
    assert (terminal.asked, terminal.removed) == ([], [FOUND])


def test_what_is_left_is_said_and_exits_1(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.done = DONE.model_copy(
        update={
            "lines": 2,
            "copies": {"mlflow": 1},
            "comparisons": ("answer",),
            "left": ("comet may still have the trace t2: \x1b[31mdelete it there",),
        }
    )
    with pytest.raises(typer.Exit) as ended:
        forget(trace="t1", yes=True)
    said = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert said.out.splitlines() == [
        "Forgotten: 2 traces with 3 calls, 0 explanations, 0 cached answers, 0 feedbacks, "
        "2 lines of spool files.",
        "Deleted in mlflow: 1 trace.",
        "Comparisons of answer were deleted there too, and will be made again.",
    ]
    assert said.err == "Not removed: comet may still have the trace t2: delete it there.\n"
