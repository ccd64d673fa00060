"""What a replay says of the logged answer beside the new ones."""

import pytest

from smile_trace.comparison.replay_call import Replay, _with_change
from smile_trace.records import Call, Message

WHEN = {"name": "support", "start_ns": 0, "end_ns": 1}


def distance(one: str, other: str) -> float:
    return abs(float(one) - float(other))


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
    asked = (Message(role="user", content="How much?"),)
    logged = Call(span_id="b" * 16, trace_id="a" * 32, messages=asked, answer="0", **WHEN)
    made = Replay(call=logged, messages=asked, model="m", parameters={}, answers=tuple(answers))
    assert said in _with_change(made, distance).verdict
