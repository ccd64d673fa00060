"""A prompt under test: its answers are recorded, so that the test asks no model.

    pytest examples/tested_prompt

After a change of the prompt, record what is missing, once:

    RecordedModel(ANSWERS, "demo-completion")
"""

from pathlib import Path

import pytest

import smile_trace
from smile_trace.testing import RecordedModel, assert_driven_by, assert_no_effect

ANSWERS = Path(__file__).with_name("answers.jsonl")
PROMPT = "The Eiffel Tower is in the city of"


@pytest.fixture(scope="module")
def explanation() -> smile_trace.Explanation:
    """Explained once for all tests; only what leaves out other parts is asked again."""
    return smile_trace.explain(
        PROMPT,
        model=RecordedModel(ANSWERS),
        parameters={"temperature": 0, "max_tokens": 4},
        budget=60,
    )


def test_the_landmark_drives_the_answer(explanation: smile_trace.Explanation) -> None:
    """The answer is about this tower, and not any."""
    assert_driven_by(explanation, "Eiffel Tower")


def test_the_last_word_does_nothing(explanation: smile_trace.Explanation) -> None:
    """A word without effect can be removed."""
    assert_no_effect(explanation, "of", within=0.25)
