"""What counts as said by a person about an answer, and about which answer."""

from typing import Any

import pytest

from smile_trace.records import JSON
from smile_trace.trackers.marks import Mark, about, expectation, says_wrong, wanted
from tests.support.explained import captured, explanation


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("correctness", "incorrect"),
        ("correctness", "No"),
        ("is_correct", False),
        ("isCorrect", "false"),
        ("User feedback", 0.0),
        ("thumbs_up", -1),
        ("thumbs", "thumbs-down"),
        ("anything", "👎"),
        ("guideline", "fail"),
        ("wrong", True),
        ("answer is wrong", "yes"),
    ],
)
def test_a_reply_that_says_that_the_answer_is_wrong(name: str, value: Any) -> None:
    assert says_wrong(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("correctness", "yes"),
        ("correctness", 0.3),
        ("correctness", None),
        ("correctness", ["no"]),
        ("toxic", False),
        ("feedback_toxicity", 0),
        ("up", 0),
        ("", "no"),
        ("wrong", "no"),
        ("rating", 0),
    ],
)
def test_any_other_reply_says_nothing_of_the_kind(name: str, value: Any) -> None:
    assert not says_wrong(name, value)


def test_an_expectation_is_a_text_or_facts_a_line_or_an_item_each() -> None:
    assert expectation("expected_response", " At ten. ") == {"expected": "At ten."}
    assert expectation("expected_response", {"opens": 10}) == {"expected": '{"opens": 10}'}
    assert expectation("expected_facts", ["At ten", ""]) == {"facts": ("At ten",)}
    assert expectation("expected_facts", "At ten\n\nDaily") == {"facts": ("At ten", "Daily")}
    assert expectation("expected_intent", "hours") == {}
    nothings: tuple[JSON, ...] = (None, "", " ", [])
    for nothing in nothings:
        for name in ("expected_response", "expected_facts"):
            assert not Mark(trace_id="t", **expectation(name, nothing)).says_something


def test_a_mark_at_the_trace_or_around_its_answer_is_about_the_final_answer_alone() -> None:
    trace, last = captured(explanation())
    [root] = [span for span in trace.spans if span.parent_id is None]
    earlier = last.model_copy(update={"id": f"{trace.trace_id}:e", "span_id": "e", "start_ns": 1})
    trace = trace.model_copy(update={"calls": (earlier, last)})
    ids = (None, root.span_id, last.span_id, "e", "another")
    marks = [Mark(trace_id="t", span_id=one, wrong=True) for one in ids]
    assert about(marks, trace, last) == marks[:3]
    assert about(marks, trace, earlier) == [marks[3]]
    seen = last.model_copy(update={"external_trace": {"mlflow.span_id": "another"}})
    assert about(marks, trace, seen) == [*marks[:3], marks[4]]


def test_what_is_wanted_is_said_once_and_facts_come_before_a_whole_answer() -> None:
    answers = [
        Mark(trace_id="t", expected="At ten.", by="anna"),
        Mark(trace_id="t", expected="at  ten.", by="ben"),
        Mark(trace_id="t", wrong=True, by="cora"),
    ]
    assert wanted(answers) == {"At ten.": ["anna", "ben"]}
    facts = Mark(trace_id="t", facts=("At ten", "Daily"), by="anna")
    assert wanted([*answers, facts]) == {"At ten\nDaily": ["anna"]}
    other = Mark(trace_id="t", expected="At six.", by="ben")
    assert wanted([*answers, other]) == {"At ten.": ["anna", "ben"], "At six.": ["ben"]}
    assert wanted(answers[2:]) == {}
