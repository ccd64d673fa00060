"""One Opik server over its REST interface."""

import base64
import configparser
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from smile_trace._guards.presentable import hide, presentable
from smile_trace.records import JSON
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.batches import MOST_PAGES
from smile_trace.trackers.fields import json_bytes
from smile_trace.trackers.http import HttpClient, HttpOptions, RequestRejected, Service, tolerating

CLOUD = "https://www.comet.com/opik/api/"
DEFAULT_WORKSPACE = "default"
BACKEND_UPLOAD = "BEMinIO"
"""The upload id that asks for the file to be sent to Opik itself, not to a storage beside it."""

MOST = 1000
"""Most items in one request to Opik."""

Entity = Literal["trace", "span"]
T = TypeVar("T")


def own_settings() -> dict[str, str]:
    """Read Opik's own configuration, its variables before `~/.opik.config`: `url_override`,
    `workspace`, `project_name` and `api_key`, if set."""
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
    """Requests to one server in one workspace; the key is shown nowhere.

    By default, `url` (up to and including `/api`) is Opik's own setting, then its cloud. `own` is
    the result of `own_settings`; `table` of the settings is named in messages. Raises `ValueError`
    if the address is not http(s).
    """

    def __init__(
        self,
        url: str | None,
        workspace: str | None,
        own: Mapping[str, str],
        options: HttpOptions,
        table: str = "trackers.opik",
    ) -> None:
        address = url or own.get("url_override") or CLOUD
        if not address.startswith(("http://", "https://")):
            raise ValueError(
                f"Opik's address is {presentable(address)!r}: set url of [{table}], or "
                "OPIK_URL_OVERRIDE, to an http(s) address that ends with /api"
            )
        self.url = address.rstrip("/") + "/"
        self.workspace = workspace or own.get("workspace") or DEFAULT_WORKSPACE
        key = own.get("api_key")
        hide(key)
        self._path = base64.b64encode(self.url.encode()).decode()
        headers = {"Comet-Workspace": self.workspace} | ({"Authorization": key} if key else {})
        self.service = Service(
            name="Opik",
            url=self.url,
            timeout_setting=f"timeout_seconds in [{table}]",
            credentials="set OPIK_API_KEY, or run `opik configure`, and restart the worker",
            access=f"set workspace in [{table}], or OPIK_WORKSPACE, to one that its account may "
            "use",
            address="OPIK_URL_OVERRIDE (it ends with /api)",
            login="OPIK_API_KEY",
        )
        self._http = HttpClient.of(self.service, options, headers=headers)
        self._project_ids: dict[str, str] = {}

    def close(self) -> None:
        self._http.close()

    def trace_url(self, trace_id: str) -> str:
        """Return the page of a trace: Opik's own redirect, which needs no project id."""
        query = f"trace_id={trace_id}&path={self._path}"
        return f"{self.url}v1/session/redirect/projects/?{query}"

    def comparison_url(self, dataset_id: str, experiments: Sequence[str]) -> str:
        """Return the page with experiments over one dataset side by side."""
        chosen = quote(json.dumps(list(experiments)))
        page = f"{quote(self.workspace)}/experiments/{dataset_id}/compare?experiments={chosen}"
        return self.url.removesuffix("api/") + page

    def has_trace(self, trace_id: str) -> bool:
        """Whether the server has a trace of that id."""
        return self.trace(trace_id) is not None

    # -- what is read ------------------------------------------------------------------------

    def trace(self, trace_id: str) -> Any:
        """Return a trace as Opik gives it; None if there is none of that id."""
        return self._http.get(f"v1/private/traces/{trace_id}")

    def traces(self, project: str, since: str, until: str, page: int, size: int) -> Any:
        """Return a page of a project's traces that began in a stretch (ISO 8601), the latest first,
        without content; None if there is no such project."""
        began = {"field": "start_time", "operator": ">=", "value": since}
        filters = [began, {**began, "operator": "<", "value": until}]
        query = {"project_name": project, "page": str(page), "size": str(size)}
        query |= {"filters": json.dumps(filters), "exclude": json.dumps(["input", "output"])}
        return self._http.get("v1/private/traces", query)

    def spans(self, project_id: str, trace_id: str, page: int, size: int) -> Any:
        """Return a page of a trace's spans, whole."""
        query = {"project_id": project_id, "trace_id": trace_id, "truncate": "false"}
        return self._http.get("v1/private/spans", {**query, "page": str(page), "size": str(size)})

    def listed(self, path: str, query: Mapping[str, str]) -> list[dict[str, JSON]]:
        """Return everything in a list, page by page; empty if there is no such list."""
        found: list[dict[str, JSON]] = []
        for number in range(1, MOST_PAGES + 1):
            paged = {**query, "page": str(number), "size": str(MOST)}
            with self.service.reading():
                page = self._http.get(f"v1/private/{path}", paged) or {"content": [], "total": 0}
                found += [dict(item) for item in page["content"]]
                if not page["content"] or len(found) >= page["total"]:
                    break
        return found

    def project_name(self, project_id: str) -> str:
        """Return the name of a project."""
        return str(self._http.send("GET", f"v1/private/projects/{project_id}")["name"])

    # -- what is written ---------------------------------------------------------------------

    def writing_traces(self, traces: Sequence[JSON]) -> Callable[[], None]:
        """Encode traces and return what writes them, replacing those of the same id."""
        return self.writing("POST", "traces/batch", "traces", traces)

    def writing_spans(self, spans: Sequence[JSON]) -> Callable[[], None]:
        """Encode spans and return what writes them, replacing those of the same id."""
        return self.writing("POST", "spans/batch", "spans", spans)

    def delete_trace(self, project: str, trace_id: str, spans: Sequence[str]) -> None:
        """Delete the files of `spans`, then the trace with its spans, scores and comments. Does
        nothing if it is missing."""
        project_id = self.project_id(project)
        for span_id in spans:
            about = {"entity_type": "span", "entity_id": span_id}
            if names := self._files(project_id, about):
                removal = {"file_names": names, "container_id": project_id, **about}
                self.write("POST", "attachment/delete", removal)
        with tolerating(404):
            self._http.request("DELETE", f"v1/private/traces/{trace_id}")

    def writing_scores(self, entity: Entity, scores: Sequence[JSON]) -> Callable[[], None]:
        """Encode feedback scores and return what writes them, replacing those of the same name."""
        return self.writing("PUT", f"{entity}s/feedback-scores", "scores", scores)

    def attach(
        self, project: str, entity: Entity, entity_id: str, files: Mapping[str, tuple[str, bytes]]
    ) -> None:
        """Attach files, by name: (MIME type, content), replacing those of the same name."""
        about: dict[str, str] = {"entity_type": entity, "entity_id": entity_id}
        project_id = self.project_id(project)
        if replaced := sorted(set(self._files(project_id, about)) & set(files)):
            removal = {"file_names": replaced, "container_id": project_id, **about}
            self.write("POST", "attachment/delete", removal)
        for name, (mime_type, content) in files.items():
            file = {"file_name": name, "mime_type": mime_type, "project_name": project, **about}
            self._upload(file, content)

    def _files(self, project_id: str, about: Mapping[str, str]) -> list[str]:
        query = {"project_id": project_id, "path": self._path, "size": "100", **about}
        listed = self._http.get("v1/private/attachment/list", query)
        with self.service.reading():
            return sorted({str(file["file_name"]) for file in (listed or {}).get("content", ())})

    def _upload(self, file: dict[str, JSON], content: bytes) -> None:
        start = {**file, "num_of_file_parts": 1, "path": self._path}
        begun = self.write("POST", "attachment/upload-start", start)
        with self.service.reading():
            target, upload_id = str(begun["pre_sign_urls"][0]), begun["upload_id"]
        if upload_id == BACKEND_UPLOAD:
            self._http.request("PUT", target, content=content)
            return
        stored = self._http.put_elsewhere(target, content)
        with self.service.reading():
            tag = stored.headers["ETag"]
        done = {
            **file,
            "file_size": len(content),
            "upload_id": upload_id,
            "uploaded_file_parts": [{"e_tag": tag, "part_number": 1}],
        }
        self.write("POST", "attachment/upload-complete", done)

    def project_id(self, project: str) -> str:
        """Return the id of a project; `TrackerUnavailable` if missing, since that is no Opik."""
        found = self.find_project(project)
        if found is None:
            raise self._no_opik()
        return found

    def find_project(self, project: str) -> str | None:
        """Return the id of a project; None if there is none of that name."""
        if project not in self._project_ids:
            with tolerating(404):
                found = self.ask("POST", "projects/retrieve", {"name": project})
                with self.service.reading():
                    self._project_ids[project] = str(found["id"])
        return self._project_ids.get(project)

    def writing(
        self, method: str, path: str, name: str, items: Sequence[T], **more: JSON
    ) -> Callable[[], None]:
        """Encode items under a name, with `more` beside them, and return what writes them, in as
        many requests as needed."""
        starts = range(0, len(items), MOST)
        bodies = [json_bytes({name: list(items[i : i + MOST]), **more}) for i in starts]

        def write() -> None:
            for body in bodies:
                self.write(method, path, body)

        return write

    def write(self, method: str, path: str, body: JSON) -> JSON:
        """Send JSON and read JSON. Raises like `HttpClient.send`, but `TrackerUnavailable` on 404,
        which means that this is no Opik."""
        try:
            return self.ask(method, path, body)
        except RequestRejected as rejected:
            if not rejected.missing:
                raise
            raise self._no_opik() from rejected

    def _no_opik(self) -> TrackerUnavailable:
        return TrackerUnavailable(
            f"there is no Opik at {self.url}: check OPIK_URL_OVERRIDE (it ends with /api)"
        )

    def ask(self, method: str, path: str, body: JSON) -> Any:
        """Send JSON and read JSON. Raises like `HttpClient.send`, also on 404."""
        return self._http.send(method, f"v1/private/{path}", body)
