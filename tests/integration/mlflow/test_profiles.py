"""A profile in a real MLflow: an assessment of the call for each probe, with its worst variant."""

import mlflow
import pytest

from smile_trace.records import Trace
from smile_trace.records.profile import Profile
from smile_trace.testing.samples import HOSTILE, sample_profile, sample_trace
from smile_trace.trackers import (
    CapturedTrace,
    ForgottenCall,
    ForgottenTrace,
    ProfiledCall,
    Receipt,
)
from smile_trace_mlflow import MLflowTracker
from tests.support.mlflow_server import MLflowServer

pytestmark = pytest.mark.mlflow


@pytest.fixture
def tracker(mlflow_server: MLflowServer) -> MLflowTracker:
    """Of an experiment of its own."""
    options = {"tracking_uri": mlflow_server.uri, "experiment": mlflow_server.new_experiment()}
    found = MLflowTracker.from_settings(options)
    assert found is not None
    return found


def delivered(tracker: MLflowTracker, trace: Trace, profile: Profile) -> str:
    """The trace and the profile of its call; the trace's id in MLflow."""
    [traced] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(traced, Receipt)
    item = ProfiledCall(
        trace=trace, call=trace.calls[0], profile=profile, traced_as=traced.external_id
    )
    [outcome] = tracker.deliver_profiles([item])
    assert isinstance(outcome, Receipt), outcome
    return traced.external_id


def said(trace_id: str) -> dict[str, tuple[str, str]]:
    """Value and rationale by name; each name is there once."""
    info = mlflow.get_trace(trace_id).info
    found = {a.name: (a.value, a.rationale) for a in info.assessments}
    assert len(found) == len(info.assessments)
    return found


def test_each_probe_is_an_assessment_with_its_worst_variant(tracker: MLflowTracker) -> None:
    trace = sample_trace(f"What is the capital of France? {HOSTILE}")
    profile = sample_profile(trace.calls[0])
    trace_id = delivered(tracker, trace, profile)
    found = said(trace_id)
    assert set(found) == {"smile.stability", "smile.paraphrase"}, "what was asked"
    assert found["smile.stability"][0] == "no effect seen"
    status, rationale = found["smile.paraphrase"]
    assert status == "changes it"
    assert rationale.startswith(
        "4 of 4 were another answer.\n\nThe most telling variant: a greeting"
    )
    assert "The prompt: {+Hello! +}" in rationale
    assert "The answer:\n- Paris\n+ Not Paris: What is the capital" in rationale
    assert "\x1b" not in rationale


def test_a_newer_profile_takes_the_place_of_the_older_one(tracker: MLflowTracker) -> None:
    trace = sample_trace()
    profile = sample_profile(trace.calls[0])
    trace_id = delivered(tracker, trace, profile)
    kept = {"stability": profile.results["stability"]}
    assert delivered(tracker, trace, profile.model_copy(update={"results": kept})) == trace_id
    assert set(said(trace_id)) == {"smile.stability"}


def test_a_forgotten_trace_takes_its_profile_along(tracker: MLflowTracker) -> None:
    trace = sample_trace()
    trace_id = delivered(tracker, trace, sample_profile(trace.calls[0]))
    calls = tuple(ForgottenCall(id=call.id, start_ns=call.start_ns) for call in trace.calls)
    item = ForgottenTrace(
        trace_id=trace.trace_id, start_ns=trace.calls[0].start_ns, calls=calls, traced_as=trace_id
    )
    assert isinstance(tracker.forget([item])[0], Receipt)
    assert mlflow.get_trace(trace_id, silent=True) is None
