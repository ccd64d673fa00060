from base64 import b64encode

import pytest
from smile_trace_lantern import EXPLANATION_NAME, LanternTracker

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from smile_trace_contracts.tracker import TrackerContract

AUTHORIZATION = "Basic " + b64encode(b"public:secret").decode()


class FakeLantern(FakeHttpServer):
    """Keeps the newest body of each id, by type; refuses events without one, or with a text."""

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.unwanted = None

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != AUTHORIZATION:
            return Answer(401, {"message": "invalid credentials"})
        if request.path == "/api/public/ingestion":
            events = request.body["batch"]
            bad = [event["id"] for event in events if self.refuses(event["body"])]
            self.kept |= {(e["type"], e["id"]): e["body"] for e in events if e["id"] not in bad}
            errors = [{"id": i, "status": 400, "message": "invalid body"} for i in bad]
            return Answer(207, {"successes": [], "errors": errors})
        trace_id = request.path.rpartition("/")[2]
        if request.method == "DELETE":
            of_trace = {k for k, body in self.kept.items() if body.get("traceId") == trace_id}
            self.kept = {k: body for k, body in self.kept.items() if k not in of_trace}
        found = self.kept.get(("trace-create", trace_id))
        if found and request.method == "DELETE":
            del self.kept["trace-create", trace_id]
        return Answer(200, found) if found else Answer(404, {"message": "not found"})

    def refuses(self, body):
        return not body.get("id") or bool(self.unwanted and self.unwanted in str(body))


class TestLantern(TrackerContract):
    @pytest.fixture
    def server(self):
        with FakeLantern() as running:
            yield running

    def table(self, server):
        return {"url": server.url, "timeout_seconds": 30}

    @pytest.fixture
    def tracker(self, server, monkeypatch):
        monkeypatch.setenv("LANTERN_PUBLIC_KEY", "public")
        monkeypatch.setenv("LANTERN_SECRET_KEY", "secret")
        made = LanternTracker.from_settings(self.table(server))
        yield made
        made.close()

    def visible_traces(self, server):
        return [body["id"] for (kind, _), body in server.kept.items() if kind == "trace-create"]

    def visible_explanations(self, server):
        return [b["traceId"] for b in server.kept.values() if b.get("name") == EXPLANATION_NAME]

    def reject_items(self, server, text):
        server.unwanted = text
        return True
