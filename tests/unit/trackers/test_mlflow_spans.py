"""Our spans on their way to MLflow, which refuses a whole batch for one long name."""

from smile_trace import semconv
from smile_trace.testing.samples import sample_trace
from smile_trace_mlflow.spans import spans_for_mlflow


def test_long_sessions_users_and_tags_are_shortened_and_stay_apart() -> None:
    trace = sample_trace()
    ids = {semconv.SESSION_ID: "s" * 300, semconv.USER_ID: "u" * 299 + "\0"}
    spans = tuple(s.model_copy(update={"attributes": {**s.attributes, **ids}}) for s in trace.spans)
    tags = {"t" * 300 + "a": "1", "t" * 300 + "b": "2"}
    calls = tuple(call.model_copy(update={"tags": tags}) for call in trace.calls)
    sent = list(spans_for_mlflow(trace.model_copy(update={"spans": spans, "calls": calls})))
    names = [name.removeprefix("mlflow.traceTag.") for s in sent for name in s.attributes]
    assert len([name for name in names if name.startswith("ttt")]) == 2
    assert max(map(len, names)) <= 250
    for span in sent:
        assert len(str(span.attributes[semconv.SESSION_ID])) <= 250
        assert len(str(span.attributes[semconv.USER_ID])) <= 250


def test_short_ones_are_as_they_were() -> None:
    trace = sample_trace()
    ids = {semconv.SESSION_ID: "s" * 250}
    spans = tuple(s.model_copy(update={"attributes": {**s.attributes, **ids}}) for s in trace.spans)
    sent = list(spans_for_mlflow(trace.model_copy(update={"spans": spans})))
    assert {span.attributes[semconv.SESSION_ID] for span in sent} == {"s" * 250}
