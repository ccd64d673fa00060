"""The writing half of the fake Langfuse: spans by OTLP, scores, media, annotation queues, deletion;
404 to the rest, 400 to what the schemas of its API refuse.

Source: Langfuse 4.16, `web/src/pages/api/public/{otel,scores,media}`; langfuse 5.0.4.
"""

import base64
import hashlib
from typing import Any

from smile_trace.records import Span
from smile_trace.sources.receiver import protobuf
from smile_trace_contracts.fake_http_server import Answer, Request
from tests.support.fake_langfuse import KEYS, FakeLangfuse, Refused
from tests.support.fake_langfuse_queues import FakeQueues, check, listed_scores
from tests.support.otlp_requests import spans_of

SCORE = {
    "id": str,
    "traceId": str,
    "observationId": str,
    "name": str,
    "value": (str, int, float),
    "dataType": str,
    "comment": str,
}
REQUIRED = {"traceId", "name", "value", "dataType"}
UPLOAD = {
    "traceId": str,
    "observationId": str,
    "contentType": str,
    "contentLength": int,
    "sha256Hash": str,
    "field": str,
}


class FakeLangfuseWrites(FakeLangfuse):
    """What stands in one project: spans and scores by id (the newest stays), files."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.spans: dict[str, Span] = {}
        self.scores: dict[str, dict[str, Any]] = {}
        self.media: dict[str, bytes] = {}
        self.queues = FakeQueues()
        self._announced: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        """See `FakeHttpServer`."""
        method, path = request.method, request.path
        if method == "PUT" and path.startswith("/storage/"):  # signed: without our keys
            return self._store(path.rpartition("/")[2], request)
        login = base64.b64encode(":".join(KEYS).encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return Answer(401, {"message": "Invalid credentials", "error": "UnauthorizedError"})
        try:
            match method, path.split("/")[3:]:
                case "POST", ["otel", "v1", "traces"]:
                    return self._take(request)
                case "POST", ["scores"]:
                    return self._score(request.body)
                case "POST", ["media"]:
                    return self._announce(request.body)
                case "PATCH", ["media", media_id]:
                    return self._uploaded(media_id, request.body)
                case "DELETE", ["traces", trace_id]:
                    return self._delete_trace(trace_id)
                case "DELETE", ["scores", score_id]:
                    self.scores.pop(score_id, None)
                    return Answer(202, {"message": "accepted"})
                case "GET", ["v3", "scores"]:
                    return Answer(200, listed_scores(self.scores, request.query))
                case _, ["annotation-queues" | "score-configs", *_] as parts:
                    return self.queues.answer(parts, request) or Answer(404, {"message": path})
                case "GET", ["projects"]:
                    return Answer(200, {"data": [{"id": "project", "name": "shop"}]})
        except Refused as error:
            return Answer(400, {"message": "Invalid request data", "error": [str(error)]})
        return super().answer(request)

    def _take(self, request: Request) -> Answer:
        if request.headers.get("Content-Type") != "application/x-protobuf":
            raise Refused("content type")
        if request.headers.get("x-langfuse-ingestion-version") != "4":
            raise Refused("ingestion version")
        received = protobuf.read_traces(request.raw)
        if received.rejected:
            raise Refused("spans")
        spans = spans_of(received.text.splitlines())
        self.spans |= {span.span_id: span for span in spans}
        self.add(spans)
        return Answer(200, {})

    def _score(self, body: Any) -> Answer:
        check(body, SCORE)
        if missing := REQUIRED - body.keys():
            raise Refused(f"{missing} missing")
        kind, value = body["dataType"], body["value"]
        texts = kind in ("CATEGORICAL", "TEXT")
        if kind not in ("NUMERIC", "CATEGORICAL", "BOOLEAN", "TEXT"):
            raise Refused(kind)
        if isinstance(value, str) != texts or value == "" or isinstance(value, bool):
            raise Refused(f"a value of {kind} is {value!r}")
        if kind == "TEXT" and len(value) > 500:
            raise Refused("longer than 500 characters")
        self.scores[body.get("id") or str(len(self.scores))] = body
        return Answer(200, {"id": body.get("id")})

    def judge(self, queue: str, trace_id: str, author: str, **choices: str) -> None:
        """What a person says of a trace in a queue on Langfuse's page: a category of each of its
        score configs. A trace has one score of a config, whoever gives it."""
        waiting = {item["objectId"] for item in self.queues.items[queue].values()}
        assert trace_id in waiting, f"{trace_id} is not in the queue"
        for name, choice in choices.items():
            config = self.queues.config_of(queue, name)
            assert choice in [one["label"] for one in config["categories"]]
            self.scores[f"{trace_id} {config['id']}"] = {
                "traceId": trace_id,
                "name": name,
                "value": choice,
                "dataType": "CATEGORICAL",
                "source": "ANNOTATION",
                "authorUserId": author,
                "queueId": queue,
            }

    def _announce(self, body: Any) -> Answer:
        check(body, UPLOAD)
        if missing := UPLOAD.keys() - {"observationId"} - body.keys():
            raise Refused(f"{missing} missing")
        if body["field"] not in ("input", "output", "metadata"):
            raise Refused(body["field"])
        if len(base64.b64decode(body["sha256Hash"], validate=True)) != 32:
            raise Refused("sha256Hash")
        media_id = body["sha256Hash"].replace("+", "-").replace("/", "_")[:22]
        if media_id in self.media:
            return Answer(201, {"mediaId": media_id, "uploadUrl": None})
        self._announced[media_id] = body
        return Answer(201, {"mediaId": media_id, "uploadUrl": f"{self.url}/storage/{media_id}"})

    def _store(self, media_id: str, request: Request) -> Answer:
        announced = self._announced[media_id]
        checksum = base64.b64encode(hashlib.sha256(request.raw).digest()).decode()
        given = {name.lower(): value for name, value in request.headers.items()}
        signed = announced["contentType"], announced["sha256Hash"]
        if (given.get("content-type"), given.get("x-amz-checksum-sha256")) != signed:
            return Answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        if checksum != announced["sha256Hash"] or "authorization" in given:
            return Answer(400, b"<Error><Code>BadDigest</Code></Error>")
        announced["stored"] = request.raw
        return Answer(200)

    def _uploaded(self, media_id: str, body: Any) -> Answer:
        check(body, {"uploadedAt": str, "uploadHttpStatus": int})
        if "stored" not in self._announced[media_id]:
            raise Refused("not uploaded")
        self.media[media_id] = self._announced[media_id]["stored"]
        return Answer(200)

    def _delete_trace(self, trace_id: str) -> Answer:
        self.delete(trace_id)
        self.spans = {i: s for i, s in self.spans.items() if s.trace_id != trace_id}
        self.scores = {i: s for i, s in self.scores.items() if s["traceId"] != trace_id}
        return Answer(200, {"message": "Trace deleted successfully"})
