"""Which logged calls are replayed through both versions of a prompt."""

import numpy as np

from smile_trace.comparison.input_models import Input
from smile_trace.comparison.version_replay import choose_inputs, what_varies
from smile_trace.records import Call, Message, PromptUse

TEMPLATE = "Be brief."


def _call(number: int, question: str) -> Call:
    use = PromptUse(
        name="support", version="1", template=TEMPLATE, message=0, start=0, end=len(TEMPLATE)
    )
    system = Message(role="system", content=TEMPLATE)
    return Call(
        trace_id="1" * 32,
        span_id=f"{number:016x}",
        name="answer",
        messages=(system, Message(role="user", content=question)),
        prompts=(use,),
        start_ns=number,
        end_ns=number + 1,
    )


def test_questions_beside_a_template_without_variables_are_inputs_of_their_own() -> None:
    traffic = [_call(1, "open?"), _call(2, "closed?"), _call(3, "open?")]
    chosen = choose_inputs(traffic, "support", [TEMPLATE], 10, np.random.default_rng(0))
    assert sorted(one.call.messages[1].content for one in chosen) == ["closed?", "open?"]


def test_an_example_shows_the_question_where_there_are_no_variables() -> None:
    [one] = choose_inputs([_call(1, "open?")], "support", [TEMPLATE], 1, np.random.default_rng(0))
    assert what_varies(one) == {"user": "open?"}
    use = one.use.model_copy(update={"variables": {"name": "Ann"}})
    assert what_varies(Input(one.call, use)) == {"name": "Ann"}
