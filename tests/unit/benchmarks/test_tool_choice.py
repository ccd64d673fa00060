"""Why a tool was chosen, by what a real chat model said (the benchmark has twenty of these)."""

import pytest

import smile_trace
from benchmarks.statistics.tool_choice import (
    EXAMPLES,
    PARAMETERS,
    Answers,
    chat,
    deciding,
    explain,
    planted,
)

MESSAGES = {
    "Could you check the bell for me?": "bell",
    "Show the forecast for next Sunday.": "forecast",
    "Let the piano start very softly.": "piano",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_the_word_that_decides_is_first(message: str) -> None:
    say, word = Answers(ask=False).say, MESSAGES[message]
    assert deciding(message, say) == [word]
    assert explain(message, say).ranked[0].text == word


def test_and_of_a_planted_model_that_calls_tools() -> None:
    for message, word in MESSAGES.items():
        found = planted(message, word)
        assert found.ranked[0].text == word
        assert found.status == "reliable"


@pytest.mark.model
@pytest.mark.slow
def test_the_demo_model_chooses_by_an_enumeration() -> None:
    [message, word] = next(iter(MESSAGES.items()))
    found = smile_trace.explain(
        chat(message),
        model="demo",
        parameters=PARAMETERS,
        unit="word",
        part="$.tool",
        protect=("assistant", *EXAMPLES),
        signal="text",
        budget=16,
    )
    assert found.answer[slice(*found.part or (0, 0))] == "alarm"
    assert found.ranked[0].text == word
