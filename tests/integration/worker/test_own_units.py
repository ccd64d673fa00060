"""Prompts and functions with options of their own, and units that do not occur."""

from collections.abc import Callable
from typing import Any

import pytest

from smile_trace.errors import ReasonCode
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import Call, Explanation, Message, PromptUse
from smile_trace.settings import Settings, SettingsError
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer
from tests.support.worker_settings import PROMPT, WORD, capture

Configure = Callable[..., Settings]


def _call(name: str, *prompts: str) -> Call:
    uses = [
        PromptUse(name=prompt, version="1", template="x", message=0, start=0, end=1)
        for prompt in prompts
    ]
    return Call(
        trace_id="1" * 32,
        span_id="2" * 16,
        name=name,
        messages=(Message(role="user", content="xy"),),
        prompts=tuple(uses),
        start_ns=1,
        end_ns=2,
    )


def test_a_prompt_goes_before_its_function(configure: Configure) -> None:
    explain: dict[str, Any] = {
        "unit": "sentence",
        "prompt:greet": {"unit": "variable", "calls": 12},
        "function:answer": {"unit": "document", "protect": ["system"], "calls": 900},
    }
    settings = configure(explain=explain)

    def options(call: Call) -> ExplainOptions:
        return ExplainOptions.from_settings(settings, "planted", call)

    assert options(_call("other")).unit == "sentence"
    own = options(_call("answer"))
    assert (own.unit, own.protect, own.budget) == ("document", ("system",), 20)
    both = options(_call("answer", "greet", "another"))
    assert (both.unit, both.protect, both.budget) == ("variable", ("system",), 12)


def test_a_wrong_name_is_one_sentence(configure: Configure) -> None:
    with pytest.raises(SettingsError, match="unit"):
        configure(explain={"prompt:greet": {"unit": "syllable"}})
    with pytest.raises(SettingsError, match=r"unit: /\(/ is no regular expression"):
        configure(explain={"prompt:greet": {"unit": "/(/"}})
    with pytest.raises(SettingsError, match="promt"):
        configure(explain={"promt:greet": {"unit": "word"}})


def _explained(settings: Settings) -> Explanation:
    tracker = FakeTracker()
    capture(settings, 1)
    assert run(settings, once=True, trackers=[tracker]).explained == 1
    [item] = tracker.explanations.values()
    return item.explanation


def test_a_unit_that_does_not_occur_falls_back_with_a_note(
    configure: Configure, server: PlantedServer
) -> None:
    explanation = _explained(configure(explain={"unit": "document"}))
    [note] = explanation.notes
    assert note.code is ReasonCode.UNIT_MISSING
    assert "'document'" in note.text
    assert explanation.summary.endswith(note.text)
    assert explanation.ranked[0].text.startswith(WORD)
    assert len(explanation.segments) == len(PROMPT.split())


def test_the_unit_of_a_function_may_be_a_pattern(
    configure: Configure, server: PlantedServer
) -> None:
    pattern = r"\w+"
    table = {"function:chat planted": {"unit": f"/{pattern}/"}}
    explanation = _explained(configure(explain=table))
    assert explanation.settings.pattern == pattern
    assert explanation.settings.unit == "span"
    assert [s.text for s in explanation.segments] == [f"{word}1" for word in PROMPT.split()]
    assert explanation.ranked[0].text.startswith(WORD)
    assert not explanation.notes


def test_a_pattern_that_matches_nothing_falls_back_with_a_note(
    configure: Configure, server: PlantedServer
) -> None:
    explanation = _explained(configure(explain={"unit": "/no such text/"}))
    [note] = explanation.notes
    assert note.code is ReasonCode.UNIT_MISSING
    assert "/no such text/" in note.text
    assert explanation.ranked[0].text.startswith(WORD)
