"""Requests about runs: their tags, figures and artifacts, and what is linked to them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import LifecycleStage, Run
from mlflow.store.artifact.artifact_repo import ArtifactRepository

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

    def _files(self, run_id: str) -> ArtifactRepository:
        return self._artifacts.of_run(self._client.get_run(run_id))

    def write_artifact(self, run_id: str, path: str, text: str) -> None:
        """Write a text artifact, over one of the same path."""
        folder, _, name = path.rpartition("/")
        with self._calling(), tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch, name)
            local.write_text(text, encoding="utf-8")
            files = self._files(run_id)
            files.log_artifact(str(local), folder or None)  # type: ignore[no-untyped-call]

    def read_artifact(self, run_id: str, path: str) -> str | None:
        """A text artifact; None where there is none."""
        with self._calling():
            files = self._files(run_id)
            if not any(item.path == path for item in files.list_artifacts()):
                return None
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder, "artifact")
                files._download_file(path, str(local))  # type: ignore[no-untyped-call]
                return local.read_text(encoding="utf-8", errors="replace")

    def artifacts(self, run_id: str, folder: str) -> list[str]:
        """The paths of the artifacts in a folder."""
        with self._calling():
            return [item.path for item in self._files(run_id).list_artifacts(folder)]

    def delete_artifact(self, run_id: str, path: str) -> None:
        """Delete an artifact; nothing happens where there is none."""
        with self._calling():
            delete_files(self._files(run_id), path)

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
            delete_files(self._artifacts.of_run(run), None)
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
