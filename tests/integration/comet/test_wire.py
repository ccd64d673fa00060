"""The fake server takes what the real clients were seen to send; ours has the shape of theirs."""

import json
from typing import Any

import httpx
import pytest

from smile_trace_comet import CometTracker, sdk
from tests.support.comet_samples import captured, explained, nested_trace, prompt_trace
from tests.support.fake_comet import Experiment, FakeComet
from tests.support.paths import DATA

WIRE = DATA / "comet_wire"
RECORDINGS = sorted(path.name for path in WIRE.glob("*.json") if not path.name.startswith("opik"))
UNUSED = ("/clientlib/visualizations/upload",)
"""Recorded, but nothing of ours makes the real client call it."""


def recorded(name: str) -> list[dict[str, Any]]:
    return json.loads((WIRE / name).read_text())


def key_in(request: dict[str, Any]) -> str | None:
    body = request["body"] if isinstance(request["body"], dict) else {}
    query = request["query"]
    return body.get("experimentKey") or query.get("experimentKey") or query.get("experimentId")


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_request_is_understood(name: str) -> None:
    with FakeComet(api_key="testkey", workspaces=["ws"]) as server, httpx.Client() as client:
        for request in recorded(name):
            if request["path"] in UNUSED:
                continue
            makes = request["path"].endswith(("write/experiment/llm", "logger/add/run"))
            key = key_in(request)
            if key and not makes and not server.of_key(key):
                server.experiments.append(Experiment(key, "ws", "pr", "LLM"))
            query = dict(request["query"])
            if "assetId" in query and server.of_key(str(key))[-1].assets:
                query["assetId"] = server.of_key(str(key))[-1].assets[0].id
            sent: dict[str, Any] = {"json": request["body"]} if request["body"] else {}
            if isinstance(request["body"], list) and "name" in request["body"][0]:
                sent = {"files": {p["name"]: (p["filename"], p["text"]) for p in request["body"]}}
            response = client.request(
                request["method"],
                server.url + request["path"],
                params=query,
                headers={"Authorization": "testkey"},
                **sent,
            )
            expected = 404 if request["path"].endswith("get-asset") and not assets(server) else 200
            assert response.status_code == expected, (request["path"], response.text)


def assets(server: FakeComet) -> list[Any]:
    return [asset for experiment in server.experiments for asset in experiment.assets]


def shape(value: Any) -> Any:
    """The names in a document, without its values; of a list, those of its first element."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def write_llm(requests: list[Any]) -> dict[str, Any]:
    (body,) = [r for r in requests if r["path"].endswith("write/experiment/llm")]
    return body["body"][0]


def ours(server: FakeComet) -> dict[str, Any]:
    return write_llm([{"path": r.path, "body": r.body} for r in server.requests])


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("comet_llm_log_prompt_v2.json", prompt_trace(1)),
        ("comet_llm_chain_v2.json", nested_trace(1)),
    ],
)
def test_a_trace_has_the_shape_that_comet_llm_gives_it(
    comet_server: FakeComet, tracker: CometTracker, name: str, trace: Any
) -> None:
    tracker.deliver_traces(captured(trace))
    sent, theirs = ours(comet_server), write_llm(recorded(name))
    assert set(sent) == set(theirs)
    for part in ("createExperimentRequest", "jsonAsset"):
        assert set(sent[part]) == set(theirs[part])
    for part in ("parameters", "metrics"):
        assert set(sent[part][0]) == set(theirs[part][0])
    assert sent["createExperimentRequest"]["type"] == "LLM"
    document, their_document = sent["jsonAsset"]["file"], theirs["jsonAsset"]["file"]
    assert set(document) == set(their_document)
    assert document["version"] == their_document["version"]
    assert document["category"] == their_document["category"]
    node, their_node = document["chain_nodes"][0], their_document["chain_nodes"][0]
    assert set(node) == set(their_node)
    for field in ("id", "start_timestamp", "end_timestamp", "parent_ids", "name", "category"):
        assert type(node[field]) is type(their_node[field])
    if document["category"] == "single_prompt":
        assert set(document["chain_inputs"]) == set(their_document["chain_inputs"])
        assert set(document["chain_outputs"]) == set(their_document["chain_outputs"])


def test_the_broken_methods_of_comet_llm_are_never_called(
    comet_server: FakeComet, tracker: CometTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk.load()
    from comet_llm.api_objects.llm_trace_api import LLMTraceAPI  # type: ignore[import-untyped]

    def broken(*_: object, **__: object) -> None:
        raise AssertionError("this method loses parameters")

    monkeypatch.setattr(LLMTraceAPI, "log_metadata", broken)
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace)])
    tracker.deliver_traces(captured(trace))
    assert not any(r.path.endswith("parameters/delete") for r in comet_server.requests)
