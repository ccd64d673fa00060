"""Embeddings from an endpoint."""

import numpy as np
import pytest

import smile_trace
from smile_trace.errors import BudgetExceeded
from smile_trace.models import ModelUnavailable, retry
from smile_trace.models.embeddings import Embeddings
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.registry import NoModel, open_embeddings
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.planted import PlantedModel, serving


@pytest.fixture
def server():
    with serving(lambda prompt: "") as running:
        yield running


def test_each_distinct_text_is_embedded_once(server):
    embed = Embeddings("e", EndpointSettings(base_url=server.base_url, model="there"))
    vectors = embed(["net", "", "ten", "net"])
    assert vectors.shape == (4, 9)
    assert not vectors[1].any()
    assert np.array_equal(vectors[0], vectors[2])
    embed(["net", "sea"])
    assert [body["input"] for body in server.bodies] == [["net", "ten"], ["sea"]]
    assert server.bodies[0]["model"] == "there"
    assert "authorization" not in server.headers[0]
    assert embed([]).shape == (0, 1)


def test_many_texts_are_split_into_requests(server):
    embed = Embeddings("e", EndpointSettings(base_url=server.base_url))
    assert embed([f"t{i}" for i in range(600)]).shape == (600, 9)
    assert [len(body["input"]) for body in server.bodies] == [256, 256, 88]


@pytest.mark.parametrize(
    "fault",
    [
        (401, {}, {"error": {"message": "no"}}),
        (200, {}, {"data": []}),
        (200, {}, {"nothing": 1}),
        (200, {}, {"data": [{"index": 0, "embedding": "x"}]}),
    ],
)
def test_a_failure_says_what_to_do(server, fault):
    server.faults = [fault]
    with pytest.raises(ModelUnavailable):
        Embeddings("e", EndpointSettings(base_url=server.base_url, retries=0))(["a"])


def test_the_settings_name_the_embeddings_model(server):
    endpoint = EndpointSettings(base_url=server.base_url)
    settings = Settings(models={"e": endpoint}, explain={"embeddings": "e"})
    assert open_embeddings(settings) is open_embeddings(settings)
    assert open_embeddings(Settings()) is None
    with pytest.raises(NoModel, match="endpoint"):
        open_embeddings(Settings(models={"e": {"kind": "local"}}, explain={"embeddings": "e"}))


def test_an_explanation_uses_the_embeddings(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    (tmp_path / "smile_trace.toml").write_text(
        f'[models.e]\nkind = "endpoint"\nbase_url = "{server.base_url}"\n'
        '[explain]\nembeddings = "e"\n'
    )
    model = PlantedModel(lambda prompt: "sea" if "blue" in prompt else "hill")
    explanation = smile_trace.explain("a blue thing", model=model, signal="text")
    assert explanation.ranked[0].text == "blue"
    assert any("sea" in body["input"] for body in server.bodies)


def test_attempts_are_metered_and_vectors_cached(server, tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    store = Store.open(Settings(home=tmp_path))
    server.faults = [(503, {}, {"error": {"message": "busy"}}), (0, {}, None)]
    settings = EndpointSettings(base_url=server.base_url)
    embed = Embeddings("e", settings).paid_from(store.ledger, store.responses, "call")
    vectors = embed(["net", "sea"])
    spent = store.ledger.spent("model", f"{store.ledger.today()}/e")
    # the refusal cost nothing; what the broken connection used nobody knows: six bytes
    assert (spent.calls, spent.tokens, len(server.bodies)) == (3, 6 + 6, 3)
    assert store.ledger.spent("explanation", "call") == spent.model_copy(update={"calls": 2})
    again = Embeddings("e", settings).paid_from(store.ledger, store.responses, "another")
    assert np.array_equal(again(["sea", "net"]), vectors[::-1])
    assert len(server.bodies) == 3
    store.close()


def test_a_cap_holds_for_embeddings(server, tmp_path):
    endpoint = EndpointSettings(base_url=server.base_url, calls_per_day=1)
    with Store.open(Settings(home=tmp_path, models={"e": endpoint})) as store:
        embed = Embeddings("e", endpoint).paid_from(store.ledger, store.responses, "call")
        embed(["net"])
        with pytest.raises(BudgetExceeded, match="'e' is used up"):
            embed(["sea"])
        assert len(server.bodies) == 1


def test_an_unreachable_server_is_named_in_the_error():
    embed = Embeddings("e", EndpointSettings(base_url="http://127.0.0.1:9/v1", retries=0))
    with pytest.raises(ModelUnavailable) as raised:
        embed(["net"])
    assert raised.value.model == "e"
