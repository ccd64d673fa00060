"""The endpoints of Comet that comet_llm and comet_ml call, as they were seen to call them."""

import json
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from smile_trace.records import JSON
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Part, Request
from tests.support.fake_comet.pages import experiment_page, index_page
from tests.support.fake_comet.state import Asset, Experiment, KnownIds

API_KEY_NOT_REGISTERED = 90212
NON_EXISTING_TEAM = 90219
EXPERIMENT_ALREADY_EXISTS = 90999
WRONG_PROJECT_TYPE = 34323
"""Error codes of the real server, as comet_ml lists them."""

REST = "/api/rest/v2/"
CLIENT = "/clientlib/"


class FakeComet(FakeHttpServer):
    """A Comet server in memory.

        with FakeComet() as comet:
            subprocess.run([...], env={**os.environ, **comet.environment})

    Args:
        api_key: the only key that is let in; None lets every key in.
        workspaces: those that exist; the first one is the default.
        known_ids: what a second experiment of the same key does.
        missing: the status for a key that nobody knows; old servers answer 400.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        api_key: str | None = None,
        workspaces: Sequence[str] = ("my-team",),
        known_ids: KnownIds = "overwrite",
        missing: int = 404,
        version: str = "3.45.0",
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(port=port, latency=latency, tls=tls)
        self.api_key = api_key
        self.workspaces = tuple(workspaces)
        self.known_ids = known_ids
        self.missing = missing
        self.version = version
        self.experiments: list[Experiment] = []
        self._routes = self._all_routes()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a process of Comet's clients talks to this server."""
        return {
            "COMET_API_KEY": self.api_key or "fake-key",
            "COMET_URL_OVERRIDE": f"{self.url}{CLIENT}",
        }

    def reset(self) -> None:
        """Forget everything that came, and every fault."""
        self.experiments, self.requests, self.faults = [], [], []
        self.most_in_flight = 0
        self.known_ids = "overwrite"

    # -- for tests ---------------------------------------------------------------------------

    def of_key(self, key: str) -> list[Experiment]:
        """The experiments of that key: one, where nothing went wrong."""
        return [experiment for experiment in self.experiments if experiment.key == key]

    def of_project(self, project: str) -> list[Experiment]:
        """The experiments of a project, oldest first."""
        return [experiment for experiment in self.experiments if experiment.project == project]

    # -- answering ---------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """See `FakeHttpServer`."""
        if request.method == "GET" and not request.path.startswith(("/api/", CLIENT)):
            return self._page(request)
        route = self._routes.get((request.method, request.path))
        if route is None:
            return _error(404, f"no endpoint {request.method} {request.path}")
        given = request.headers.get("Authorization") or _field(request.body, "apiKey")
        if self.api_key is not None and given != self.api_key:
            return _error(401, "the API key is not registered", API_KEY_NOT_REGISTERED)
        return route(request)

    def _all_routes(self) -> dict[tuple[str, str], Callable[[Request], Answer]]:
        return {
            ("GET", "/api/isAlive/ver"): self._version,
            ("GET", f"{CLIENT}isAlive/ver"): self._version,
            ("GET", f"{REST}account-details"): self._account,
            ("POST", f"{REST}write/experiment/llm"): self._write_llm,
            ("GET", f"{REST}experiment/metadata"): self._with(lambda e, r: Answer(body=e.metadata)),
            ("GET", f"{REST}experiment/asset/list"): self._with(_asset_list),
            ("GET", f"{REST}experiment/asset/get-asset"): self._with(_get_asset),
            ("GET", f"{REST}experiment/parameters"): self._with(_parameters),
            ("GET", f"{REST}experiment/log-other"): self._with(_others),
            ("GET", f"{REST}experiment/tags"): self._with(
                lambda e, r: Answer(body={"tags": sorted(e.tags)})
            ),
            ("GET", f"{REST}experiment/html"): self._with(
                lambda e, r: Answer(body={"html": e.html})
            ),
            ("GET", f"{REST}experiment/metrics/summary"): self._with(_metrics_summary),
            ("GET", f"{REST}experiment/metrics/get-metric"): self._with(_metric),
            ("POST", f"{REST}write/experiment/upload-asset"): self._with(_upload),
            ("POST", f"{REST}write/experiment/metric"): self._with(_write_metric),
            ("POST", f"{REST}write/experiment/parameter"): self._with(_write_parameter),
            ("POST", f"{REST}write/experiment/log-other"): self._with(_write_other),
            ("POST", f"{REST}write/experiment/tags"): self._with(_write_tags),
            ("POST", f"{REST}write/experiment/html"): self._with(_write_html),
            ("POST", f"{REST}write/experiments/parameters/delete"): self._delete_parameters,
            ("GET", f"{REST}write/experiment/delete"): self._with(self._delete_experiment),
            ("GET", f"{REST}write/experiment/asset/delete"): self._with(_delete_asset),
            ("GET", f"{REST}project/column-names"): self._columns,
            ("POST", f"{REST}project/query"): self._query,
            ("POST", f"{CLIENT}logger/add/run"): self._add_run,
            ("POST", f"{CLIENT}logger/get/run"): self._with(self._run),
            ("POST", f"{CLIENT}status-report/update"): self._with(_status_report),
            ("POST", f"{CLIENT}status-report/offline-metadata"): self._with(_done),
            ("POST", f"{CLIENT}tags/add-tags-to-experiment"): self._with(_write_tags),
            ("POST", f"{CLIENT}batch/logger/experiment/metric"): self._with(_batch_metrics),
            ("POST", f"{CLIENT}batch/logger/experiment/parameter"): self._with(_batch_parameters),
            ("POST", f"{CLIENT}asset/upload"): self._with(_upload),
        }

    def _with(self, act: Callable[[Experiment, Request], Answer]) -> Callable[[Request], Answer]:
        """An endpoint about one experiment: the newest of its key, as a server that holds
        several would show it."""

        def endpoint(request: Request) -> Answer:
            fields = request.query if isinstance(request.body, list) or not request.body else {}
            key = (
                fields.get("experimentKey")
                or fields.get("experimentId")
                or _field(request.body, "experimentKey")
                or _field(request.body, "previousExperiment")
            )
            found = self.of_key(str(key))
            if not found:
                return _error(self.missing, f"no experiment {key}", 90210)
            return act(found[-1], request)

        return endpoint

    def _version(self, request: Request) -> Answer:
        return Answer(body={"version": self.version})

    def _account(self, request: Request) -> Answer:
        return Answer(body={"userName": "somebody", "defaultWorkspaceName": self.workspaces[0]})

    def _page(self, request: Request) -> Answer:
        key = request.path.rsplit("/", 1)[-1]
        found = self.of_key(key)
        if request.path == "/":
            page = index_page(self.experiments, self.url)
        elif found:
            page = experiment_page(found[-1])
        else:
            return _error(404, "no such page")
        return Answer(body=page, content_type="text/html; charset=utf-8")

    # -- making experiments ------------------------------------------------------------------

    def _write_llm(self, request: Request) -> Answer:
        answers = {}
        for wanted in request.body:
            status, content = self._write_one(wanted)
            answers[wanted["experimentKey"]] = {"status": status, "content": content}
        return Answer(body=answers)

    def _write_one(self, wanted: dict[str, Any]) -> tuple[int, JSON]:
        target = wanted["createExperimentRequest"]
        made = self._make(
            wanted["experimentKey"], target["workspaceName"], target["projectName"], "LLM"
        )
        if isinstance(made, Answer):
            return made.status, made.body
        for parameter in wanted["parameters"]:
            made.parameters[parameter["parameterName"]] = parameter["parameterValue"]
        for metric in wanted["metrics"]:
            made.metrics[metric["metricName"]] = [metric["metricValue"]]
        for other in wanted["others"]:
            made.others[other["key"]] = other["value"]
        made.tags.update(wanted["tags"] or ())
        file = wanted["jsonAsset"]
        made.put(
            Asset(file["fileName"], file["type"], json.dumps(file["file"]).encode()),
            overwrite=True,
        )
        return 200, {"link": f"{self.url}/{made.workspace}/{made.project}/{made.key}"}

    def _make(
        self, key: str, workspace: str | None, project: str | None, kind: str
    ) -> Experiment | Answer:
        workspace, project = workspace or self.workspaces[0], project or "general"
        if workspace not in self.workspaces:
            return _error(400, f"no workspace {workspace}", NON_EXISTING_TEAM)
        if any(e.type != kind for e in self.experiments if e.project == project):
            return _error(400, f"{project} is of another type", WRONG_PROJECT_TYPE)
        if self.of_key(key):
            if self.known_ids == "reject":
                return _error(400, f"experiment {key} exists", EXPERIMENT_ALREADY_EXISTS)
            if self.known_ids == "overwrite":
                self.experiments = [e for e in self.experiments if e.key != key]
        made = Experiment(key, workspace, project, "LLM" if kind == "LLM" else "EXPERIMENT")
        self.experiments.append(made)
        return made

    def _add_run(self, request: Request) -> Answer:
        body = request.body
        known = self.of_key(body["experimentKey"])
        if known and body.get("getOrCreateEnabled"):
            return self._run(known[-1], request)
        if known and body.get("offline"):  # `comet upload` counts on this refusal
            return _error(400, "experiment exists", EXPERIMENT_ALREADY_EXISTS)
        made = self._make(
            body["experimentKey"], body["teamName"], body["projectName"], "EXPERIMENT"
        )
        return made if isinstance(made, Answer) else self._run(made, request)

    def _run(self, experiment: Experiment, request: Request) -> Answer:
        experiment.running = True
        link = f"{self.url}/{experiment.workspace}/{experiment.project}/{experiment.key}"
        return Answer(
            body={
                "runId": f"run-{experiment.key[:6]}",
                "project_id": experiment.metadata["projectId"],
                "focusUrl": f"{link}?",
                "lastOffset": 0,
                "featureToggles": [],
            }
        )

    def _delete_experiment(self, experiment: Experiment, request: Request) -> Answer:
        self.experiments = [e for e in self.experiments if e.key != experiment.key]
        return _done()

    # -- about more than one -----------------------------------------------------------------

    def _delete_parameters(self, request: Request) -> Answer:
        for wanted in request.body:
            for experiment in self.of_key(wanted["experimentKey"]):
                experiment.parameters.pop(wanted["parameterName"], None)
        return _done()

    def _columns(self, request: Request) -> Answer:
        names = {n for e in self.of_project(request.query["projectName"]) for n in e.parameters}
        columns = [{"name": n, "source": "params", "type": "string"} for n in sorted(names)]
        return Answer(body={"columns": columns})

    def _query(self, request: Request) -> Answer:
        rules = [rule for p in request.body["predicates"] for rule in p["query"]["rules"]]
        if any(rule["operator"] != "equal" for rule in rules):
            return _error(400, "only `equal` is known here")
        found = [
            experiment.key
            for experiment in self.of_project(request.body["projectName"])
            if all(str(experiment.parameters.get(r["field"])) == str(r["value"]) for r in rules)
        ]
        return Answer(body={"experimentKeys": found})


def _field(body: Any, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


def _error(status: int, message: str, code: int = 0) -> Answer:
    return Answer(status, {"msg": message, "code": status, "sdk_error_code": code})


def _done(*_: object) -> Answer:
    return Answer(body={"msg": "ok", "code": 200})


def _values(named: dict[str, JSON]) -> Answer:
    now = int(time.time() * 1000)
    return Answer(
        body={
            "values": [
                {"name": name, "valueCurrent": str(value), "timestampCurrent": now}
                for name, value in named.items()
            ]
        }
    )


def _parameters(experiment: Experiment, request: Request) -> Answer:
    return _values(experiment.parameters)


def _others(experiment: Experiment, request: Request) -> Answer:
    return _values(experiment.others)


def _metrics_summary(experiment: Experiment, request: Request) -> Answer:
    return _values({name: values[-1] for name, values in experiment.metrics.items()})


def _metric(experiment: Experiment, request: Request) -> Answer:
    name = request.query["metricName"]
    values = experiment.metrics.get(name, [])
    return Answer(body={"metrics": [{"metricName": name, "metricValue": str(v)} for v in values]})


def _asset_list(experiment: Experiment, request: Request) -> Answer:
    wanted = request.query.get("type", "all")
    chosen = [a.summary for a in experiment.assets if wanted in ("all", a.type)]
    return Answer(body={"assets": chosen})


def _get_asset(experiment: Experiment, request: Request) -> Answer:
    for asset in experiment.assets:
        if asset.id == request.query["assetId"]:
            return Answer(body=asset.content, content_type="application/octet-stream")
    return _error(404, "no such asset")


def _upload(experiment: Experiment, request: Request) -> Answer:
    files: list[Part] = [part for part in request.body if part.name == "file"]
    asset = Asset(request.query["fileName"], request.query.get("type", "asset"), files[0].content)
    experiment.put(asset, overwrite=request.query.get("overwrite", "").lower() == "true")
    return Answer(body={"assetId": asset.id, "msg": "ok", "code": 200})


def _delete_asset(experiment: Experiment, request: Request) -> Answer:
    kept = [asset for asset in experiment.assets if asset.id != request.query["assetId"]]
    if len(kept) == len(experiment.assets):
        return _error(404, "no such asset")
    experiment.assets = kept
    return _done()


def _write_metric(experiment: Experiment, request: Request) -> Answer:
    body = request.body
    experiment.metrics.setdefault(body["metricName"], []).append(body["metricValue"])
    return _done()


def _batch_metrics(experiment: Experiment, request: Request) -> Answer:
    for value in request.body["values"]:
        experiment.metrics.setdefault(value["metricName"], []).append(value["metricValue"])
    return _done()


def _write_parameter(experiment: Experiment, request: Request) -> Answer:
    experiment.parameters[request.body["parameterName"]] = request.body["parameterValue"]
    return _done()


def _batch_parameters(experiment: Experiment, request: Request) -> Answer:
    for value in request.body["values"]:
        experiment.parameters[value["parameterName"]] = value["parameterValue"]
    return _done()


def _write_other(experiment: Experiment, request: Request) -> Answer:
    experiment.others[request.body["key"]] = request.body["value"]
    return _done()


def _write_tags(experiment: Experiment, request: Request) -> Answer:
    experiment.tags.update(request.body["addedTags"])
    return _done()


def _write_html(experiment: Experiment, request: Request) -> Answer:
    body = request.body
    experiment.html = body["html"] if body["override"] else experiment.html + body["html"]
    return _done()


def _status_report(experiment: Experiment, request: Request) -> Answer:
    experiment.running = request.body["is_alive"]
    return Answer(
        body={"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 60000}
    )
