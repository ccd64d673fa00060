"""One Opik server over its REST interface: bounded in time, every failure said in a sentence."""

import base64
import configparser
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import httpx

from smile_trace.records import JSON
from smile_trace.records.sanitize import plain
from smile_trace.trackers import TrackerUnavailable

CLOUD = "https://www.comet.com/opik/api/"
DEFAULT_WORKSPACE = "default"
BACKEND_UPLOAD = "BEMinIO"
"""The upload id that means: send the file to Opik itself, not to a storage beside it."""

Entity = Literal["trace", "span"]


class Refused(Exception):
    """Opik refused one request, and may take the next one all the same."""

    def __init__(self, reason: str, *, status: int, retry: bool) -> None:
        super().__init__(reason)
        self.status = status
        self.retry = retry


def own_settings() -> dict[str, str]:
    """What Opik's own configuration says: its variables, then `~/.opik.config`.

    Keys: `url_override`, `workspace`, `project_name`, `api_key`, those that are set.
    """
    names = ("url_override", "workspace", "project_name", "api_key")
    path = Path(os.environ.get("OPIK_CONFIG_PATH") or "~/.opik.config").expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
        found = dict(parser["opik"]) if parser.has_section("opik") else {}
    except (configparser.Error, OSError, UnicodeDecodeError):
        found = {}
    found |= {n: value for n in names if (value := os.environ.get(f"OPIK_{n.upper()}"))}
    return {name: found[name] for name in names if found.get(name)}


class OpikServer:
    """Requests to one server in one workspace. The key is sent, and shown nowhere.

    Args:
        url: the address up to and including `/api`.
    """

    def __init__(self, url: str, workspace: str, api_key: str | None, timeout: float) -> None:
        self.url = url.rstrip("/") + "/"
        self._timeout = timeout
        headers = {"Comet-Workspace": workspace}
        if api_key:
            headers["Authorization"] = api_key
        # `trust_env` stays on: proxies and SSL_CERT_FILE are the operator's.
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=timeout, follow_redirects=True
        )
        self._project_ids: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def trace_url(self, trace_id: str) -> str:
        """Where a person can look at a trace: Opik's own redirect, which needs no project id."""
        path = base64.b64encode(self.url.encode()).decode()
        return f"{self.url}v1/session/redirect/projects/?trace_id={trace_id}&path={path}"

    def write_traces(self, traces: Sequence[JSON]) -> None:
        """Write traces; one of a known id is replaced."""
        self._send("POST", "v1/private/traces/batch", {"traces": traces})

    def write_spans(self, spans: Sequence[JSON]) -> None:
        """Write spans; one of a known id is replaced."""
        self._send("POST", "v1/private/spans/batch", {"spans": spans})

    def write_scores(self, entity: Entity, scores: Sequence[JSON]) -> None:
        """Write feedback scores; one of the same name is replaced."""
        if scores:
            self._send("PUT", f"v1/private/{entity}s/feedback-scores", {"scores": scores})

    def has_trace(self, trace_id: str) -> bool:
        """Whether the server has a trace of that id."""
        try:
            self._send("GET", f"v1/private/traces/{trace_id}")
        except Refused as refusal:
            if refusal.status == 404:
                return False
            raise
        return True

    def attach(
        self, project: str, entity: Entity, entity_id: str, files: dict[str, tuple[str, bytes]]
    ) -> None:
        """Attach files, by name: (MIME type, content); those of the same name are replaced."""
        known = self._attached(project, entity, entity_id) & set(files)
        if known:
            self._send(
                "POST",
                "v1/private/attachment/delete",
                {
                    "file_names": sorted(known),
                    "entity_type": entity,
                    "entity_id": entity_id,
                    "container_id": self._project_id(project),
                },
            )
        for name, (mime_type, content) in files.items():
            self._upload(project, entity, entity_id, name, mime_type, content)

    def _attached(self, project: str, entity: Entity, entity_id: str) -> set[str]:
        listed = self._send(
            "GET",
            "v1/private/attachment/list",
            params={
                "project_id": self._project_id(project),
                "entity_type": entity,
                "entity_id": entity_id,
                "path": base64.b64encode(self.url.encode()).decode(),
                "size": "100",
            },
        )
        return {str(file["file_name"]) for file in (listed or {}).get("content", ())}

    def _upload(
        self,
        project: str,
        entity: Entity,
        entity_id: str,
        name: str,
        mime_type: str,
        content: bytes,
    ) -> None:
        about = {
            "file_name": name,
            "mime_type": mime_type,
            "project_name": project,
            "entity_type": entity,
            "entity_id": entity_id,
        }
        path = base64.b64encode(self.url.encode()).decode()
        start = {**about, "num_of_file_parts": 1, "path": path}
        begun = self._send("POST", "v1/private/attachment/upload-start", start)
        target, upload_id = begun["pre_sign_urls"][0], begun["upload_id"]
        if upload_id == BACKEND_UPLOAD:
            self._checked(lambda: self._client.put(target, content=content), "PUT")
            return
        # A signed address of a storage beside Opik: our key is none of its business.
        stored = self._checked(
            lambda: httpx.put(target, content=content, timeout=self._timeout), "PUT"
        )
        part = {"e_tag": stored.headers["ETag"], "part_number": 1}
        self._send(
            "POST",
            "v1/private/attachment/upload-complete",
            {
                **about,
                "file_size": len(content),
                "upload_id": upload_id,
                "uploaded_file_parts": [part],
            },
        )

    def _project_id(self, project: str) -> str:
        if project not in self._project_ids:
            found = self._send("POST", "v1/private/projects/retrieve", {"name": project})
            self._project_ids[project] = str(found["id"])
        return self._project_ids[project]

    def _send(self, method: str, path: str, body: JSON = None, *, params: Any = None) -> Any:
        """Send JSON, read JSON; None where the answer is empty."""
        content = None if body is None else json.dumps(plain(body)).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        response = self._checked(
            lambda: self._client.request(
                method, path, content=content, headers=headers, params=params
            ),
            method,
        )
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise TrackerUnavailable(
                f"what answers at {self.url} is not Opik: check OPIK_URL_OVERRIDE (it ends with "
                "/api), and that no proxy or login page stands in between"
            ) from None

    def _checked(self, request: Any, method: str) -> httpx.Response:
        try:
            response: httpx.Response = request()
        except (httpx.TimeoutException, httpx.TransportError) as error:
            raise self._unreachable(error) from error
        if response.status_code < 400:
            return response
        status, said = response.status_code, " ".join(response.text.split())[:200]
        if status == 401:
            raise TrackerUnavailable(
                "Opik does not accept the API key: set OPIK_API_KEY, or run `opik configure`, and "
                "restart the worker"
            )
        if status == 403:
            raise TrackerUnavailable(
                f"Opik forbids this key to write here ({said}): set workspace in [trackers.opik], "
                "or OPIK_WORKSPACE, to one that its account may use"
            )
        if status in (429, 502, 503, 504):
            raise TrackerUnavailable(
                f"Opik takes nothing for the moment ({status}); nothing needs to be done, it is "
                "tried again",
                retry_after=_retry_after(response),
            )
        if status == 404 and method != "GET":
            raise TrackerUnavailable(
                f"there is no Opik at {self.url}: check OPIK_URL_OVERRIDE (it ends with /api)"
            )
        if status == 413:
            raise Refused(
                "this is larger than the Opik server takes (413): raise the limit of its proxy, "
                "then run `smile-trace retry`",
                status=status,
                retry=False,
            )
        raise Refused(f"Opik refused it ({status}: {said})", status=status, retry=status >= 500)

    def _unreachable(self, error: httpx.HTTPError) -> TrackerUnavailable:
        if isinstance(error, httpx.TimeoutException):
            return TrackerUnavailable(
                f"Opik at {self.url} did not answer within {self._timeout:g} s: check that the "
                "address is right, or raise timeout_seconds in [trackers.opik]"
            )
        if "CERTIFICATE" in str(error).upper():
            return TrackerUnavailable(
                f"the certificate of {self.url} could not be verified: point SSL_CERT_FILE at the "
                "authority that signed it"
            )
        return TrackerUnavailable(
            f"Opik at {self.url} cannot be reached: check the network, and OPIK_URL_OVERRIDE"
        )


def _retry_after(response: httpx.Response) -> float | None:
    for name in ("Retry-After", "RateLimit-Reset"):
        value = response.headers.get(name, "")
        if value.strip().isdigit():
            return float(value)
    return None
