"""A decorated function that records nothing: its argument is taken for the prompt."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.errors import ReasonCode
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.capture_fixtures import capturing_into
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer

QUESTION = "which city is the Eiffel Tower in please"
ANSWER = "Paris, France."
MOST_TOKENS = 12


@pytest.fixture
def home(settings: Settings) -> Iterator[Path]:
    """Capture writes into the worker's home."""
    with capturing_into(settings.home):
        yield settings.home


def city(prompt: str) -> str:
    """Where it is, by one word."""
    return ANSWER if "Eiffel" in prompt else "I do not know that, I am afraid, my friend."


def instructed(prompt: str) -> str:
    """As the application's own request, which holds instructions, is answered."""
    return "The boat leaves at nine from the old harbour, and a ticket costs 12 EUR."


def _explained(settings: Settings, ask: Callable[[str], str]) -> Explanation:
    """The explanation of one call of a decorated function."""
    smile_trace.trace(model="planted")(ask)(QUESTION)
    tracker = FakeTracker()
    status = run(settings, once=True, trackers=[tracker])
    assert status.explained == 1, status
    [item] = tracker.explanations.values()
    return item.explanation


def test_it_is_replayed_with_answers_about_as_long_as_its_own(
    home: Path, configure: Callable[..., Settings], server: PlantedServer
) -> None:
    server.function = city
    budget: dict[str, Any] = {"calls_per_explanation": 40, "usd_per_explanation": None}
    explanation = _explained(configure(budget=budget), lambda question: city(question))
    assert len(server.bodies) <= 40
    assert {body["max_tokens"] for body in server.bodies} == {MOST_TOKENS}
    assert explanation.ranked[0].text == "Eiffel"
    assert explanation.ranked[0].significant


def test_it_says_that_the_prompt_is_the_argument(
    home: Path, settings: Settings, server: PlantedServer
) -> None:
    server.function = city
    explanation = _explained(settings, lambda question: city(question))
    [note] = explanation.notes
    assert note.code is ReasonCode.PROMPT_ASSUMED
    assert "record()" in note.text
    assert explanation.summary.endswith(note.text)


def test_what_the_function_adds_is_noticed(
    home: Path, settings: Settings, server: PlantedServer
) -> None:
    server.function = city
    explanation = _explained(settings, lambda question: instructed(question))
    assert explanation.fidelity.status == "inconclusive"
    assert [note.code for note in explanation.notes] == [ReasonCode.PROMPT_ASSUMED]
    asked = len(server.bodies)
    smile_trace.trace(model="planted")(lambda question: instructed(question))(QUESTION)
    status = run(settings, once=True, trackers=[FakeTracker()])
    [skipped] = status.skipped_by_reason
    assert skipped.code is ReasonCode.PROMPT_ASSUMED
    assert "record()" in skipped.reason
    assert len(server.bodies) == asked


def test_what_record_tells_is_no_assumption(
    home: Path, settings: Settings, server: PlantedServer
) -> None:
    server.function = city

    def ask(question: str) -> str:
        messages = [{"role": "user", "content": question}]
        smile_trace.record(messages=messages, parameters={"max_tokens": 64})
        return city(question)

    explanation = _explained(settings, ask)
    assert explanation.notes == ()
    assert {body["max_tokens"] for body in server.bodies} == {64}
