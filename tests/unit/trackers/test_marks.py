"""What counts as said by a person about an answer, and about which answer."""

from smile_trace.records import JSON
from smile_trace.trackers.marks import Mark, about, expectation, says_wrong, wanted
from tests.support.explained import captured, explanation

SAID: dict[str, list[JSON]] = {
    "correctness": ["incorrect", "No", False, 0.0, -1],
    "isCorrect": ["false"],
    "user_feedback": ["thumbs-down", 0],
    "guideline": ["fail", "👎"],
    "answer is wrong": ["yes", True],
}
UNSAID: dict[str, list[JSON]] = {
    "correctness": ["yes", True, 0.3, None, ["no"], "poor"],
    "feedback_toxicity": ["no", False, 0],
    "up": [0],
    "": ["no"],
    "wrong": ["no"],
    "rating": [0],
}


def test_feedback_says_that_an_answer_is_wrong_by_its_value_or_by_its_question() -> None:
    assert [(n, v) for n, of in SAID.items() for v in of if not says_wrong(n, v)] == []
    assert [(n, v) for n, of in UNSAID.items() for v in of if says_wrong(n, v)] == []


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
        Mark(trace_id="t", expected="At\nten.", by="ben"),
        Mark(trace_id="t", wrong=True, by="cora"),
    ]
    assert wanted(answers) == {"At ten.": ["anna", "ben"]}
    facts = Mark(trace_id="t", facts=("At ten", "Daily"), by="anna")
    assert wanted([*answers, facts]) == {"At ten\nDaily": ["anna"]}
    other = Mark(trace_id="t", expected="At six.", by="ben")
    assert wanted([*answers, other]) == {"At ten.": ["anna", "ben"], "At six.": ["ben"]}
    assert wanted(answers[2:]) == {}
