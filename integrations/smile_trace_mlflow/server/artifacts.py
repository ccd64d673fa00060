"""The files of traces and runs: each place is checked before anything is asked there.

A trace's place is a tag (`mlflow.artifactLocation`), which whoever may tag the trace can set to any
address; MLflow's own client would follow it with the tracking server's token, or delete what is
there.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from mlflow.entities import Run, Trace
from mlflow.entities.trace_info import TraceInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.tracing.client import TracingClient
from mlflow.tracing.utils.artifact_utils import get_artifact_uri_for_trace

from smile_trace._guards.addresses import AddressPolicy, AddressRefused, folders, stored_at
from smile_trace.sources.kit import unread

OWN = "mlflow-artifacts"
"""The scheme of files that the tracking server itself keeps."""
_API = "/api/2.0/mlflow-artifacts/artifacts"
EXPERIMENT_SECONDS, MOST_EXPERIMENTS = 30.0, 1000
"""How long, and for how many experiments, the place of their files is cached."""

Place = tuple[str, ...]
"""`mlflow-artifacts` and folders, or the scheme, bucket and folders of a storage."""


class Artifacts:
    """The files that a tracking server keeps, and those in a storage that it names; `location`
    returns the place of an experiment's files by its id, as the server has it."""

    def __init__(self, uri: str, location: Callable[[str], str]) -> None:
        self._uri, self._policy = uri, AddressPolicy(uri)
        self._location = location
        self._experiments: dict[str, tuple[float, Place]] = {}

    def of_trace(self, info: TraceInfo) -> ArtifactRepository:
        """Open a trace's files; `AddressRefused` if they are not where MLflow puts them."""
        location = get_artifact_uri_for_trace(info)
        what = ("traces", str(info.trace_id), "artifacts")
        return self._opened(location, str(info.experiment_id), what)

    def of_run(self, run: Run) -> ArtifactRepository:
        """Open a run's files; `AddressRefused` if they are not where MLflow puts them."""
        what = (str(run.info.run_id), "artifacts")
        return self._opened(str(run.info.artifact_uri), str(run.info.experiment_id), what)

    def _opened(self, location: str, experiment_id: str, what: Place) -> ArtifactRepository:
        place = self._place(location)
        if place != (*self._of_experiment(experiment_id), *what):
            raise AddressRefused(
                f"the files of {what[-2]} are not in the folder of its experiment: see its "
                "tag mlflow.artifactLocation"
            )
        scheme, *path = place
        if scheme == OWN:
            return _OwnFiles(f"{OWN}:/{'/'.join(path)}", tracking_uri=self._uri)
        return get_artifact_repository(f"{scheme}://{'/'.join(path)}", tracking_uri=self._uri)

    def _of_experiment(self, experiment_id: str) -> Place:
        now = time.monotonic()
        asked_at, place = self._experiments.get(experiment_id, (float("-inf"), ()))
        if now - asked_at < EXPERIMENT_SECONDS:
            return place
        place = self._place(self._location(experiment_id))
        if len(self._experiments) >= MOST_EXPERIMENTS:
            self._experiments.clear()
        self._experiments[experiment_id] = now, place
        return place

    def _place(self, location: str) -> Place:
        """Parse the address of files; `AddressRefused` if it is neither on the tracking server nor
        in a storage."""
        scheme, found, rest = location.partition(":")
        if not found or scheme not in (OWN, "http", "https"):
            return stored_at(location)
        if scheme == OWN and not rest.startswith("//"):
            return (OWN, *folders(rest))
        own = urlsplit(self._uri)
        self._policy.own_server(f"{own.scheme}:{rest}" if scheme == OWN else location)
        path = "/" + rest[2:].partition("/")[2]
        root = "" if scheme == OWN else own.path.rstrip("/") + _API
        if not f"{path}/".startswith(f"{root}/"):
            raise AddressRefused("it is an address of the tracking server, but not of files")
        return (OWN, *folders(path[len(root) :]))


class _OwnFiles(MlflowArtifactsRepository):
    """Files that always pass through the tracking server: however large, none is sent to or read
    from an address that the server names for it."""

    def _is_multipart_upload_enabled(self) -> bool:
        return False

    def _is_multipart_download_enabled(self) -> bool:
        return False


class GuardedTracing(TracingClient):
    """MLflow's client of traces, which opens files only through the policy."""

    def __init__(self, uri: str, artifacts: Artifacts) -> None:
        super().__init__(tracking_uri=uri)
        self._artifacts = artifacts

    def _get_artifact_repo_for_trace(self, trace_info: TraceInfo) -> ArtifactRepository:
        return self._artifacts.of_trace(trace_info)

    def _download_spans_from_artifact_repo(self, trace_info: TraceInfo) -> Trace | None:
        """Return None if a trace's files are refused, so that the rest of its page is read."""
        try:
            return super()._download_spans_from_artifact_repo(trace_info)
        except AddressRefused as error:
            unread(str(trace_info.trace_id), error)
            return None
