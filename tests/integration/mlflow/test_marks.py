"""What people wrote in a real MLflow: expectations and feedback, read back as marks."""

from typing import Any

import mlflow
import pytest
from mlflow.entities import AssessmentSource

from smile_trace.trackers.marks import Mark
from smile_trace_mlflow import MLflowTracker
from tests.support.mlflow_cases import case, deliver

pytestmark = pytest.mark.mlflow
ANNA = AssessmentSource(source_type="HUMAN", source_id="anna")
JUDGE = AssessmentSource(source_type="LLM_JUDGE", source_id="gpt")


def test_expectations_and_feedback_of_people_are_marks_and_nothing_else_is(
    tracker: MLflowTracker,
) -> None:
    cases = [case("museum"), case("station")]
    trace_id, other = (deliver(tracker, one) for one in cases)  # with our own scores
    call = cases[0][1]
    told: dict[str, Any] = {"trace_id": trace_id}
    mlflow.log_expectation(**told, name="expected_response", value="At ten.", source=ANNA)
    mlflow.log_expectation(
        **told,
        name="expected_facts",
        value=["It opens at ten.", "On Sundays, too."],
        source=AssessmentSource(source_type="CODE", source_id="evaluation.py"),
    )
    mlflow.log_expectation(**told, name="expected_intent", value="hours", source=ANNA)
    mlflow.log_feedback(
        **told, name="User feedback", value=False, source=ANNA, span_id=call.span_id
    )
    mlflow.log_feedback(**told, name="toxic", value=False, source=ANNA)
    mlflow.log_feedback(**told, name="correctness", value="no", source=JUDGE)
    mlflow.log_expectation(**told, name="expected_response", value="At six.", source=JUDGE)
    replaced = mlflow.log_feedback(**told, name="correct", value=False, source=ANNA)
    mlflow.override_feedback(
        trace_id=trace_id, assessment_id=str(replaced.assessment_id), value=True, source=ANNA
    )
    marks = tracker.read_marks([trace_id, other, "tr-" + "0" * 32])
    facts = ("It opens at ten.", "On Sundays, too.")
    assert sorted(marks, key=str) == sorted(
        [
            Mark(trace_id=trace_id, expected="At ten.", by="anna"),
            Mark(trace_id=trace_id, facts=facts, by="evaluation.py"),
            Mark(trace_id=trace_id, span_id=call.span_id, wrong=True, by="anna"),
        ],
        key=str,
    )
