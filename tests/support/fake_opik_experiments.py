"""The part of a fake Opik that holds datasets and experiments.

As opik 2.2.122 asks (`rest_api`), refusing what Opik's backend refuses; and where that one would
take an experiment's item of nothing, here it is refused, too.
"""

import time
import uuid
from collections.abc import Mapping, MutableMapping
from typing import Any

from smile_trace_contracts.fake_http_server import Answer, Request

TAKEN = Answer(204)
Kept = dict[str, dict[str, Any]]


class FakeExperiments:
    """Datasets by (project, name); their items, the experiments and those items, by id."""

    def __init__(self, traces: MutableMapping[str, dict[str, Any]]) -> None:
        self.datasets: dict[tuple[str, str], dict[str, Any]] = {}
        self.items: Kept = {}
        self.experiments: Kept = {}
        self.experiment_items: Kept = {}
        self._traces = traces

    def answer(self, name: str, request: Request) -> Answer | None:
        """The answer to `METHOD path`; None where there is no such endpoint."""
        if name.startswith("GET datasets/") and name.endswith("/items"):
            dataset = name.removeprefix("GET datasets/").removesuffix("/items")
            found = [i for i in self.items.values() if i["dataset_id"] == dataset]
            return page(found, request.query, set())
        route = {
            "POST datasets": self._make_dataset,
            "POST datasets/retrieve": self._find_dataset,
            "POST datasets/delete-batch": self._delete_datasets,
            "PUT datasets/items": self._put_items,
            "POST datasets/items/delete": self._delete_items,
            "GET experiments": self._list,
            "POST experiments": self._make_experiment,
            "POST experiments/items": self._put_experiment_items,
            "POST experiments/delete": self._delete_experiments,
        }.get(name)
        return route(request.body or request.query) if route else None

    def _make_dataset(self, body: dict[str, Any]) -> Answer:
        key = (body["project_name"], body["name"])
        if not body["name"].strip():
            return Answer(422, {"errors": ["name must not be blank"]})
        if key in self.datasets:
            return Answer(409, {"errors": ["Dataset already exists"]})
        self.datasets[key] = {**body, "id": new_id()}
        return Answer(201)

    def _find_dataset(self, body: dict[str, Any]) -> Answer:
        found = self.datasets.get((body["project_name"], body["dataset_name"]))
        return Answer(200, found) if found else Answer(404, {"errors": ["Dataset not found"]})

    def _delete_datasets(self, body: dict[str, Any]) -> Answer:
        if refused := bad_size(body["ids"]):
            return refused
        self.datasets = {k: d for k, d in self.datasets.items() if d["id"] not in body["ids"]}
        return TAKEN

    def _put_items(self, body: dict[str, Any]) -> Answer:
        key = (body.get("project_name", ""), body.get("dataset_name", ""))
        dataset = body.get("dataset_id") or self.datasets.get(key, {}).get("id")
        if dataset not in {one["id"] for one in self.datasets.values()}:
            return Answer(404, {"errors": ["Dataset not found"]})
        if refused := bad_size(body["items"]) or bad_ids(i["id"] for i in body["items"]):
            return refused
        for item in body["items"]:
            if item["source"] not in ("manual", "trace", "span", "sdk") or not item["data"]:
                return Answer(422, {"errors": ["source or data"]})
            if self.items.get(item["id"], {"dataset_id": dataset})["dataset_id"] != dataset:
                return Answer(409, {"errors": ["dataset item in another dataset"]})
            self.items[item["id"]] = {**item, "dataset_id": dataset}
        return TAKEN

    def _delete_items(self, body: dict[str, Any]) -> Answer:
        if refused := bad_size(body["item_ids"]):
            return refused
        self.items = {i: item for i, item in self.items.items() if i not in body["item_ids"]}
        return TAKEN

    def _list(self, query: Mapping[str, str]) -> Answer:
        found = [e for e in self.experiments.values() if e["dataset_id"] == query["datasetId"]]
        return page(found, query, {"datasetId"})

    def _make_experiment(self, body: dict[str, Any]) -> Answer:
        """One of a known id stays as it is."""
        if refused := bad_ids([body["id"]]):
            return refused
        if body["type"] not in ("regular", "trial", "mini-batch", "mutation"):
            return Answer(400, {"message": f"type {body['type']}"})
        if body.get("status", "completed") not in ("running", "completed", "cancelled", "failed"):
            return Answer(400, {"message": f"status {body['status']}"})
        if any(score.keys() != {"name", "value"} for score in body.get("experiment_scores", ())):
            return Answer(422, {"errors": ["experiment_scores"]})
        dataset = self.datasets[body["project_name"], body["dataset_name"]]["id"]
        self.experiments.setdefault(body["id"], {**body, "dataset_id": dataset})
        return Answer(201)

    def _put_experiment_items(self, body: dict[str, Any]) -> Answer:
        items = body["experiment_items"]
        ids = (i[k] for i in items for k in ("id", "experiment_id", "dataset_item_id", "trace_id"))
        if refused := bad_size(items) or bad_ids(ids):
            return refused
        for item in items:
            if item["experiment_id"] not in self.experiments:
                return Answer(409, {"errors": ["'experiment_id' not of the workspace"]})
            if item["dataset_item_id"] not in self.items or item["trace_id"] not in self._traces:
                return Answer(409, {"errors": ["'dataset_item_id' not of the workspace"]})
            self.experiment_items[item["id"]] = item
        return TAKEN

    def _delete_experiments(self, body: dict[str, Any]) -> Answer:
        """With their items; the traces of these stay."""
        if refused := bad_size(body["ids"]):
            return refused
        gone = set(body["ids"])
        self.experiments = {i: e for i, e in self.experiments.items() if i not in gone}
        kept = self.experiment_items.items()
        self.experiment_items = {i: e for i, e in kept if e["experiment_id"] not in gone}
        return TAKEN


def new_id() -> str:
    """A UUID of version 7, of now."""
    now = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=now << 80 | 0x7 << 76 | 0x2 << 62 | uuid.uuid4().int & (1 << 62) - 1))


def bad_size(items: list[Any]) -> Answer | None:
    """What is said of a request with nothing in it, or with too much."""
    if 1 <= len(items) <= 1000:
        return None
    return Answer(422, {"errors": ["size must be between 1 and 1000"]})


def bad_ids(ids: Any) -> Answer | None:
    """What is said of ids that are none of version 7, or are of the future."""
    for one in map(uuid.UUID, ids):
        if one.version != 7 or one.int >> 80 > time.time_ns() // 1_000_000 + 1000:
            return Answer(400, {"message": f"{one} must be a version 7 UUID, not of the future"})
    return None


def page(found: list[dict[str, Any]], query: Mapping[str, str], others: set[str]) -> Answer:
    """A page, the latest id first."""
    if query.keys() != {"page", "size", *others}:
        return Answer(400, {"message": f"invalid parameters {sorted(query)}"})
    number, size = int(query["page"]), int(query["size"])
    found = sorted(found, key=lambda item: str(item["id"]), reverse=True)
    content = found[(number - 1) * size : number * size]
    about = {"page": number, "size": len(content), "total": len(found), "content": content}
    return Answer(200, about)
