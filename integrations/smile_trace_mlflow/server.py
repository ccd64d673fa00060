"""One MLflow server: every request that we make of it, and what its errors mean.

The only module that touches MLflow's semi-private parts: `rest_utils.http_request` (which
brings MLflow's own authentication and TLS settings to the OTLP endpoint), `TracingClient`, and
the artifact repository of a trace with `Attachment`'s references (there is no public upload for
an attachment's bytes). tests/integrations pins them.
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import requests
from google.protobuf.json_format import ParseError
from mlflow.entities import AssessmentSource, Experiment, Feedback, LifecycleStage, Run, Trace
from mlflow.entities.model_registry import PromptVersion
from mlflow.entities.span import Span as MlflowSpan
from mlflow.entities.trace_info import TraceInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracing.attachments import Attachment
from mlflow.tracing.client import TracingClient
from mlflow.tracing.constant import TraceTagKey
from mlflow.tracing.utils.artifact_utils import get_artifact_uri_for_trace
from mlflow.tracing.utils.prompt import update_linked_prompts_tag
from mlflow.tracking import MlflowClient
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from smile_trace import foreign
from smile_trace.bounded_http import MAX_REPLY_MB, ReplyRefused
from smile_trace.foreign import ForeignDataError
from smile_trace.presentable import presentable
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import DEADLINE_TIMEOUTS, MISREAD, RequestRejected, Service
from smile_trace_mlflow.sessions import bound_requests

SOURCE = AssessmentSource(source_type="CODE", source_id="smile-trace")
USER = AssessmentSource(source_type="HUMAN", source_id="user")
_OTLP_PATH = "/v1/traces"
PROMPT_SECONDS, MAX_PROMPTS = 60.0, 1000
"""For how long, and for how many, the registry's answer about a prompt version is cached."""
DEFAULT_EXPERIMENT, EXPERIMENT_SECONDS = "0", 30.0
"""Where traces go by default; for how long an experiment's existence is cached."""


class Server:
    """A tracking server with one experiment, which is made when something is first delivered."""

    def __init__(
        self, uri: str, experiment: str | None, *, max_reply_mb: float = MAX_REPLY_MB
    ) -> None:
        self.uri = uri.rstrip("/")
        credentials = (
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, "
            "of a user who may write to the experiment"
        )
        self._service = Service(
            name="MLflow",
            url=self.uri,
            timeout_setting="MLFLOW_HTTP_REQUEST_TIMEOUT",
            credentials=credentials,
            access=credentials,
            address="tracking_uri of [trackers.mlflow] (MLFLOW_TRACKING_URI)",
            login="MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            certificate="point MLFLOW_TRACKING_SERVER_CERT_PATH at the authority that signed it",
        )
        self._experiment = experiment
        self._experiment_id = ""
        self._looked_at = float("-inf")
        # The SDK repeats for minutes by default; the outbox repeats better.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        # A worker's output is its own.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        silence = float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])
        seconds = DEADLINE_TIMEOUTS * silence
        bound_requests(self.uri, seconds=seconds, max_reply_mb=max_reply_mb)
        self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self._tracing = TracingClient(tracking_uri=self.uri)
        self._prompts: dict[tuple[str, str], tuple[float, PromptVersion | None]] = {}

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Turn what MLflow raises into `TrackerUnavailable` or `RequestRejected`."""
        try:
            yield
        except ReplyRefused as error:
            raise self._service.refused(error) from error
        except (ParseError, json.JSONDecodeError) as error:  # no answer of MLflow's
            raise self._service.wrong() from error
        except MlflowException as error:
            cause = error.__context__
            if isinstance(cause, ReplyRefused):
                raise self._service.refused(cause) from error
            if isinstance(cause, requests.exceptions.RequestException):
                raise self._unreachable(cause) from error
            status = int(error.get_http_status_code())  # type: ignore[no-untyped-call]
            raise self._error(status, error.message) from error
        except requests.exceptions.HTTPError as error:
            status = 500 if error.response is None else error.response.status_code
            raise self._error(status, str(error)) from error
        except requests.exceptions.RequestException as error:
            raise self._unreachable(error) from error
        # protobuf raises SystemError where a name holds half a character.
        except (*MISREAD, SystemError) as error:
            raise self._service.unreadable(error) from error

    def reading(self) -> AbstractContextManager[None]:
        """Around whatever takes something out of what the server told, see `Service.reading`."""
        return self._service.reading()

    def _unreachable(self, error: Exception) -> TrackerUnavailable:
        if isinstance(error, requests.exceptions.SSLError):
            return self._service.unreachable("certificate")
        return self._service.unreachable("connection")

    def _error(
        self, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> TrackerUnavailable | RequestRejected:
        # MLflow has no code for it.
        if status == 400 and "must be in the 'active' state" in text:
            return self._deleted()
        return self._service.error(status, text, headers)

    def _deleted(self) -> TrackerUnavailable:
        self._looked_at = float("-inf")
        return TrackerUnavailable(
            f"the experiment {(self._experiment or self._experiment_id)!r} of MLflow at {self.uri} "
            "was deleted: restore it (mlflow experiments restore), or name another one; "
            "everything is kept until then."
        )

    def check(self) -> None:
        """Ask something that changes nothing.

        Raises:
            TrackerUnavailable: no answer, refused credentials, or the server is busy.
        """
        with self._calling():
            self._client.search_experiments(max_results=1)

    @property
    def experiment_id(self) -> str:
        """The experiment's id; an experiment that is not there yet is made.

        Raises:
            TrackerUnavailable: it was deleted. MLflow would take traces even so, and nobody
                would see them.
        """
        if time.monotonic() - self._looked_at > EXPERIMENT_SECONDS:
            try:
                with self._calling():
                    found = self._find_or_make_experiment()
            except RequestRejected as rejected:
                raise TrackerUnavailable(
                    f"MLflow at {self.uri} gives no experiment ({rejected}): correct experiment of "
                    "[trackers.mlflow] (MLFLOW_EXPERIMENT_NAME, MLFLOW_EXPERIMENT_ID); everything "
                    "is kept until then."
                ) from rejected
            self._experiment_id = DEFAULT_EXPERIMENT if found is None else str(found.experiment_id)
            if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
                raise self._deleted()
            self._looked_at = time.monotonic()
        return self._experiment_id

    def _find_or_make_experiment(self) -> Experiment | None:
        """The experiment; None = MLflow's default one, which is always there."""
        name = self._experiment
        if name is None:
            number = os.environ.get("MLFLOW_EXPERIMENT_ID")
            return self._client.get_experiment(number) if number else None
        found: Experiment | None = self._client.get_experiment_by_name(name)
        if found is not None:
            return found
        try:
            return self._client.get_experiment(self._client.create_experiment(name))
        except MlflowException:
            made_meanwhile: Experiment | None = self._client.get_experiment_by_name(name)
            if made_meanwhile is None:
                raise
            return made_meanwhile

    # -- traces -----------------------------------------------------------------------------

    def post_spans(self, otlp: Mapping[str, Any], experiment_id: str | None = None) -> None:
        """Send spans as OTLP/JSON. The server takes or rejects all of them.

        Raises:
            TrackerUnavailable: no answer, refused credentials, or the server is busy.
            RequestRejected: the server does not take these spans.
        """
        with self._calling():
            answer = http_request(  # type: ignore[no-untyped-call]
                get_default_host_creds(self.uri),  # type: ignore[no-untyped-call]
                _OTLP_PATH,
                "POST",
                max_retries=0,
                raise_on_status=False,
                extra_headers={
                    "Content-Type": "application/json",
                    "x-mlflow-experiment-id": experiment_id or self.experiment_id,
                },
                data=_utf8(json.dumps(otlp, ensure_ascii=False)),
            )
        if answer.status_code == 501:
            raise TrackerUnavailable(
                f"MLflow at {self.uri} keeps its data in files and takes no OpenTelemetry spans: "
                "start it with --backend-store-uri sqlite:///mlflow.db or another database."
            )
        if answer.status_code == 404:
            raise TrackerUnavailable(
                f"{self.uri} has no {_OTLP_PATH}: point MLFLOW_TRACKING_URI at an MLflow server "
                "of version 3.17 or newer."
            )
        if answer.status_code != 200:
            raise self._error(answer.status_code, answer.text, answer.headers)

    def holds_spans(self, trace_id: str) -> bool:
        """Whether the trace is there with spans in the database, to which one can be added.

        Adding one to a trace whose spans are kept as a file would hide that file.
        """
        info = self.trace_info(trace_id)
        with self._calling():
            held = None if info is None else info.tags.get(TraceTagKey.SPANS_LOCATION)
        return held == "TRACKING_STORE"

    def trace_info(self, trace_id: str) -> TraceInfo | None:
        """What the server knows of a trace; None where it has none of that id."""
        try:
            with self._calling():
                return self._tracing.get_trace_info(trace_id)
        except RequestRejected as rejected:
            if rejected.missing:
                return None
            raise

    def spans(self, trace_id: str) -> list[MlflowSpan]:
        """The finished spans of a trace; none where they have not arrived."""
        try:
            with self._calling():
                trace = self._tracing.get_trace(trace_id)
                return [span for span in trace.data.spans if span.end_time_ns]
        except RequestRejected as rejected:
            if rejected.missing:
                return []
            raise

    def search_traces(
        self, experiment_id: str, wanted: str, limit: int, token: str | None = None
    ) -> "tuple[list[TraceInfo], str | None]":
        """A page of traces without their spans, the earliest first, and the next page's token."""
        with self._calling():
            page = self._tracing.store.search_traces(
                locations=[experiment_id],
                filter_string=wanted,
                max_results=limit,
                order_by=["timestamp_ms ASC"],
                page_token=token,
            )
        return list(page[0]), page[1] or None

    def traces(self, trace_ids: Sequence[str]) -> "list[Trace]":
        """The traces that are there with their spans, of a page."""
        with self._calling():
            return self._tracing.batch_get_traces(list(trace_ids))

    def experiment_named(self, name: str) -> str | None:
        """The id of an experiment; None where there is none of that name, or it was deleted."""
        with self._calling():
            found: Experiment | None = self._client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == LifecycleStage.DELETED:
            return None
        return str(found.experiment_id)

    def attach(self, info: TraceInfo, key: str, content_type: str, content: bytes) -> str:
        """Upload an attachment of a trace under an id made from `key`; gives its reference.

        Attachments have random ids in MLflow; ours are set from a hash, so that delivering
        again overwrites the same one.
        """
        attachment = Attachment(content_type=content_type, content_bytes=content)
        attachment._id = self.attachment_id(key)
        with self._calling():
            repository = get_artifact_repository(
                get_artifact_uri_for_trace(info), tracking_uri=self.uri
            )
            repository.upload_attachment(attachment.id, content)
        return attachment.ref(info.trace_id)

    @staticmethod
    def attachment_id(key: str) -> str:
        """The id of an attachment that is made from `key`."""
        return str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4))

    def delete_trace(self, info: TraceInfo) -> None:
        """Delete a trace: first its files, which MLflow would leave where they are."""
        with self._calling():
            repository = get_artifact_repository(
                get_artifact_uri_for_trace(info), tracking_uri=self.uri
            )
            _delete_files(repository, None)
            self._tracing.delete_traces(str(info.experiment_id), trace_ids=[info.trace_id])

    def tag_trace(self, trace_id: str, key: str, value: str) -> None:
        """Set a tag; setting it again changes nothing."""
        with self._calling():
            self._tracing.set_trace_tag(trace_id, key, value)

    def give_feedback(
        self,
        info: TraceInfo,
        name: str,
        value: str | float | None,
        *,
        span_id: str | None,
        rationale: str,
        by_user: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """A value on a span, or without one on the trace, there once: made, changed, or with None
        taken away. `by_user`: it is an application's user's, not ours. Those of one name that have
        other `metadata` are others."""
        source = USER if by_user else SOURCE
        feedback = Feedback(
            name=name,
            value=value,
            source=source,
            span_id=span_id,
            rationale=rationale,
            metadata=dict(metadata) if metadata else None,
        )
        what = name, span_id, source.source_id, metadata or {}
        with self._calling():
            ours = [
                a
                for a in info.assessments
                if (a.name, a.span_id, a.source.source_id, _own(a.metadata)) == what
            ]
            if value is None:
                for assessment in ours:
                    self._tracing.delete_assessment(info.trace_id, str(assessment.assessment_id))
            elif not ours:
                self._tracing.log_assessment(info.trace_id, feedback)
            elif (getattr(ours[0], "value", None), ours[0].rationale) != (value, rationale):
                self._tracing.update_assessment(info.trace_id, str(ours[0].assessment_id), feedback)

    def take_feedback(self, info: TraceInfo, name: str) -> None:
        """Take away all of that name that is ours, from every span."""
        with self._calling():
            for a in info.assessments:
                if (a.name, a.source.source_id) == (name, SOURCE.source_id):
                    self._tracing.delete_assessment(info.trace_id, str(a.assessment_id))

    # -- prompts ----------------------------------------------------------------------------

    def prompt_version(self, name: str, version: str) -> PromptVersion | None:
        """A version in the prompt registry; None where there is none of that name.

        Asked once a minute at most: every trace of a prompt would ask the same.
        """
        if not version.isdigit():
            return None
        now = time.monotonic()
        asked_at, held = self._prompts.get((name, version), (-PROMPT_SECONDS, None))
        if now - asked_at < PROMPT_SECONDS:
            return held
        try:
            with self._calling():
                held = self._client.get_prompt_version(name, version)
        except RequestRejected:
            held = None
        if len(self._prompts) >= MAX_PROMPTS:
            self._prompts.clear()
        self._prompts[name, version] = now, held
        return held

    def link_prompts(self, trace_id: str, versions: list[PromptVersion]) -> None:
        """Link prompt versions to a trace; linking again changes nothing.

        MLflow's own method for it asks the process-wide tracking URI, not this server; so the
        link (which searches use) and the tag (which the UI shows) are set here.
        """
        info = self.trace_info(trace_id)
        if info is None:
            return
        with self._calling():
            tag = _readable_list(info.tags.get(TraceTagKey.LINKED_PROMPTS))
            self._tracing.store.link_prompts_to_trace(trace_id, versions)
            linked = update_linked_prompts_tag(tag, versions)
            if linked != tag:
                self._tracing.set_trace_tag(trace_id, TraceTagKey.LINKED_PROMPTS, linked)

    # -- runs -------------------------------------------------------------------------------

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
        tags = {tag: value, "mlflow.note.content": note}
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
            _delete_files(get_artifact_repository(uri, tracking_uri=self.uri), path)

    def runs_with(self, tag: str) -> list[Run]:
        """The runs of the experiment that have that tag."""
        found: list[Run] = []
        token: str | None = None
        while True:
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
                return found

    def delete_run(self, run: Run) -> None:
        """Delete a run's files, then the run, which MLflow keeps as deleted until `mlflow gc`."""
        with self._calling():
            _delete_files(
                get_artifact_repository(run.info.artifact_uri, tracking_uri=self.uri), None
            )
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

    def link_prompt_to_run(self, run_id: str, version: PromptVersion) -> None:
        """Link a version of the prompt registry to a run; linking again changes nothing."""
        with self._calling():
            self._client.link_prompt_version_to_run(run_id, version)

    def tag_prompt(self, version: PromptVersion, key: str, value: str) -> None:
        """Set a tag of a version in the prompt registry."""
        with self._calling():
            self._client.set_prompt_version_tag(version.name, version.version, key, value)


def _own(metadata: Mapping[str, object] | None) -> dict[str, str]:
    """The metadata of an assessment without what MLflow itself adds."""
    return {k: str(v) for k, v in (metadata or {}).items() if not k.startswith("mlflow.")}


def _delete_files(repository: ArtifactRepository, path: str | None) -> None:
    try:
        repository.delete_artifacts(path)  # type: ignore[no-untyped-call]
    except NotImplementedError:
        raise RequestRejected(
            f"the storage of MLflow's files at {presentable(repository.artifact_uri)} deletes "
            "nothing: delete them there by hand",
            status=501,
            retry=False,
        ) from None


def _readable_list(tag: str | None) -> str | None:
    """The tag, which every user of MLflow may set; None where it is no list of objects."""
    try:
        held = foreign.decode(tag or "null")
    except ForeignDataError:
        return None
    whole = isinstance(held, list) and all(isinstance(item, dict) for item in held)
    return tag if whole else None


def _utf8(text: str) -> bytes:
    """UTF-8, in which a lone surrogate, which it cannot hold, becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
