"""Requests about runs: their tags, figures and artifacts, and what is linked to them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import LifecycleStage, Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from smile_trace.trackers.http import RequestRejected
from smile_trace_mlflow.runs import NOTE_TAG
from smile_trace_mlflow.server.connection import MOST_PAGES, Connection, delete_files


class RunRequests(Connection):
    """Reads and writes runs."""

    def find_run(self, tag: str, value: str) -> Run | None:
        """The oldest run of the experiment with that tag."""
        with self._calling():
            found = self._client.search_runs(
                [self.experiment_id],
                filter_string=f"tags.`{tag}` = '{value}'",
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                max_results=1,
            )
        return found[0] if found else None

    def find_or_make_run(self, tag: str, value: str, name: str, note: str) -> str:
        """The id of the run with that tag; of two that were made at once the older one stays."""
        if run := self.find_run(tag, value):
            return str(run.info.run_id)
        tags = {tag: value, NOTE_TAG: note}
        with self._calling():
            made = self._client.create_run(self.experiment_id, run_name=name, tags=tags)
            # Nothing computes in it: it only holds what is put in.
            self._client.set_terminated(made.info.run_id, "FINISHED")
        run = self.find_run(tag, value) or made
        if run.info.run_id != made.info.run_id:
            with self._calling():
                self._client.delete_run(made.info.run_id)
        return str(run.info.run_id)

    def write_artifact(self, run_id: str, path: str, text: str) -> None:
        """Write a text artifact, over one of the same path."""
        with self._calling():
            self._client.log_text(run_id, text, path)

    def read_artifact(self, run_id: str, path: str) -> str | None:
        """A text artifact; None where there is none."""
        with self._calling():
            if not any(item.path == path for item in self._client.list_artifacts(run_id)):
                return None
            with tempfile.TemporaryDirectory() as folder:
                local = self._client.download_artifacts(run_id, path, folder)
                return Path(local).read_text(encoding="utf-8", errors="replace")

    def artifacts(self, run_id: str, folder: str) -> list[str]:
        """The paths of the artifacts in a folder."""
        with self._calling():
            return [item.path for item in self._client.list_artifacts(run_id, folder)]

    def delete_artifact(self, run_id: str, path: str) -> None:
        """Delete an artifact; nothing happens where there is none."""
        with self._calling():
            uri = self._client.get_run(run_id).info.artifact_uri
            delete_files(get_artifact_repository(uri, tracking_uri=self.uri), path)

    def runs_with(self, tag: str) -> list[Run]:
        """The runs of the experiment that have that tag."""
        found: list[Run] = []
        token: str | None = None
        for _ in range(MOST_PAGES):
            with self._calling():
                page = self._client.search_runs(
                    [self.experiment_id],
                    filter_string=f"tags.`{tag}` LIKE '%'",
                    max_results=1000,
                    page_token=token,
                )
            found += page
            token = page.token
            if not token:
                break
        return found

    def delete_run(self, run: Run) -> None:
        """Delete a run's files and description, then the run, of which MLflow keeps the rest as
        deleted until `mlflow gc`."""
        with self._calling():
            delete_files(
                get_artifact_repository(run.info.artifact_uri, tracking_uri=self.uri), None
            )
            self._client.set_tag(run.info.run_id, NOTE_TAG, "")
            self._client.delete_run(run.info.run_id)

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run; setting them again changes nothing."""
        with self._calling():
            for key, value in tags.items():
                self._client.set_tag(run_id, key, value)

    def write_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Set a run's metrics."""
        with self._calling():
            for name, value in metrics.items():
                self._client.log_metric(run_id, name, value)

    def write_parameters(self, run_id: str, parameters: Mapping[str, str]) -> None:
        """Set a run's parameters; MLflow lets none of them change afterwards."""
        with self._calling():
            for name, value in parameters.items():
                self._client.log_param(run_id, name, value)

    def link_traces(self, run_id: str, trace_ids: Sequence[str]) -> None:
        """Link traces to a run; linking again changes nothing."""
        with self._calling():
            self._client.link_traces_to_run(list(trace_ids), run_id)

    def deleted(self, run_id: str) -> bool:
        """Whether a run was deleted, or never was."""
        try:
            with self._calling():
                stage = self._client.get_run(run_id).info.lifecycle_stage
        except RequestRejected as rejected:
            if rejected.missing:
                return True
            raise
        return bool(stage == LifecycleStage.DELETED)
