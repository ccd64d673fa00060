"""Explained calls that stand in MLflow, and what the worker knows of them when they are deleted."""

from collections.abc import Mapping

from smile_trace.records import Call, Explanation, PromptUse, Trace
from smile_trace.trackers import (
    CapturedTrace,
    ExplainedCall,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    Receipt,
)
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.runs import day_of
from tests.support.explained import captured, explanation

PROMPT = "directions"
Case = tuple[Trace, Call, Explanation]


def case(word: str, external: Mapping[str, str] = {}) -> Case:
    """An explained call with the word in all of its texts."""
    text = f"Where is the {word} from here?"
    explained = explanation(
        [("user", text)], {word: 0.7}, answer=f"the {word} is north", summary=f"“{word}” it is."
    )
    trace, call = captured(explained, external_trace=external)
    use = PromptUse(name=PROMPT, version="1", template="…", message=0, start=0, end=4)
    called = call.model_copy(update={"prompts": (use,)})
    return trace.model_copy(update={"calls": (called,)}), called, explained


def deliver(tracker: MLflowTracker, of: Case) -> str:
    trace, call, explained = of
    [outcome] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    traced_as = received(outcome)
    item = ExplainedCall(trace=trace, call=call, explanation=explained, traced_as=traced_as)
    received(tracker.deliver_explanations([item])[0])
    return traced_as


def received(outcome: Outcome) -> str:
    assert isinstance(outcome, Receipt), outcome
    return outcome.external_id


def forgotten(of: Case, traced_as: str | None) -> ForgottenTrace:
    """What the worker knows of a trace that is to be deleted."""
    trace, call, explained = of
    noted = ForgottenCall(
        id=call.id,
        start_ns=call.start_ns,
        prompts=((PROMPT, "1"),),
        days=(day_of(explained),),
        external_trace=call.external_trace,
    )
    return ForgottenTrace(
        trace_id=trace.trace_id, start_ns=call.start_ns, calls=(noted,), traced_as=traced_as
    )
