"""The connection to one MLflow server with one experiment, and the meaning of its errors."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import requests
from google.protobuf.json_format import ParseError
from mlflow.entities import Experiment, LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.tracking import MlflowClient
from mlflow.utils import request_utils

from smile_trace._guards.addresses import AddressRefused
from smile_trace._guards.bounded_http import MAX_REPLY_MB, ReplyRefused
from smile_trace._guards.foreign import MISREAD
from smile_trace._guards.presentable import presentable
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import DEADLINE_TIMEOUTS, RequestRejected, Service, tolerating
from smile_trace.trackers.requests_bounds import bound, last_reply
from smile_trace_mlflow.server.artifacts import Artifacts, GuardedTracing

DEFAULT_EXPERIMENT, EXPERIMENT_SECONDS = "0", 30.0
"""The default experiment of traces; how long an experiment's existence is cached."""

T = TypeVar("T")


class Connection:
    """A tracking server with one experiment, which is made at the first delivery."""

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
        self.reading = self._service.reading
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
        _bound_requests(self.uri, seconds=seconds, max_reply_mb=max_reply_mb)
        self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        experiment_of = self._client.get_experiment
        self._artifacts = Artifacts(self.uri, lambda i: str(experiment_of(i).artifact_location))
        self.tracing = GuardedTracing(self.uri, self._artifacts)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Turn MLflow's errors into `TrackerUnavailable` or `RequestRejected`."""
        try:
            yield
        except AddressRefused as error:
            raise self._service.misdirected(error) from error
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
            reply = last_reply()
            if reply is not None and "error_code" not in getattr(error, "json", {"error_code": 0}):
                status = reply.status_code  # of a proxy's own JSON, which MLflow takes for a 500
            raise self._error(
                status, error.message, None if reply is None else reply.headers
            ) from error
        except requests.exceptions.HTTPError as error:
            status = 500 if error.response is None else error.response.status_code
            raise self._error(status, str(error)) from error
        except requests.exceptions.RequestException as error:
            raise self._unreachable(error) from error
        # protobuf raises SystemError where a name holds half a character.
        except (*MISREAD, SystemError) as error:
            raise self._service.unreadable(error) from error

    def found(self, ask: Callable[[], T]) -> T | None:
        """Return the result of a request; None if there is no such thing."""
        with tolerating(404), self.calling():
            return ask()
        return None

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
        """Ask something that changes nothing; `TrackerUnavailable` if that fails."""
        with self.calling():
            self._client.search_experiments(max_results=1)

    @property
    def experiment_id(self) -> str:
        """The experiment's id; a missing experiment is made. Raises `TrackerUnavailable` if it was
        deleted: MLflow would take traces even so, and nobody would see them."""
        if time.monotonic() - self._looked_at > EXPERIMENT_SECONDS:
            try:
                with self.calling():
                    found = self._find_or_make_experiment()
            except RequestRejected as rejected:
                raise TrackerUnavailable(
                    f"MLflow at {self.uri} returns no experiment ({rejected}): correct experiment "
                    "of [trackers.mlflow] (MLFLOW_EXPERIMENT_NAME, MLFLOW_EXPERIMENT_ID); "
                    "everything is kept until then."
                ) from rejected
            self._experiment_id = DEFAULT_EXPERIMENT if found is None else str(found.experiment_id)
            if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
                raise self._deleted()
            self._looked_at = time.monotonic()
        return self._experiment_id

    def _find_or_make_experiment(self) -> Experiment | None:
        """Return the experiment; None for MLflow's default one, which always exists."""
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

    def experiment_named(self, name: str) -> str | None:
        """Return the id of an experiment by name; None if it is missing or deleted."""
        with self.calling():
            found: Experiment | None = self._client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == LifecycleStage.DELETED:
            return None
        return str(found.experiment_id)


def delete_files(repository: ArtifactRepository, path: str | None) -> None:
    """Delete the files below a path, or all; `RequestRejected` if the storage deletes nothing."""
    try:
        repository.delete_artifacts(path)  # type: ignore[no-untyped-call]
    except NotImplementedError:
        raise RequestRejected(
            f"the storage of MLflow's files at {presentable(repository.artifact_uri)} deletes "
            "nothing: delete them there by hand",
            status=501,
            retry=False,
        ) from None


# -- MLflow's own sessions of requests --------------------------------------------------------

_lock = threading.Lock()
_bounds: dict[str, tuple[float, float]] = {}
"""Seconds of a request and megabytes of a reply, by the beginning of an address."""


def _bound_requests(uri: str, *, seconds: float, max_reply_mb: float) -> None:
    """Bound every request of MLflow's client to the server at `uri`; see `BoundedAdapter`. MLflow
    makes and caches its sessions itself, so the function that makes them is wrapped, once."""
    with _lock:
        _bounds[f"{uri.rstrip('/')}/"] = seconds, max_reply_mb
        if not hasattr(request_utils._get_request_session, "__wrapped__"):
            request_utils._get_request_session = _bounding(request_utils._get_request_session)


def _bounding(make: Any) -> Any:
    @wraps(make)
    def session(*args: Any, **options: Any) -> requests.Session:
        made: requests.Session = make(*args, **options)
        with _lock:
            for prefix, (seconds, megabytes) in _bounds.items():
                if prefix not in made.adapters:
                    bound(made, prefix, seconds=seconds, max_reply_mb=megabytes)
        return made

    return session
