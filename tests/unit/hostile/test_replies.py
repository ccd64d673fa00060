"""A server's reply is a response or a failure, whatever it holds."""

import json

import pytest

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.models import ModelUnavailable, openai_wire, retry
from smile_trace.models.embeddings import Embeddings
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.transport import Item
from smile_trace.models.transport import read_reply as read_responses
from tests.support.hostile import PLACE, places, small_values, with_value
from tests.support.planted import serving
from tests.support.readers.model_replies import REPLY, REQUEST, read_reply


@pytest.mark.parametrize("name", small_values())
def test_a_hostile_value_at_every_place_of_a_reply(name: str) -> None:
    for changed in places(REPLY):
        try:
            reply = foreign.clean(json.loads(with_value(changed, small_values()[name])))
        except (ForeignDataError, ValueError, RecursionError):
            continue  # the client's, or the gate's
        read_reply(reply)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"9" * 400, "more than 64 bits"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b'"-Infinity"', "not a JSON number"),
    ],
)
async def test_a_reply_beyond_all_bounds_is_a_failure(
    value: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    reply = {"choices": [{"message": {"content": "a"}, "logprobs": {"content": []}}]}
    reply["choices"][0]["logprobs"]["content"] = [{"token": "a", "logprob": PLACE}]  # type: ignore[index]
    with serving(lambda prompt: "fine") as server:
        server.faults = [(200, {}, with_value(reply, value))]
        model = Endpoint("m", EndpointSettings(base_url=server.base_url))
        [bad] = await model.generate([REQUEST])
        assert said in (bad.failure or "")
        [good] = await model.generate([REQUEST])
        assert good.text == "fine"


@pytest.mark.parametrize("value", [b"1e999", b"-Infinity", b"NaN", b"null"])
async def test_a_log_probability_that_is_none_costs_no_answer(value: bytes) -> None:
    reply = {"choices": [{"message": {"content": "a"}, "logprobs": {"content": []}}]}
    reply["choices"][0]["logprobs"]["content"] = [{"token": "a", "logprob": PLACE}]  # type: ignore[index]
    with serving(lambda prompt: "fine") as server:
        server.faults = [(200, {}, with_value(reply, value))]
        model = Endpoint("m", EndpointSettings(base_url=server.base_url))
        [response] = await model.generate([REQUEST])
    assert (response.text, response.logprobs) == ("a", None)


def test_half_a_character_in_a_reply_is_replaced() -> None:
    reply = json.loads('{"choices":[{"message":{"content":"so \\ud83d!"}}]}')
    item = Item(REQUEST, "/c", {})
    [response] = read_responses(openai_wire.responses, foreign.clean(reply), [item])
    assert response.text == "so \ufffd!"
    response.model_dump_json()


@pytest.mark.parametrize(
    "value",
    [b"1e999", b"NaN", b"9" * 400, b"[" * 100 + b"]" * 100, b'"nan"', b"[[1]]", b"1", b"null"],
)
def test_hostile_embeddings(value: bytes) -> None:
    reply = {"data": [{"index": 0, "embedding": [PLACE]}]}
    with serving(lambda prompt: "") as server:
        server.faults = [(200, {}, with_value(reply, value))]
        embed = Embeddings("e", EndpointSettings(base_url=server.base_url, retries=0))
        if value == b"1":
            assert embed(["a"]).shape == (1, 1)
        else:
            with pytest.raises(ModelUnavailable):
                embed(["a"])
