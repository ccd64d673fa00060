"""A fake Opik server in memory: the endpoints that its SDK was seen to call, 404 to the rest."""

import json
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from tests.support.fake_opik_experiments import FakeExperiments, bad_size
from tests.support.fake_opik_queues import FakeQueues

PRIVATE = "/api/v1/private/"
TAKEN = Answer(204)


class FakeOpik(FakeHttpServer):
    """Traces, spans and attachments by id; scores by (entity, id, name).

    `storage`: files are sent to a signed address, not to the server itself.
    """

    def __init__(self, *, port: int = 0, api_key: str | None = None, storage: bool = False) -> None:
        super().__init__(port=port)
        self.api_key = api_key
        self.storage = storage
        self.traces: dict[str, dict[str, Any]] = {}
        self.spans: dict[str, dict[str, Any]] = {}
        self.scores: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.attachments: dict[str, list[tuple[str, str, bytes]]] = {}
        self.deleted: list[str] = []
        self.projects: set[str] = set()
        self.gone: set[str] = set()
        self.experiments = FakeExperiments(self.traces)
        self.queues = FakeQueues()
        self._uploads: dict[str, dict[str, Any]] = {}

    @property
    def api(self) -> str:
        """The address of its interface."""
        return f"{self.url}/api"

    def answer(self, request: Request) -> Answer:
        """See `FakeHttpServer`."""
        if request.path.startswith("/storage/"):
            if "Authorization" in request.headers:
                return Answer(400, {"message": "two kinds of authorization"})
            self._uploads[request.path.rsplit("/", 1)[-1]]["content"] = request.body
            return Answer(200, headers={"ETag": '"etag"'})
        if self.api_key and request.headers.get("Authorization") != self.api_key:
            return Answer(401, {"message": "no"})
        if not request.headers.get("Comet-Workspace"):
            return Answer(403, {"message": "no workspace"})
        name = f"{request.method} {request.path.removeprefix(PRIVATE)}"
        route = {
            "POST traces/batch": self._traces,
            "POST traces/delete": self._delete_traces,
            "POST spans/batch": self._spans,
            "PUT traces/feedback-scores": self._trace_scores,
            "PUT spans/feedback-scores": self._span_scores,
            "POST projects/retrieve": self._project,
            "GET traces": self._list_traces,
            "GET spans": self._list_spans,
            "GET attachment/list": self._list,
            "POST attachment/delete": self._delete,
            "POST attachment/upload-start": self._start,
            "PUT attachment/upload": self._upload,
            "POST attachment/upload-complete": self._complete,
        }.get(name)
        if name.startswith("DELETE traces/"):
            return self._delete_trace(name.rsplit("/", 1)[-1])
        if name.startswith("GET traces/"):
            found = self.traces.get(name.rsplit("/", 1)[-1])
            return Answer(200, _public(found)) if found else Answer(404, {"message": "no trace"})
        if name.startswith("GET projects/"):
            project = unquote(name.removeprefix("GET projects/")).removeprefix("project of ")
            return Answer(200, {"id": f"project of {project}", "name": project})
        if route is not None:
            return route(request)
        given = self.experiments.answer(name, request) or self.queues.answer(name, request)
        return given or Answer(404, {"message": f"no endpoint {name}"})

    def _traces(self, request: Request) -> Answer:
        return self._put(self.traces, request.body["traces"])

    def _spans(self, request: Request) -> Answer:
        return self._put(self.spans, request.body["spans"])

    def _put(self, kept: dict[str, dict[str, Any]], items: list[dict[str, Any]]) -> Answer:
        if len(items) > 1000 or any(uuid.UUID(item["id"]).version != 7 for item in items):
            return Answer(422, {"errors": ["id must be a version 7 UUID"]})
        kept |= {item["id"]: item for item in items}
        return TAKEN

    def _trace_scores(self, request: Request) -> Answer:
        return self._score("trace", request)

    def _span_scores(self, request: Request) -> Answer:
        return self._score("span", request)

    def _score(self, entity: str, request: Request) -> Answer:
        for score in request.body["scores"]:
            self.scores[entity, score["id"], score["name"]] = score
        return TAKEN

    def _project(self, request: Request) -> Answer:
        name = request.body["name"]
        if name in self.gone:
            return Answer(404, {"errors": ["Project not found"]})
        return Answer(200, {"id": f"project of {name}", "name": name})

    def _list_traces(self, request: Request) -> Answer:
        """By project and filters; a large workspace, which is never sorted."""
        query = dict(request.query)
        excluded = json.loads(query.pop("exclude", "[]"))
        project, filters = query.pop("project_name"), json.loads(query.pop("filters", "[]"))
        found = [t for t in self.traces.values() if t["project_name"] == project]
        if not found and project not in self.projects:
            return Answer(404, {"message": "project not found"})
        for one in filters:
            if one.get("operator") == "contains":
                found = [t for t in found if one["value"] in self._list_of(t, one["field"])]
                continue
            if one.keys() != {"field", "operator", "value"} or one["field"] != "start_time":
                return Answer(400, {"message": f"invalid filter {one}"})
            at = _instant(one["value"])
            after = {">=": 1, "<": -1}[one["operator"]]
            found = [t for t in found if (_instant(t["start_time"]) >= at) == (after > 0)]
        found = [{k: v for k, v in t.items() if k not in excluded} for t in map(_public, found)]
        return _page(found, query)

    def _list_of(self, trace: dict[str, Any], field: str) -> list[str]:
        """A list that traces are filtered by."""
        if field == "annotation_queue_ids":
            return [queue for queue, ids in self.queues.waiting.items() if trace["id"] in ids]
        assert field == "tags"
        return list(trace.get("tags") or [])

    def judge(self, trace_id: str, author: str, **categories: str) -> None:
        """What a person says of a trace on Opik's page: a category of each score."""
        for name, category in categories.items():
            scores = self.traces[trace_id].setdefault("feedback_scores", [])
            held = next((one for one in scores if one["name"] == name), None)
            if held is None:
                held = {"name": name, "value": 0.0, "source": "ui", "value_by_author": {}}
                scores.append(held)
            entry = {"value": 0.0, "category_name": category, "source": "ui"}
            entry["last_updated_at"] = "2026-11-27T10:00:00Z"
            held["value_by_author"][author] = entry

    def _list_spans(self, request: Request) -> Answer:
        query = dict(request.query)
        trace_id, project = query.pop("trace_id"), query.pop("project_id")
        if query.pop("truncate") != "false":
            return Answer(400, {"message": "texts would be cut"})
        found = [
            span
            for span in map(_public, self.spans.values())
            if (span["trace_id"], span["project_id"]) == (trace_id, project)
        ]
        return _page(found, query)

    def _list(self, request: Request) -> Answer:
        files = self.attachments.get(request.query["entity_id"], [])
        listed = [{"file_name": n, "mime_type": m, "file_size": len(c)} for n, m, c in files]
        return Answer(200, {"content": listed, "size": len(listed)})

    def _delete(self, request: Request) -> Answer:
        names, entity = request.body["file_names"], request.body["entity_id"]
        kept = [file for file in self.attachments.get(entity, []) if file[0] not in names]
        self.attachments[entity] = kept
        self.deleted += names
        return TAKEN

    def _delete_trace(self, trace_id: str) -> Answer:
        """With its spans and their scores; files of spans stay, as far as we know."""
        self.traces.pop(trace_id, None)
        spans = {i for i, span in self.spans.items() if span["trace_id"] == trace_id}
        self.spans = {i: span for i, span in self.spans.items() if i not in spans}
        gone = spans | {trace_id}
        self.scores = {key: score for key, score in self.scores.items() if key[1] not in gone}
        return TAKEN

    def _delete_traces(self, request: Request) -> Answer:
        ids = request.body["ids"]
        if refused := bad_size(ids):
            return refused
        for trace_id in ids:
            self._delete_trace(trace_id)
        return TAKEN

    def _start(self, request: Request) -> Answer:
        upload = uuid.uuid4().hex
        self._uploads[upload] = dict(request.body)
        if self.storage:
            url = f"{self.url}/storage/{upload}"
            return Answer(200, {"upload_id": upload, "pre_sign_urls": [url]})
        url = f"{self.api}/v1/private/attachment/upload?upload={upload}"
        return Answer(200, {"upload_id": "BEMinIO", "pre_sign_urls": [url]})

    def _upload(self, request: Request) -> Answer:
        body = request.body
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._keep(self._uploads[request.query["upload"]], content)

    def _complete(self, request: Request) -> Answer:
        upload = self._uploads[request.body["upload_id"]]
        if request.body["uploaded_file_parts"] != [{"e_tag": '"etag"', "part_number": 1}]:
            return Answer(400, {"message": "parts"})
        return self._keep(upload, upload["content"])

    def _keep(self, about: dict[str, Any], content: bytes) -> Answer:
        files = self.attachments.setdefault(about["entity_id"], [])
        files.append((about["file_name"], about["mime_type"], content))
        return TAKEN


def _public(item: dict[str, Any]) -> dict[str, Any]:
    """A trace or span as it is given: with its project's id in place of its name."""
    shown = {name: value for name, value in item.items() if name != "project_name"}
    return {**shown, "project_id": f"project of {item['project_name']}"}


def _page(found: list[dict[str, Any]], query: dict[str, str]) -> Answer:
    """A page, the latest id first."""
    if query.keys() != {"page", "size"} or not 1 <= int(query["size"]) <= 1000:
        return Answer(400, {"message": f"invalid parameters {sorted(query)}"})
    number, size = int(query["page"]), int(query["size"])
    if number < 1:
        return Answer(400, {"message": "page must be 1 or more"})
    found = sorted(found, key=lambda item: item["id"], reverse=True)
    content = found[(number - 1) * size : number * size]
    return Answer(
        200, {"page": number, "size": len(content), "total": len(found), "content": content}
    )


def _instant(text: str) -> datetime:
    """A time as Java's `Instant.parse` takes it: in UTC, with a Z."""
    if not text.endswith("Z"):
        raise ValueError(text)
    return datetime.fromisoformat(text)
