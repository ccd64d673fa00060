import pytest
from smile_trace_lantern.source import LanternSource

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from smile_trace_contracts.source import SourceContract


class FakeLantern(FakeHttpServer):
    """Spans by trace, in projects; wrong parameters are refused."""

    def __init__(self):
        super().__init__()
        self.projects = {"shop": {}, "bank": {}}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != "Bearer key":
            return Answer(401, {"message": "invalid key"})
        if request.path == "/traces":
            return self.listed(
                **{"cursor": "0", "from_ms": request.query.pop("from"), **request.query}
            )
        trace_id = request.path.removeprefix("/traces/")
        found = [project[trace_id] for project in self.projects.values() if trace_id in project]
        return Answer(200, {"id": trace_id, "spans": found[0]}) if found else Answer(404)

    def listed(self, project, from_ms, to, limit, cursor) -> Answer:
        if project not in self.projects:
            return Answer(404, {"message": "no such project"})
        began = {
            i: min(s["start_ns"] for s in spans) // 10**6
            for i, spans in self.projects[project].items()
        }
        wanted = sorted((at, i) for i, at in began.items() if int(from_ms) <= at < int(to))
        end = int(cursor) + int(limit)
        data = [{"id": i, "started_ms": at} for at, i in wanted[int(cursor) : end]]
        return Answer(200, {"data": data, "next": str(end) if end < len(wanted) else None})


class TestLantern(SourceContract):
    places = ("shop", "bank")

    @pytest.fixture
    def server(self, monkeypatch):
        monkeypatch.setenv("LANTERN_KEY", "key")
        with FakeLantern() as running:
            yield running

    def source(self, server, **options):
        return LanternSource.from_settings(
            {"url": server.url, "projects": self.places, **options}, {}
        )

    def write(self, server, place, spans):
        kept = server.projects[place].setdefault(spans[0].trace_id, [])
        for span in spans:
            kept.append(
                {
                    "id": span.span_id,
                    "parent": span.parent_id,
                    "name": span.name,
                    "start_ns": span.start_ns,
                    "end_ns": span.end_ns,
                    "attributes": span.attributes,
                }
            )
        return spans[0].trace_id

    def delete(self, server, trace_id):
        for project in server.projects.values():
            project.pop(trace_id, None)
