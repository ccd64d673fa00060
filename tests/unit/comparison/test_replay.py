"""What a replay says of the logged answer beside the new ones, and what it asks for."""

import re
from pathlib import Path

import pytest

from smile_trace.comparison import replay
from smile_trace.comparison.call_again import CallAgain
from smile_trace.comparison.replay_call import logged_call
from smile_trace.comparison.replayed import Replay, with_verdict
from smile_trace.explaining import explain
from smile_trace.records import Call, Message
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.requested import Stored
from tests.support.desk import ANSWER, PROMPT, Desk, with_call
from tests.support.spooled import trace_id

WHEN = {"name": "support", "start_ns": 0, "end_ns": 1}


def distance(one: str, other: str) -> float:
    return abs(float(one) - float(other))


def made(answers: list[str], **fields: tuple[str, ...]) -> Replay:
    asked = (Message(role="user", content="How much?"),)
    logged = Call(span_id="b" * 16, trace_id="a" * 32, messages=asked, answer="0", **WHEN)
    of = {"call": logged, "messages": asked, "model": "m", "parameters": {}}
    return Replay(**of, answers=tuple(answers), **fields)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "no answer"),
        (["0.01", "0"], "reproduced"),
        (["0.5"], "differs by 0.50: repeat it"),
        # One of four is the farthest, whoever they are.
        (["0.5", "0.51", "0.52"], "too few to tell"),
        (["0.5", "0.51", "0.52"] * 3, "more than the model's own noise"),
        (["0.5", "-0.5"] * 5, "within the model's own noise"),
        (["0.2", "-0.5", "0.1"], "within the model's own noise"),
    ],
)
def test_noise_is_told_from_a_change_by_enough_answers(answers: list[str], said: str) -> None:
    assert said in with_verdict(made(answers), distance).verdict


@pytest.mark.parametrize(
    ("originals", "answers", "said"),
    [
        ([], ["0.5"], "The answer differs from the logged one by 0.50: repeat it 5 times"),
        ([], ["0.01"], "The answer says what the logged one says"),
        (["0"] * 3, ["0.5"] * 3, "3 of 3 .* without the change 0 of 3: too few to tell"),
        (["0"] * 5, ["0.5"] * 5, r"5 of 5 .* 0 of 5 \(luck alone: probability 0.0079\)"),
        (["0", "1"] * 3, ["1", "0"] * 3, r"3 of 6 .* 3 of 6, which may be luck .*probability 1\)"),
        # The logged answer comes no more: that both differ from it says nothing of the change.
        (["1"] * 5, ["1"] * 5, "5 of 5 .* 5 of 5, which may be luck"),
    ],
)
def test_a_change_is_told_from_luck_by_the_unchanged_request(
    originals: list[str], answers: list[str], said: str
) -> None:
    found = with_verdict(made(answers, originals=tuple(originals), changed=("x",)), distance)
    assert re.match(said, found.verdict)
    assert found.differing == sum(float(one) > 0.05 for one in answers) / len(answers)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    return with_call(PROMPT, ANSWER)


def test_what_is_stored_is_not_asked_for_again(settings: Settings) -> None:
    desk = Desk()

    def asked(count: int, *without: str) -> list[tuple[str, int]]:
        before = len(desk.asked)
        replay(trace_id(1), model=desk, without=without, count=count)
        return [(one.messages[0].content, one.replicate) for one in desk.asked[before:]]

    changed = "In 2024 assembly cost 79 euros. What does assembly cost?"
    assert asked(1, "In 2025 it costs 29 euros.") == [(changed, 0)]
    found = asked(2, "In 2025 it costs 29 euros.")
    assert found == [(changed, 1), (PROMPT, 0), (PROMPT, 1)]
    unchanged = asked(2)
    assert unchanged == asked(2) == [(PROMPT, 0), (PROMPT, 1)], "always asked again"


def test_answers_of_an_explanation_are_stored_ones(settings: Settings) -> None:
    desk = Desk(varies=False)
    explained = explain(trace_id=trace_id(1), model=desk, unit="sentence", budget=12)
    before = len(desk.asked)
    with Store.look(settings) as store:
        call = logged_call(trace_id(1), store, settings)
        store.requested.keep(Stored(call.id, 1.0, explained, {}), call, of_trace=True)
        again = CallAgain(store, settings, call, 4, who=desk, beside=desk)
        parts = [again.edits.part("In 2025 it costs 29 euros")]
        found, once, often = again.stored(again.edits.edited(parts), ["without it"])
    assert (found.answers, once, often) == ((ANSWER.replace("29", "79"),), 0, 0)
    assert "the model repeats itself" in found.verdict
    assert len(desk.asked) == before


def test_the_cap_holds_over_everything_that_is_asked(settings: Settings) -> None:
    desk = Desk()
    with Store.look(settings) as store:
        call = logged_call(trace_id(1), store, settings)
        again = CallAgain(store, settings, call, 3, who=desk, beside=desk)
        for text in ("19 euros", "39 euros", "49 euros"):
            edited = again.edits.edited((), [(again.edits.part("29 euros"), text)])
            found = again.replay(edited, [text], 2)
        assert (len(desk.asked), again.left) == (3, 0)
    assert found.answers == ()
    assert "3 calls" in found.failures[0]
