"""The part of a fake Langfuse that holds annotation queues and score configs, and lists scores.

Source: Langfuse 4.16, `web/src/features/public-api/types/annotation-queues.ts`,
`packages/shared/src/features/scores/scoreConfigTypes.ts`, `interfaces/api/v3/` there, and
`web/src/pages/api/public/`.
"""

import base64
import json
import math
import uuid
from typing import Any

from smile_trace_contracts.fake_http_server import Answer, Request
from tests.support.fake_langfuse import Refused

AT = "2026-11-27T10:00:00.000Z"
OBJECTS = ("TRACE", "OBSERVATION", "SESSION")
STATES = ("PENDING", "COMPLETED")
FIELDS = {"core", "details", "subject", "annotation"}
SCORES = {
    *("limit", "cursor", "fields", "id", "name", "source", "dataType", "environment", "configId"),
    *("queueId", "authorUserId", "value", "valueMin", "valueMax", "traceId", "sessionId"),
    *("observationId", "experimentId", "fromTimestamp", "toTimestamp"),
}
"""The parameters of the list of scores; any other is refused."""
LISTS = {"name", "source", "queueId", "traceId", "authorUserId"}
"""Those of them that this fake knows: texts with commas between them."""

Item = dict[str, Any]


class FakeQueues:
    """Queues and score configs by id; the items of each queue by id. Of a name there may be many
    configs, and a trace may be an item of a queue many times."""

    def __init__(self) -> None:
        self.queues: dict[str, Item] = {}
        self.items: dict[str, dict[str, Item]] = {}
        self.configs: dict[str, Item] = {}

    def config_of(self, queue: str, name: str) -> Item:
        """The score config of that name that a queue asks."""
        asked = [self.configs[one] for one in self.queues[queue]["scoreConfigIds"]]
        [config] = [config for config in asked if config["name"] == name]
        return config

    def answer(self, parts: list[str], request: Request) -> Answer | None:
        """The answer at a path; None where there is no such endpoint."""
        match request.method, parts:
            case "GET", ["score-configs"]:
                return _page(self.configs, request.query)
            case "POST", ["score-configs"]:
                return self._define(request.body)
            case "GET", ["annotation-queues"]:
                return _page(self.queues, request.query)
            case "POST", ["annotation-queues"]:
                return self._make(request.body)
            case _, ["annotation-queues", queue, "items", *_] if queue not in self.queues:
                return Answer(404, {"message": "Annotation queue not found"})
            case "GET", ["annotation-queues", queue, "items"]:
                return _page(self.items[queue], request.query)
            case "POST", ["annotation-queues", queue, "items"]:
                return self._add(queue, request.body)
            case "DELETE", ["annotation-queues", queue, "items", item]:
                if self.items[queue].pop(item, None) is None:
                    return Answer(404, {"message": "Annotation queue item not found"})
                return Answer(200, {"success": True, "message": "deleted"})
        return None

    def _define(self, body: Any) -> Answer:
        check(body, {"name": str, "description": str, "dataType": str, "categories": list})
        if not {"name", "dataType"} <= body.keys() or not 1 <= len(body["name"]) <= 35:
            raise Refused("name")
        if body["dataType"] != "CATEGORICAL":
            raise Refused("only categories are asked for here")
        for one in body["categories"]:
            check(one, {"label": str, "value": (int, float)})
        for name in ("label", "value"):
            if len({one[name] for one in body["categories"]}) < len(body["categories"]):
                raise Refused(f"Duplicate category {name}")
        config = {"description": None, "minValue": None, "maxValue": None, **body}
        return _kept(self.configs, {**config, "isArchived": False, "projectId": "project"})

    def _make(self, body: Any) -> Answer:
        check(body, {"name": str, "description": str, "scoreConfigIds": list})
        if not {"name", "scoreConfigIds"} <= body.keys() or not body["scoreConfigIds"]:
            raise Refused("scoreConfigIds")
        if any(queue["name"] == body["name"] for queue in self.queues.values()):
            return Answer(409, {"message": "A queue with this name already exists."})
        if any(one not in self.configs for one in body["scoreConfigIds"]):
            raise Refused("At least one of the score config IDs cannot be found")
        made = _kept(self.queues, {"description": None, **body})
        self.items[list(self.queues)[-1]] = {}
        return made

    def _add(self, queue: str, body: Any) -> Answer:
        check(body, {"objectId": str, "objectType": str, "status": str})
        if not {"objectId", "objectType"} <= body.keys():
            raise Refused("objectId, objectType")
        if body["objectType"] not in OBJECTS or body.get("status", "PENDING") not in STATES:
            raise Refused("no such value")
        more = {"queueId": queue, "status": "PENDING", "completedAt": None}
        return _kept(self.items[queue], {**more, **body})


def check(body: Any, fields: dict[str, Any]) -> None:
    """Known fields of the right types; arrays are refused, as this version does."""
    if not isinstance(body, dict):
        raise Refused("no object")
    for name, value in body.items():
        if name not in fields or not isinstance(value, fields[name]):
            raise Refused(name)


def listed_scores(scores: dict[str, Item], query: dict[str, str]) -> Item:
    """A page of `GET /api/public/v3/scores`, the latest id first: all have the same time."""
    if unknown := query.keys() - SCORES:
        raise Refused(f"unknown {unknown}")
    limit = int(query.get("limit", 50))
    fields = set(query.get("fields", "core").split(","))
    if not 1 <= limit <= 100 or not fields <= FIELDS:
        raise Refused("limit, fields")
    if unknown := query.keys() - LISTS - {"limit", "fields", "cursor"}:
        raise NotImplementedError(f"the fake does not know {unknown}")
    wanted = {name: set(query[name].split(",")) for name in LISTS & query.keys()}
    if not wanted.get("source", set()) <= {"API", "EVAL", "ANNOTATION"}:
        raise Refused("source")
    found = sorted(
        (
            (one, score)
            for one, score in scores.items()
            if all({"source": "API", **score}.get(name) in of for name, of in wanted.items())
        ),
        reverse=True,
    )
    if cursor := query.get("cursor"):
        last = json.loads(base64.urlsafe_b64decode(cursor))["lastId"]
        found = [(one, score) for one, score in found if one < last]
    meta: Item = {"limit": limit}
    if len(found) > limit:
        last = {"lastTimestamp": AT, "lastId": found[limit - 1][0]}
        meta["cursor"] = base64.urlsafe_b64encode(json.dumps(last).encode()).decode()
    return {"data": [_score(one, score, fields) for one, score in found[:limit]], "meta": meta}


def _score(score_id: str, score: Item, fields: set[str]) -> Item:
    core = {name: score[name] for name in ("name", "value", "dataType")}
    given = {"id": score_id, "projectId": "project", "source": "API", "environment": "default"}
    times = {"timestamp": AT, "createdAt": AT, "updatedAt": score.get("updatedAt", AT)}
    shown: Item = {**given, **times, **core, "source": score.get("source", "API")}
    if "details" in fields:
        details = {name: score.get(name) for name in ("comment", "configId")}
        shown["details"] = {**details, "metadata": {}}
    if "subject" in fields:
        shown["subject"] = {"kind": "trace", "id": score["traceId"]}
        if one := score.get("observationId"):
            shown["subject"] = {"kind": "observation", "id": one, "traceId": score["traceId"]}
    if "annotation" in fields:
        shown["annotation"] = {name: score.get(name) for name in ("authorUserId", "queueId")}
    return shown


def _kept(held: dict[str, Item], item: Item) -> Answer:
    made = str(uuid.uuid4())
    held[made] = {"id": made, **item, "createdAt": AT, "updatedAt": AT}
    return Answer(200, held[made])


def _page(held: dict[str, Item], query: dict[str, str]) -> Answer:
    """A page, the newest first."""
    if query.keys() - {"page", "limit"}:
        raise Refused(f"unknown {query}")
    number, limit = int(query.get("page", 1)), int(query.get("limit", 50))
    if number < 1 or not 1 <= limit <= 100:
        raise Refused("page, limit")
    found = list(held.values())[::-1]
    pages = math.ceil(len(found) / limit)
    meta = {"page": number, "limit": limit, "totalItems": len(found), "totalPages": pages}
    return Answer(200, {"data": found[(number - 1) * limit : number * limit], "meta": meta})
