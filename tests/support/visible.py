"""What a person would see where trackers deliver to: trace ids, one per thing that shows."""

import mlflow

from smile_trace.trackers.presentation import EXPLANATION_NAME, VERDICT
from tests.support.fake_comet import FakeComet
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.fake_opik import FakeOpik
from tests.support.fake_otlp import FakeOtlp
from tests.support.phoenix_server import PhoenixServer

EXPLAINED = (EXPLANATION_NAME, "Why is it wrong?")
Seen = tuple[list[str], list[str]]
"""Of the traces, and of the explanations."""


def in_comet(server: FakeComet) -> Seen:
    """Experiments of LLM traces, and the explanations among their assets."""
    traces = [experiment.key for experiment in server.experiments if experiment.type == "LLM"]
    explanations = [
        experiment.key
        for experiment in server.experiments
        for asset in experiment.assets
        if asset.name.endswith("/explanation.json")
    ]
    return traces, explanations


def in_langfuse(server: FakeLangfuseWrites) -> Seen:
    """Observations without a parent, and ours by name."""
    spans = server.spans.values()
    traces = [span.trace_id for span in spans if span.parent_id is None]
    return traces, [s.trace_id for s in spans if s.name.startswith(EXPLAINED)]


def in_mlflow(experiment: str) -> Seen:
    """Of the server that `mlflow` itself points at."""
    found = mlflow.get_experiment_by_name(experiment)
    assert found is not None
    traces = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    explanations = [
        trace.info.trace_id
        for trace in traces
        for span in trace.data.spans
        if span.name.startswith(EXPLAINED)
    ]
    return [trace.info.trace_id for trace in traces], explanations


def verdicts_in_mlflow(experiment: str) -> list[tuple[str, str]]:
    """Each value in the column of verdicts, of any span, with its trace."""
    found = mlflow.get_experiment_by_name(experiment)
    assert found is not None
    traces = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    return [
        (trace.info.trace_id, said.value)
        for trace in traces
        for said in trace.info.assessments
        if said.name == VERDICT
    ]


def in_opik(server: FakeOpik) -> Seen:
    """Traces, and our spans, of which none has a file twice."""
    names = [n for files in server.attachments.values() for n, _, _ in files]
    spans = [s for s in server.spans.values() if s["name"].startswith(EXPLAINED)]
    assert all(names.count(name) <= len(spans) for name in names)
    return list(server.traces), [span["trace_id"] for span in spans]


def in_otlp(server: FakeOtlp) -> Seen:
    """Spans without a parent that are no explanation, and explanations."""
    explained = {id(span) for span in server.explanations}
    roots = [s for s in server.spans if not s.parent_span_id and id(s) not in explained]
    traces = [span.trace_id.hex() for span in roots]
    return traces, [span.trace_id.hex() for span in server.explanations]


def in_phoenix(server: PhoenixServer, project: str) -> Seen:
    """Of a project, once everything that was taken is written."""
    traces = server.settled(f"projects/{project}/traces", limit=1000)
    explanations = [
        span["context"]["trace_id"]
        for span in server.get(f"projects/{project}/spans", limit=1000)
        if span["name"].startswith(EXPLAINED)
    ]
    return [trace["trace_id"] for trace in traces], explanations


def verdicts_in_phoenix(server: PhoenixServer, project: str) -> list[tuple[str, str]]:
    """The verdicts at traces, once everything that was taken is written."""
    traces = server.settled(f"projects/{project}/traces", limit=1000)
    ids = [trace["trace_id"] for trace in traces]
    found = server.get(f"projects/{project}/trace_annotations", trace_ids=ids, limit=1000)
    return [(s["trace_id"], s["result"]["label"]) for s in found if s["name"] == VERDICT]
