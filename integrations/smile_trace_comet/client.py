"""Comet's two clients on one session: every request bounded in time, every error classified.

comet_llm's `CometAPIClient` writes traces; comet_ml's `RestApiClient` does the rest, one request
per method. The shared session adds the time-out and errors that comet_llm lacks.
"""

import io
import json
import math
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from smile_trace._guards import foreign
from smile_trace._guards.addresses import AddressPolicy, AddressRefused
from smile_trace._guards.bounded_http import Redirected, ReplyRefused
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.presentable import hide
from smile_trace.records import JSON
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import (
    DEADLINE_TIMEOUTS,
    HttpClient,
    HttpOptions,
    RequestRejected,
    tolerating,
)
from smile_trace.trackers.requests_bounds import bound
from smile_trace_comet.contents import SUMMARY
from smile_trace_comet.errors import (
    ASSET_PATH,
    MISSING,
    WRONG_PROJECT_TYPE,
    check,
    comet_service,
    unreachable,
)
from smile_trace_comet.sdk import Sdk, load
from smile_trace_comet.trace_format import LLMTrace

OLDEST_SERVER = "3.25.80"
"""Older servers assign the trace id themselves, so that a retry would show the trace twice."""

LLM_DATA = "comet_llm_data.json"
"""The asset that holds a CometLLM trace."""


class CometClient:
    """One Comet server with one key; used by several threads at once.

    Key and address come from Comet's own configuration (`COMET_API_KEY`, `COMET_URL_OVERRIDE`,
    `~/.comet.config`), and are shown nowhere. Raises `TrackerUnavailable` if there is no key, or no
    server that we can use.
    """

    def __init__(self, options: HttpOptions) -> None:
        sdk = load()
        if sdk.comet_llm.config.offline_enabled():
            raise TrackerUnavailable(
                "Comet is switched off by COMET_ONLINE: traces wait until it is unset (archives "
                "of the explanations can be written meanwhile: [trackers.comet_archive])"
            )
        key = sdk.comet_ml.get_api_key(None, sdk.comet_ml.get_config())
        if not key:
            raise TrackerUnavailable(
                "there is no Comet API key: set COMET_API_KEY, or run `comet login`, and restart "
                "the worker"
            )
        self._rest = sdk.comet_ml.get_rest_api_client("v2", api_key=key, check_version=False)
        self.url = str(self._rest.server_url).rstrip("/")
        self._low_level = self._rest.low_level_api_client
        self._low_level.default_retry = False  # the outbox repeats, with patience
        self._session: requests.Session = self._low_level.session
        hide(key)
        try:
            self._service = comet_service(self.url)
        except ValueError as error:
            raise TrackerUnavailable(str(error)) from None
        self._http = HttpClient.of(self._service, options)
        _bound(self._session, self._http, options)
        self._add_run = f"{sdk.comet_ml.get_backend_address()}logger/add/run"
        self._status_report = f"{sdk.comet_ml.get_backend_address()}status-report/update"
        self._key = key
        self._llm = self._llm_client(sdk)
        self.workspace: str | None = sdk.comet_llm.config.workspace()
        self.project: str | None = sdk.comet_llm.config.project_name()

    def close(self) -> None:
        self._low_level.close()
        self._http.close()

    @cached_property
    def default_workspace(self) -> str:
        """The workspace that this key writes to by default."""
        with self._service.reading():
            return str(self._rest.get_account_details()["defaultWorkspaceName"])

    # -- traces ------------------------------------------------------------------------------

    def find(self, key: str) -> str | None:
        """Return the address of the experiment (or trace) of that key; None if there is none."""
        found = self._metadata(key)
        if found is None:
            return None
        return f"{self.url}/{found.get('workspaceName')}/{found.get('projectName')}/{key}"

    def _metadata(self, key: str) -> dict[str, JSON] | None:
        with tolerating(*MISSING), self._service.reading():
            return dict(self._rest.get_experiment_metadata(key))
        return None

    def create_trace(self, trace: LLMTrace, *, workspace: str | None, project: str | None) -> None:
        """Write a whole CometLLM trace in one request."""
        try:
            self._llm.log_chain(
                experiment_key=trace.key,
                chain_asset=trace.data,
                workspace=workspace,
                project=project,
                parameters=trace.parameters,
                metrics=trace.metrics,
                tags=trace.tags,
                others={},
            )
        except RequestRejected as rejected:
            if rejected.service_code == WRONG_PROJECT_TYPE:
                raise TrackerUnavailable(
                    f"the Comet project {project or 'general'!r} holds experiments, not LLM "
                    "traces: set project in [trackers.comet] to another name"
                ) from rejected
            raise

    # -- experiments -------------------------------------------------------------------------

    def ensure_experiment(self, key: str, *, workspace: str | None, project: str) -> None:
        """Make an experiment under a key of ours if it is missing, and end it. Sends the requests
        of `comet_ml.start(mode="get_or_create")` and `end()`, without their threads."""
        found = self._metadata(key)
        if found is not None and not found.get("running"):
            return
        payload = {
            "apiKey": self._key,
            "experimentKey": key,
            "offline": False,
            "projectName": project,
            "teamName": workspace,
            "getOrCreateEnabled": True,
        }
        try:
            reply = self._low_level.post(self._add_run, payload)
        except RequestRejected as rejected:
            if rejected.service_code == WRONG_PROJECT_TYPE:
                raise RequestRejected(
                    f"the Comet project {project!r} holds LLM traces, not experiments: set "
                    "experiments_project in [trackers.comet] to another name",
                    status=rejected.status,
                    retry=True,
                    service_code=rejected.service_code,
                ) from rejected
            raise
        with self._service.reading():
            run = foreign.decode(reply.content, lenient=True)
            ids = {"runId": run.get("runId"), "projectId": run.get("project_id")}
        ended = {**ids, "is_alive": False}
        self._low_level.post(
            self._status_report, {"apiKey": self._key, "experimentKey": key, **ended}
        )

    def assets(self, key: str) -> dict[str, str]:
        """Return the ids of an experiment's assets, by name."""
        with self._service.reading():
            found = self._rest.get_experiment_asset_list(key, "all") or []
            return {str(asset["fileName"]): str(asset["assetId"]) for asset in found}

    def read_asset(self, key: str, assets: Mapping[str, str], name: str) -> bytes | None:
        """Read the content of one of the `assets`, by its name; None if there is none."""
        if name not in assets:
            return None
        content: bytes = self._rest.get_experiment_asset(assets[name], experiment_key=key)
        return content

    def write_asset(self, key: str, name: str, content: bytes, *, kind: str = "asset") -> None:
        """Write an asset, replacing that of the same name."""
        # comet_ml takes a file reliably, a buffer not in every version.
        with tempfile.TemporaryDirectory(prefix="smile-trace-") as folder:
            path = Path(folder) / "asset"
            path.write_bytes(content)
            self._rest.log_experiment_asset(
                key,
                str(path),
                overwrite=True,
                ftype=kind,
                file_name=name,
                extension=name.rpartition(".")[2],
            )

    def delete_experiment(self, key: str) -> None:
        """Delete an experiment (or trace) with everything in it."""
        self._rest.delete_experiment(key)

    def delete_asset(self, key: str, asset_id: str) -> None:
        """Delete one asset."""
        self._rest.delete_experiment_asset(key, asset_id)

    def write_html(self, key: str, html: str) -> None:
        """Replace the HTML panel's content."""
        self._rest.log_experiment_html(key, html, overwrite=True)

    def write_metrics(self, key: str, metrics: Mapping[str, float]) -> None:
        """Log the metrics whose value has changed: each log is a point of a curve."""
        if not metrics:
            return
        with self._service.reading():
            known = {
                str(value["name"]): _number(value.get("valueCurrent"))
                for value in self._rest.get_experiment_metrics_summaries(key).get("values", ())
            }
        for name, value in metrics.items():
            held = known.get(name)
            if held is None or not math.isclose(held, value, rel_tol=1e-6):
                self._rest.log_experiment_metric(key, name, value)

    def write_parameters(self, key: str, parameters: Mapping[str, JSON]) -> None:
        """Set or replace parameters."""
        for name, value in parameters.items():
            self._rest.log_experiment_parameter(key, name, value)

    def write_others(self, key: str, others: Mapping[str, JSON]) -> None:
        """Set or replace "other" values."""
        for name, value in others.items():
            self._rest.log_experiment_other(key, name, value)

    def add_tags(self, key: str, tags: list[str]) -> None:
        """Add tags; Comet keeps each once."""
        self._rest.add_experiment_tags(key, tags)

    def read_trace_data(self, key: str, assets: Mapping[str, str]) -> dict[str, JSON] | None:
        """Read the document of a CometLLM trace; None if it is lost or cannot be read."""
        try:
            data = foreign.decode(self.read_asset(key, assets, LLM_DATA) or b"", lenient=True)
        except ForeignDataError:
            return None
        if not isinstance(data, dict):
            return None
        metadata = data.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get(SUMMARY, {}), dict):
            return data
        return {**data, "metadata": {}}

    def write_trace_data(self, key: str, data: Mapping[str, JSON]) -> None:
        """Replace the document of a CometLLM trace."""
        self.write_asset(key, LLM_DATA, json.dumps(data).encode(), kind="llm_data")

    def _llm_client(self, sdk: Sdk) -> Any:
        from comet_llm.experiment_api.comet_api_client import (  # type: ignore[import-untyped]
            CometAPIClient,
        )

        try:
            client = CometAPIClient(self._key, self.url, self._session)
            too_old = client.backend_version < OLDEST_SERVER
        except (KeyError, TypeError, ValueError) as error:  # JSON, but not what Comet says
            raise self._service.wrong() from error
        except RequestRejected as error:  # of its version: no item is to blame
            if error.status < 500:
                raise self._service.wrong() from error
            said = f"{error}; smile-trace will try again"
            raise TrackerUnavailable(said) from error
        if too_old:
            raise TrackerUnavailable(
                f"the Comet server at {self.url} is too old for traces with ids of our own: "
                f"update it to {OLDEST_SERVER} or newer"
            )
        return client


def _bound(session: requests.Session, http: HttpClient, options: HttpOptions) -> None:
    """Bound every request of a session, and turn every failure into a sentence. `http` reads assets
    from a storage beside Comet, without key and headers."""
    request, service, policy = session.request, http.service, AddressPolicy(http.service.url)
    timeout = options.timeout_seconds
    for prefix in list(session.adapters):
        seconds = DEADLINE_TIMEOUTS * timeout
        bound(session, prefix, seconds=seconds, max_reply_mb=options.max_reply_mb)

    def bounded(method: str, target: str | None = None, **given: Any) -> requests.Response:
        target = target or given.pop("url")
        given["timeout"] = min(given.get("timeout") or timeout, timeout)
        try:
            policy.own_server(target)
            response = request(method, target, **given)
        except Redirected as redirected:
            if method.upper() != "GET" or ASSET_PATH not in target:
                raise service.refused(redirected) from redirected
            return _asset(http.get_elsewhere(redirected.location))
        except requests.RequestException as error:
            raise unreachable(error, service, timeout) from error
        except AddressRefused as error:
            raise service.misdirected(error) from error
        except ReplyRefused as error:
            raise service.refused(error) from error
        check(response, target, service)
        return response

    session.request = bounded  # type: ignore[method-assign, assignment]


def _asset(content: bytes) -> requests.Response:
    """Return an asset, as if Comet itself had sent it."""
    response = requests.Response()
    response.status_code, response.raw = 200, io.BytesIO(content)
    return response


def _number(value: Any) -> float | None:
    try:
        return foreign.finite(value)
    except ForeignDataError:
        return None
