"""Reasoning told apart from the answer, in the forms that servers send."""

import pytest

from smile_trace.records import Call, Message, Prompted
from smile_trace.records.formats.reasoning import apart, range_of_reasoning, reasoning_beside


@pytest.mark.parametrize(
    ("text", "answer", "reasoning", "unfinished"),
    [
        ("Paris.", "Paris.", None, False),
        ("<think>\nFrance. Paris.\n</think>\n\nParis.", "Paris.", "France. Paris.", False),
        ("<think>\n\n</think>\n\nParis.", "Paris.", None, False),  # Qwen3 told not to
        ("Okay, France.\n</think>\n\nParis.", "Paris.", "Okay, France.", False),  # by template
        ("<think>Okay, France. Its", "", "Okay, France. Its", True),  # cut
        ("<think>a</think>\n<think>b</think>c", "c", "a\nb", False),
        ("<thinking>a</thinking> <result>c</result>", "<result>c</result>", "a", False),
        ("[THINK]a[/THINK]c", "c", "a", False),
        ("Write <think> and </think>.", "Write <think> and </think>.", None, False),
        ("End it with `</think>`.", "End it with `</think>`.", None, False),
        ('{"tag": "</think>"}', '{"tag": "</think>"}', None, False),
        ("Compare 1 <think> 2", "Compare 1 <think> 2", None, False),
        ("", "", None, False),
    ],
)
def test_reasoning_stands_at_the_beginning(text, answer, reasoning, unfinished):
    assert apart(text) == (answer, reasoning, unfinished)


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        (" <think>\na\n</think>\n\nb", "<think>\na\n</think>"),
        ("a</think>b", "a</think>"),
        ("<think>a", "<think>a"),
        ("<think></think>b", None),
        ("The tag <think>a</think>", None),
    ],
)
def test_where_the_reasoning_stands(text, reasoning):
    found = range_of_reasoning(text)
    assert (None if found is None else text[slice(*found)]) == reasoning


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_beside_the_answer(name):
    assert reasoning_beside({"content": "c", name: "a "}) == "a"
    assert reasoning_beside({"content": "c", name: None}) is None
    assert reasoning_beside({"reasoning_content": "a", "reasoning": "a"}) == "a"


def test_a_logged_answer_is_explained_without_its_reasoning_and_limited_with_it():
    call = Call(
        trace_id="1" * 32,
        span_id="2" * 16,
        name="f",
        messages=(Message(role="user", content="Capital of France?"),),
        answer="<think>" + "France has one. " * 50 + "</think>Paris.",
        reasoning="apart",
        start_ns=0,
        end_ns=1,
    )
    prompted = Prompted.of(call)
    assert prompted.answer == call.answer_without_reasoning == "Paris."
    assert prompted.reasoning.startswith("apart\nFrance has one.")
    assert prompted.answer_limit > 150
