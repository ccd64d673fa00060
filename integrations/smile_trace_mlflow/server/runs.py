"""Requests about runs (tags, figures, artifacts, links) and the registry of prompts."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow.entities import LifecycleStage, Run
from mlflow.entities.model_registry import PromptVersion
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracing.utils.prompt import update_linked_prompts_tag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from smile_trace._guards import foreign
from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.trackers.batches import pages
from smile_trace.trackers.http import RequestRejected
from smile_trace_mlflow.server.connection import delete_files
from smile_trace_mlflow.server.traces import TraceRequests

RUNS_TAG, MOST_RUNS = "mlflow.prompt.run_ids", 20
"""The tag by which MLflow's page of a prompt version links runs, and the most runs in it."""
PROMPT_SECONDS, MAX_PROMPTS = 60.0, 1000
"""How long, and for how many versions, the registry's answer is cached."""


class Server(TraceRequests):
    """A tracking server with one experiment, its runs and its registry of prompts."""

    def __init__(
        self, uri: str, experiment: str | None, *, max_reply_mb: float = MAX_REPLY_MB
    ) -> None:
        super().__init__(uri, experiment, max_reply_mb=max_reply_mb)
        self._prompts: dict[tuple[str, str], tuple[float, PromptVersion | None]] = {}

    def find_run(self, tag: str, value: str) -> Run | None:
        """Return the oldest run of the experiment with that tag."""
        with self.calling():
            found = self._client.search_runs(
                [self.experiment_id],
                filter_string=f"tags.`{tag}` = '{value}'",
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                max_results=1,
            )
        return found[0] if found else None

    def find_or_make_run(self, tag: str, value: str, name: str, note: str) -> str:
        """Return the id of the run with that tag; if two are made at once, the older one stays."""
        if run := self.find_run(tag, value):
            return str(run.info.run_id)
        tags = {tag: value, MLFLOW_RUN_NOTE: note}
        with self.calling():
            made = self._client.create_run(self.experiment_id, run_name=name, tags=tags)
            # Nothing computes in it: it only holds what is put in.
            self._client.set_terminated(made.info.run_id, "FINISHED")
        run = self.find_run(tag, value) or made
        if run.info.run_id != made.info.run_id:
            with self.calling():
                self._client.delete_run(made.info.run_id)
        return str(run.info.run_id)

    def _files(self, run_id: str) -> ArtifactRepository:
        return self._artifacts.of_run(self._client.get_run(run_id))

    def write_artifact(self, run_id: str, path: str, text: str) -> None:
        """Write a text artifact, replacing that of the same path."""
        folder, _, name = path.rpartition("/")
        with self.calling(), tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch, name)
            local.write_text(text, encoding="utf-8")
            files = self._files(run_id)
            files.log_artifact(str(local), folder or None)  # type: ignore[no-untyped-call]

    def read_artifact(self, run_id: str, path: str) -> str | None:
        """Read a text artifact; None if there is none."""
        with self.calling():
            files = self._files(run_id)
            if not any(item.path == path for item in files.list_artifacts()):
                return None
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder, "artifact")
                files._download_file(path, str(local))  # type: ignore[no-untyped-call]
                return local.read_text(encoding="utf-8", errors="replace")

    def artifacts(self, run_id: str, folder: str) -> list[str]:
        """Return the paths of the artifacts in a folder."""
        with self.calling():
            return [item.path for item in self._files(run_id).list_artifacts(folder)]

    def delete_artifact(self, run_id: str, path: str) -> None:
        """Delete an artifact; does nothing if there is none."""
        with self.calling():
            delete_files(self._files(run_id), path)

    def runs_with(self, tag: str) -> list[Run]:
        """Return the runs of the experiment that have that tag."""

        def listed(token: str | None) -> tuple[list[Run], str | None]:
            with self.calling():
                page = self._client.search_runs(
                    [self.experiment_id],
                    filter_string=f"tags.`{tag}` LIKE '%'",
                    max_results=1000,
                    page_token=token,
                )
            return list(page), page.token or None

        return [run for page in pages(listed) for run in page]

    def delete_run(self, run: Run) -> None:
        """Delete a run's files and description, then the run; MLflow keeps the rest of it as
        deleted until `mlflow gc`."""
        with self.calling():
            delete_files(self._artifacts.of_run(run), None)
            self._client.set_tag(run.info.run_id, MLFLOW_RUN_NOTE, "")
            self._client.delete_run(run.info.run_id)

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run; a repetition changes nothing."""
        with self.calling():
            for key, value in tags.items():
                self._client.set_tag(run_id, key, value)

    def write_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Set a run's metrics."""
        with self.calling():
            for name, value in metrics.items():
                self._client.log_metric(run_id, name, value)

    def write_parameters(self, run_id: str, parameters: Mapping[str, str]) -> None:
        """Set a run's parameters; MLflow never lets them change afterwards."""
        with self.calling():
            for name, value in parameters.items():
                self._client.log_param(run_id, name, value)

    def link_traces(self, run_id: str, trace_ids: Sequence[str]) -> None:
        """Link traces to a run; a repetition changes nothing."""
        with self.calling():
            self._client.link_traces_to_run(list(trace_ids), run_id)

    def deleted(self, run_id: str) -> bool:
        """Whether a run was deleted, or never existed."""
        run = self.found(lambda: self._client.get_run(run_id))
        return run is None or bool(run.info.lifecycle_stage == LifecycleStage.DELETED)

    # -- prompts -----------------------------------------------------------------------------

    def prompt_version(self, name: str, version: str) -> PromptVersion | None:
        """Return a version in the prompt registry; None if there is none. The answer is cached for
        a minute: every trace of a prompt would ask the same."""
        if not version.isdigit():
            return None
        now = time.monotonic()
        asked_at, held = self._prompts.get((name, version), (-PROMPT_SECONDS, None))
        if now - asked_at < PROMPT_SECONDS:
            return held
        try:
            with self.calling():
                held = self._client.get_prompt_version(name, version)
        except RequestRejected:
            held = None
        if len(self._prompts) >= MAX_PROMPTS:
            self._prompts.clear()
        self._prompts[name, version] = now, held
        return held

    def link_prompts(self, trace_id: str, versions: list[PromptVersion]) -> None:
        """Link prompt versions to a trace; a repetition changes nothing. MLflow's own method uses
        the process-wide tracking URI, so the link (for searches) and the tag (for the UI) are set
        here."""
        info = self.trace_info(trace_id)
        if info is None:
            return
        with self.calling():
            tag = _readable_list(info.tags.get(TraceTagKey.LINKED_PROMPTS))
            self.tracing.store.link_prompts_to_trace(trace_id, versions)
            linked = update_linked_prompts_tag(tag, versions)
            if linked != tag:
                self.tracing.set_trace_tag(trace_id, TraceTagKey.LINKED_PROMPTS, linked)

    def tag_prompt(self, version: PromptVersion, key: str, value: str) -> None:
        """Set a tag of a version in the prompt registry."""
        with self.calling():
            self._client.set_prompt_version_tag(version.name, version.version, key, value)

    def show_run_at_prompt(self, run_id: str, version: PromptVersion) -> None:
        """List a run once on the page of a prompt version, and drop deleted runs from it."""
        with self.calling():
            held = self._client.get_prompt_version(version.name, version.version)
            tag = "" if held is None else held.tags.get(RUNS_TAG) or ""
        listed = [part.strip() for part in tag.split(",") if part.strip()]
        if run_id not in listed:
            there = [one for one in listed[-MOST_RUNS + 1 :] if not self.deleted(one)]
            self.tag_prompt(version, RUNS_TAG, ",".join([*there, run_id]))


def _readable_list(tag: str | None) -> str | None:
    """Return the tag, which every user of MLflow may set; None if it is no list of objects."""
    try:
        held = foreign.decode(tag or "null")
    except ForeignDataError:
        return None
    whole = isinstance(held, list) and all(isinstance(item, dict) for item in held)
    return tag if whole else None
