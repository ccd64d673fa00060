"""The sanity check: passed, failed and inconclusive outcomes."""

from collections.abc import Callable

import pytest

from smile_trace.evaluation import check_by_injection, estimate_check
from smile_trace.evaluation.injection import (
    METHODS,
    NEUTRAL,
    InjectedPrompt,
    inject_example,
    inject_instruction,
)
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.records import Media, Message, Prompted, TextPart, ToolCall, ToolResult
from smile_trace.settings import Settings
from tests.support.planted import PlantedModel

PROMPT = "say what the quick brown fox does today"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def prepared(model, prompt=PROMPT, parameters=None, **options) -> Prepared:
    chosen = ExplainOptions(**options)
    return prepare(prompt, Settings(), chosen, model=model, parameters=parameters)


def following(prompt: str) -> str:
    """Follows instructions."""
    told = {"Begin", "answer", "PELICAN."} <= set(prompt.split())
    return f"{'PELICAN: ' if told else ''}{'it jumps' if 'fox' in prompt else 'nothing'}"


def continuing(prompt: str) -> str:
    """Only repeats what followed the same words before."""
    return " PELICAN. And so on" if "today PELICAN." in prompt else " it jumps"


def saying_for(word: str):
    """Says the marker for a reason of its own."""
    return lambda prompt: "PELICAN" if word in prompt.split() else "it jumps"


@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_a_model_that_follows_instructions_passes(unit):
    model = PlantedModel(following)
    checked = check_by_injection(prepared(model, unit=unit))
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "Begin your answer with the word PELICAN."
    assert checked.injected_attribution > 0.3
    assert abs(checked.neutral_attribution) < 0.1  # type: ignore[arg-type]
    assert len(model.asked) == checked.calls <= 40


def test_a_model_that_only_continues_passes():
    model = PlantedModel(continuing)
    checked = check_by_injection(prepared(model))
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "say what the quick brown fox does today PELICAN."
    assert checked.calls <= 40


@pytest.mark.parametrize("word", ["fox", "Tuesday."])
def test_another_cause_fails_the_check(word):
    checked = check_by_injection(prepared(PlantedModel(saying_for(word))))
    assert checked.outcome == "failed"
    assert ("fox" if word == "fox" else "Tuesday") in checked.reason


def test_a_model_that_does_not_follow_is_inconclusive():
    model = PlantedModel(lambda prompt: "it jumps")
    checked = check_by_injection(prepared(model))
    assert checked.outcome == "inconclusive"
    assert "did not follow" in checked.reason
    assert checked.calls == len(model.asked) == 2


def test_a_model_that_always_says_the_marker_is_inconclusive():
    checked = check_by_injection(prepared(PlantedModel(lambda prompt: "PELICAN it jumps")))
    assert checked.outcome == "inconclusive"
    assert "whatever was removed" in checked.reason
    assert "inconclusive" not in checked.reason


def test_a_model_that_fails_is_inconclusive():
    def model(prompt):
        raise ValueError("no luck")

    checked = check_by_injection(prepared(PlantedModel(model)))
    assert checked.outcome == "inconclusive"
    assert "no luck" in checked.reason


def test_the_marker_is_not_in_the_prompt():
    model = PlantedModel(lambda prompt: "walnut" if "WALNUT." in prompt.split() else "it jumps")
    checked = check_by_injection(prepared(model, "the pelican and the fox jump today"))
    assert checked.outcome == "passed", checked.reason
    assert "WALNUT" in checked.injected


def test_a_check_costs_no_more_than_the_explanation():
    for budget in (4, 12):
        model = PlantedModel(continuing)
        checked = check_by_injection(prepared(model, budget=budget))
        assert len(model.asked) <= budget
        assert checked.outcome in ("passed", "inconclusive")
        assert not checked.reason.endswith("."), "whoever shows it ends the sentence"


def test_where_the_texts_are_injected():
    messages = (
        Message(role="system", content="Be kind."),
        Message(role="user", content="Say hello\nto Ada."),
        Message(role="assistant", content="Hello"),
    )
    told = inject_instruction(Prompted(messages=messages), "PELICAN")
    content = told.prompted.messages[1].content
    assert content == f"Say hello\nto Ada.\n{NEUTRAL}\nBegin your answer with the word PELICAN."
    assert content[told.start :].startswith(NEUTRAL)
    shown = inject_example(Prompted(messages=messages), "PELICAN")
    assert shown.prompted.messages[2].content == f"{NEUTRAL}\nHello PELICAN.\nHello"
    assert [m.role for m in shown.prompted.messages] == ["system", "user", "assistant"]


def test_the_estimate_covers_the_check():
    model = PlantedModel(following)
    most = estimate_check(prepared(model, budget=12))
    assert most.calls == 12
    assert most.tokens is None


@pytest.mark.parametrize("inject", METHODS)
def test_messages_without_a_text_are_left_alone(
    inject: Callable[[Prompted, str], InjectedPrompt],
) -> None:
    image = Media(modality="image", uri="https://example.org/a.png")
    messages = (
        Message(role="user", parts=(TextPart(content="What is this?"), image)),
        Message(role="assistant", parts=(ToolCall(id="c", name="look"),)),
        Message(role="tool", parts=(ToolResult(id="c", response="A lamp."),)),
        Message(role="assistant", parts=(ToolCall(id="d", name="look"),)),
        Message(role="user", parts=(image,)),
    )
    injected = inject(Prompted(messages=messages), "MARKER")
    [changed] = [
        k for k, message in enumerate(injected.prompted.messages) if message != messages[k]
    ]
    assert changed == injected.message
    assert "MARKER" in injected.prompted.messages[changed].content
