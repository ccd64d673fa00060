"""The part of a fake Opik that holds annotation queues and the questions that they ask."""

from typing import Any

from smile_trace_contracts.fake_http_server import Answer, Request
from tests.support.fake_opik_experiments import bad_ids, new_id, page

TAKEN = Answer(204)
QUEUES = "annotation-queues"


class FakeQueues:
    """Queues by id, the traces in each; the definitions of feedback by name."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, list[str]] = {}
        self.definitions: dict[str, dict[str, Any]] = {}

    def answer(self, name: str, request: Request) -> Answer | None:
        """The answer to `METHOD path`; None where there is no such endpoint."""
        method, _, path = name.partition(" ")
        if path.startswith(f"{QUEUES}/") and method == "POST":
            queue, _, what = path.removeprefix(f"{QUEUES}/").partition("/items/")
            return self._items(queue, what, request.body["ids"])
        route = {
            "POST feedback-definitions": self._define,
            f"POST {QUEUES}": self._make,
            f"GET {QUEUES}": self._find,
        }.get(name)
        return route(request) if route else None

    def _define(self, request: Request) -> Answer:
        body = request.body
        if body["type"] != "categorical" or len(body["details"]["categories"]) < 2:
            return Answer(422, {"errors": ["details"]})
        if body["name"] in self.definitions:
            return Answer(409, {"errors": ["Feedback already exists"]})
        self.definitions[body["name"]] = body
        return Answer(201)

    def _make(self, request: Request) -> Answer:
        """A second one of the same name is taken, too."""
        body = request.body
        if not body["name"].strip() or not body["project_id"]:
            return Answer(422, {"errors": ["name must not be blank"]})
        if body["scope"] not in ("trace", "thread"):
            return Answer(400, {"message": f"Unknown annotation scope '{body['scope']}'"})
        made = new_id()
        self.queues[made], self.waiting[made] = {**body, "id": made}, []
        return Answer(201)

    def _find(self, request: Request) -> Answer:
        """By a part of the name, in either case."""
        asked = request.query["name"].casefold()
        found = [one for one in self.queues.values() if asked in one["name"].casefold()]
        return page(found, request.query, {"name"})

    def _items(self, queue: str, what: str, ids: list[str]) -> Answer:
        if queue not in self.queues:
            return Answer(404, {"errors": [f"Annotation queue not found: {queue}"]})
        if refused := bad_ids(ids):
            return refused
        held = self.waiting[queue]
        if what == "add":
            self.waiting[queue] = list(dict.fromkeys([*held, *ids]))
        elif what == "delete":
            self.waiting[queue] = [one for one in held if one not in ids]
        else:
            return Answer(404, {"message": what})
        return TAKEN
