"""The real MLflow server as the dashboard of a run: it is killed, too, and looked at afterwards."""

import time
import uuid
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment, Trace
from mlflow.tracing.client import TracingClient

from smile_trace.records import Explanation
from smile_trace.render import driver_text
from smile_trace.store import Store
from smile_trace.trackers.presentation import DRIVER, EXPLANATION_NAME, VERDICT
from smile_trace_mlflow.spans import mlflow_id
from tests.support.chaos.accounting import Run
from tests.support.chaos.schedule import Fault
from tests.support.mlflow_server import OwnMLflowServer

MAX_WAIT = 2.0
"""How long a kill waits for a delivery that it could hit, in seconds."""


class RealMLflow:
    """An experiment of its own on a real server.

    Where the tracker is to be down, or to lose an answer, the server is killed and started
    again at once, which takes it some ten seconds; a restart under way is not disturbed.

    Attributes:
        kills: how often it was killed.
    """

    def __init__(self, server: OwnMLflowServer) -> None:
        self._server = server
        self.experiment = f"chaos-{uuid.uuid4().hex[:12]}"
        self.kills = 0

    def inject(self, fault: Fault) -> None:
        """Kill the server: some time later, or to lose an answer, in the middle of writing."""
        if not self._server.answers():
            return
        if fault.kind == "answer lost":
            self._wait_for_a_write()
        else:
            time.sleep(fault.seconds)
        self._server.stop()
        self._server.start(wait=False)
        self.kills += 1

    def _wait_for_a_write(self) -> None:
        before, deadline = self._server.written_ns(), time.monotonic() + MAX_WAIT
        while self._server.written_ns() == before and time.monotonic() < deadline:
            time.sleep(0.001)

    def recover(self) -> None:
        """Wait until it answers."""
        self._server.wait()

    def settings(self) -> dict[str, dict[str, Any]]:
        """Where the worker delivers to."""
        return {"mlflow": {"tracking_uri": self._server.uri, "experiment": self.experiment}}

    def check(self, fault_run: Run) -> None:
        """Hold what a person sees against what the store holds.

        Raises:
            AssertionError: something is missing or is there twice; with the workers' log.
        """
        mlflow.set_tracking_uri(self._server.uri)  # what reads attachments asks nothing else
        store = Store.open(fault_run.settings)
        try:
            self._check(fault_run, store)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{fault_run.log()}") from error
        finally:
            store.close()

    def _check(self, fault_run: Run, store: Store) -> None:
        client = MlflowClient(tracking_uri=self._server.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        assert experiment is not None
        location = [experiment.experiment_id]
        found = client.search_traces(locations=location, max_results=100)
        traces = {trace.info.trace_id: trace for trace in found}
        assert len(traces) == len(found) == len(fault_run.calls), sorted(traces)
        explained = 0
        for call in fault_run.calls:
            trace = traces[mlflow_id(call.partition(":")[0])]
            explanation = store.explanation(call)
            _check_trace(trace, explanation)
            explained += explanation is not None
        _check_run(client, experiment, explained)


def _check_trace(trace: Trace, explanation: Explanation | None) -> None:
    explained = explanation is not None
    late = [span for span in trace.data.spans if span.name.startswith(EXPLANATION_NAME)]
    assert len(late) == explained, [span.name for span in trace.data.spans]
    assert len(trace.data.spans) == 1 + explained
    said = {a.name: a.value for a in trace.info.assessments}  # type: ignore[attr-defined]
    assert len(trace.info.assessments) == len(said)
    if explanation is not None:
        driver, verdict = driver_text(explanation), explanation.fidelity.status
        assert said == {DRIVER: driver, VERDICT: verdict}
    if explained:
        pictures = [
            value
            for value in late[0].outputs.values()
            if str(value).startswith("mlflow-attachment://")
        ]
        repository = TracingClient()._get_artifact_repo_for_trace(trace.info)
        assert len(repository.list_artifacts("attachments")) == len(pictures) > 0


def _check_run(client: MlflowClient, experiment: Experiment, explained: int) -> None:
    """The run of the day: each explanation in it once. A run over midnight has two."""
    runs = client.search_runs([experiment.experiment_id])
    assert len({run.data.tags["smile.day"] for run in runs}) == len(runs)
    assert sum(run.data.metrics["smile.explained"] for run in runs) == explained
    pages = [client.list_artifacts(run.info.run_id, "heatmaps") for run in runs]
    assert sum(map(len, pages)) == explained
