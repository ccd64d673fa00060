"""What a model server answers is hostile: bounded in time and size, and never believed."""

import asyncio
import logging
import math
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from smile_trace.models import Capabilities, ModelUnavailable, Request, openai_wire
from smile_trace.models.base import ScoringModel
from smile_trace.models.embeddings import Embeddings
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.ledger import MemoryCache, MemoryLedger
from smile_trace.models.metered import MeteredModel
from smile_trace.records import Message, Response
from tests.support.hostile_server import ATTACKS, Attack, HostileServer
from tests.support.ledgers import RecordingLedger
from tests.support.planted import serving

KEY = "key-of-no-known-shape/1+2"
PROMPT = "a prompt that nobody else may see"
SECONDS = 1.0
"""The deadline of an attempt."""
QUICK = ("redirect", "too_long", "too_short", "nested", "garbage", "odd_json", "echo")
"""The attacks that are over at once."""
MEGABYTES = 60
"""What Python may allocate meanwhile: a reply of 8 MB, read, decoded and parsed."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LOGIN", KEY)


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """What the client imports on first use takes its time."""
    with serving(lambda prompt: "fine") as server:
        ask(EndpointSettings(base_url=server.base_url))


@pytest.fixture
def elsewhere() -> Iterator[HostileServer]:
    with HostileServer("garbage") as server:
        yield server


def settings(url: str) -> EndpointSettings:
    return EndpointSettings(
        base_url=f"{url}/v1", api_key_env="MODEL_LOGIN", timeout_seconds=SECONDS, retries=0
    )


def ask(how: EndpointSettings) -> Response:
    async def once() -> Response:
        endpoint = Endpoint("m", how)
        try:
            [response] = await endpoint.generate([request()])
            return response
        finally:
            await endpoint.aclose()

    return asyncio.run(once())


def request() -> Request:
    return Request(messages=(Message(role="user", content=PROMPT),))


def said_by(attack: Attack, how: EndpointSettings, *, embeddings: bool) -> str:
    """What people read of an attempt that failed."""
    try:
        if embeddings:
            Embeddings("m", how)([PROMPT])
            return ""
        return ask(how).failure or ""
    except ModelUnavailable as error:
        return str(error)


@pytest.mark.parametrize("embeddings", [False, True], ids=["model", "embeddings"])
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, marks=[] if attack in QUICK else pytest.mark.slow)
        for attack in ATTACKS
        if attack != "infinity"
    ],
)
def test_an_attack_is_a_failure_bounded_in_time_and_memory(
    attack: Attack, embeddings: bool, elsewhere: HostileServer
) -> None:
    with HostileServer(attack, elsewhere=elsewhere.url) as server:
        started = time.monotonic()
        tracemalloc.start()
        try:
            said = said_by(attack, settings(server.url), embeddings=embeddings)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        took = time.monotonic() - started
    assert said
    assert took < SECONDS + 5
    assert peak < MEGABYTES * 10**6
    assert KEY not in said
    assert said.isprintable()
    assert len(said) < 700
    assert elsewhere.requests == []


@pytest.mark.slow
def test_the_next_reply_is_read_after_an_attack() -> None:
    with serving(lambda prompt: "fine") as good:
        for attack in ("drip", "bomb", "nested"):
            with HostileServer(attack) as server:
                assert not ask(settings(server.url)).ok
        assert ask(settings(good.base_url.removesuffix("/v1"))).text == "fine"


def test_a_redirect_within_the_server_is_followed() -> None:
    with serving(lambda prompt: "fine") as good:
        good.faults = [(307, {"location": "/v1/chat/completions"}, {})]
        assert ask(settings(good.base_url.removesuffix("/v1"))).text == "fine"


@pytest.mark.slow
def test_a_larger_reply_is_read_where_the_settings_allow_it() -> None:
    with serving(lambda prompt: "x" * 9_000_000) as server:
        how = settings(server.base_url.removesuffix("/v1"))
        how = how.model_copy(update={"timeout_seconds": 60.0})
        assert "max_reply_mb" in (ask(how).failure or "")
        assert ask(how.model_copy(update={"max_reply_mb": 20.0})).ok


# -- numbers that are none ------------------------------------------------------------------


def test_infinite_log_probabilities_are_dropped_from_an_answer() -> None:
    with HostileServer("infinity") as server:
        response = ask(settings(server.url))
    assert (response.text, response.logprobs, response.tokens) == ("yes", None, None)


def test_an_infinite_score_is_missing_data() -> None:
    async def score(how: EndpointSettings) -> Response:
        endpoint = Endpoint("m", how)
        try:
            [response] = await endpoint.score([request()], "yes")
            return response
        finally:
            await endpoint.aclose()

    with HostileServer("infinity") as server:
        assert not asyncio.run(score(settings(server.url))).ok


class InfiniteModel(ScoringModel):
    """A plug-in that scores without looking."""

    name = "infinite"
    identity = "infinite"
    capabilities = Capabilities(scores_answers=True)

    def deterministic(self, parameters: object) -> bool:
        return True

    async def generate(self, requests: object) -> list[Response]:
        return [Response(text="a", tokens=("a",), logprobs=(-math.inf,))]

    async def score(self, requests: object, answer: str) -> list[Response]:
        return [Response(text=answer, tokens=(answer,), logprobs=(math.nan,))]

    async def aclose(self) -> None:
        """Nothing to close."""


def test_nothing_infinite_reaches_the_cache() -> None:
    cache = MemoryCache()
    model = MeteredModel(InfiniteModel(), ledger=MemoryLedger(9), cache=cache, explanation="e")
    [answer] = asyncio.run(model.generate([request()]))
    [score] = asyncio.run(model.score([request()], "a"))
    assert (answer.ok, answer.logprobs, score.ok) == (True, None, False)
    assert not cache._cached


# -- usage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"input": 3, "output": 4},
        {"prompt_tokens": 3},
        {"prompt_tokens": -3, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": "3", "completion_tokens": 1},
        {"prompt_tokens": 10**18, "completion_tokens": 1},
        {"prompt_tokens": 3, "completion_tokens": None},
        [],
        "many",
    ],
)
def test_usage_that_cannot_be_read_leaves_the_reservation(
    usage: object, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = RecordingLedger()
    reply = {"choices": [{"index": 0, "message": {"content": "fine"}}], "usage": usage}
    with serving(lambda prompt: "") as server, caplog.at_level(logging.WARNING):
        server.faults = [(200, {}, reply), (200, {}, reply)]
        how = settings(server.base_url.removesuffix("/v1"))
        model = MeteredModel(
            Endpoint(f"m {usage}", how), ledger=ledger, cache=MemoryCache(), explanation="e"
        )

        async def twice() -> None:
            await model.generate([request()])
            await model.generate([request().model_copy(update={"replicate": 1})])
            await model.aclose()

        asyncio.run(twice())
    bound = openai_wire.token_bound(server.bodies[0])
    tokens = (bound.input_tokens or 0) + (bound.output_tokens or 0)
    assert ledger.settled == [tokens, tokens]
    assert sum("no readable token counts" in message for message in caplog.messages) == 1
