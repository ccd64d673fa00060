"""The endpoint against a planted server: requests, replies, retries."""

import socket
from itertools import product

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.models import ModelUnavailable, Request, retry
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings, _account
from smile_trace.models.openai_wire import batches, token_bound
from smile_trace.models.retry import MAX_WAIT, Failure, backoff, pause_before_retry, rejection
from smile_trace.models.transport import Item
from smile_trace.records import Message, Usage
from smile_trace.records.formats.answers import read_refusal
from tests.support.planted import PlantedServer, serving

pytestmark = pytest.mark.thorough


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with serving(lambda prompt: f"<{prompt}>") as running:
        yield running


def endpoint(server: PlantedServer, **settings) -> Endpoint:
    return Endpoint("captured", EndpointSettings(base_url=server.base_url, **settings))


def ask(*texts: str, form="chat", replicate=0, **parameters) -> Request:
    messages = tuple(Message(role="user", content=text) for text in texts)
    return Request(messages=messages, form=form, parameters=parameters, replicate=replicate)


async def test_messages_are_sent_exactly_and_answers_are_in_order(server):
    model = endpoint(server)
    messages = (
        Message(role="system", content=" two  spaces "),
        Message(role="user", content='{braces} "quotes" \x00 \x1b[31m 👩‍👩‍👧 עברית'),
        Message(role="assistant", content=""),
        Message(role="user", content="the the"),
    )
    got = await model.generate([Request(messages=messages), ask("a"), ask("b"), ask("a")])
    sent = {"role": [m.role for m in messages], "content": [m.content for m in messages]}
    full = next(body for body in server.bodies if len(body["messages"]) == 4)
    assert [m["role"] for m in full["messages"]] == sent["role"]
    assert [m["content"] for m in full["messages"]] == sent["content"]
    assert [r.text for r in got[1:]] == ["<a>", "<b>", "<a>"]
    assert len(server.bodies) == 4


async def test_the_calls_own_parameters_pass_through(server):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    asked = ask(
        "a", temperature=0.3, top_p=0.9, stop=["x"], seed=5, n=3, stream=True, tools=tools, k=None
    )
    again = asked.model_copy(update={"replicate": 2})
    await endpoint(server, model="there").generate([asked])
    await endpoint(server, model="there").generate([again])
    first, second = server.bodies
    assert first == {
        "model": "there",
        "messages": [{"role": "user", "content": "a"}],
        "temperature": 0.3,
        "top_p": 0.9,
        "stop": ["x"],
        "seed": 5,
        "tools": tools,
        "max_tokens": 256,
    }
    assert second == {**first, "seed": 7}


@pytest.mark.parametrize("nonsense", [0, -1, "many", None, [1]])
async def test_an_invalid_limit_is_replaced(server, nonsense):
    await endpoint(server, max_tokens=9).generate([ask("a", max_tokens=nonsense)])
    assert server.bodies[0]["max_tokens"] == 9


async def test_the_settings_decide_the_form(server):
    chat = ask("a", "b", tools=[{}], max_completion_tokens=7)
    [response] = await endpoint(server, form="completion").generate([chat])
    assert response.text == "<a\nb>"
    assert server.bodies == [{"model": "captured", "prompt": "a\nb", "max_tokens": 7}]


async def test_a_list_of_completions_shares_requests(server):
    model = endpoint(server, list_requests=True, form="completion")
    texts = [f"p{i}" for i in range(20)]
    got = await model.generate([ask(t) for t in texts] + [ask("other", temperature=1)])
    assert [r.text for r in got] == [f"<{t}>" for t in texts] + ["<other>"]
    assert sorted(len(b["prompt"]) for b in server.bodies if isinstance(b["prompt"], list)) == [
        4,
        16,
    ]


async def test_retries_are_limited(server):
    server.faults = [(500, {}, {"error": {"message": "broken"}})] * 9
    [response] = await endpoint(server, retries=2).generate([ask("a")])
    assert response.failure == "HTTP 500: broken"
    assert response.text is None
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "code"), [(401, None), (403, None), (404, None), (429, "insufficient_quota")]
)
async def test_a_refused_key_or_model_is_permanent_and_raised(server, status, code):
    server.faults = [(status, {}, {"error": {"message": "no", "code": code}})] * 50
    with pytest.raises(ModelUnavailable) as caught:
        await endpoint(server, concurrency=2).generate([ask(str(i)) for i in range(50)])
    assert caught.value.permanent
    assert len(server.bodies) <= 4


@pytest.mark.parametrize(
    "error",
    [
        {"message": "x", "code": "context_length_exceeded"},
        {"message": "x", "type": "exceed_context_size_error"},
        {"message": "This model's maximum context length is 4096 tokens."},
    ],
)
async def test_a_prompt_that_is_too_long_says_so(server, error):
    server.faults = [(400, {}, {"error": error})]
    [response] = await endpoint(server).generate([ask("a")])
    assert response.failure == "prompt longer than the model's context"


async def test_an_unreachable_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        model = Endpoint("captured", EndpointSettings(base_url=url, retries=0))
        with pytest.raises(ModelUnavailable, match="does not answer") as caught:
            await model.generate([ask("a")])
    assert not caught.value.permanent


async def test_a_timeout_is_a_failure(server):
    import threading

    gate = threading.Event()
    server.function = lambda prompt: str(gate.wait(5))
    try:
        model = endpoint(server, timeout_seconds=0.2, retries=0)
        [response] = await model.generate([ask("a")])
    finally:
        gate.set()
    assert response.failure == "no answer within 0.2 seconds"


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>hello</html>",
        b"",
        {"choices": []},
        {"choices": [3]},
        {"choices": "x"},
        {"choices": [{"message": 7}]},
        {"choices": [{"message": {"content": 7}}]},
        [],
        [1],
        7,
    ],
)
async def test_a_malformed_reply_is_a_failure(server, reply):
    server.faults = [(200, {}, reply)]
    [response] = await endpoint(server, retries=0).generate([ask("a")])
    assert not response.ok


AZURE = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
    "management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation"},
}


async def test_a_prompt_that_a_content_filter_keeps_back_is_refused(server):
    server.faults = [(400, {}, {"error": AZURE})]
    model = endpoint(server)
    [response] = await model.generate([ask("a")])
    assert read_refusal(response.text or "") == ""
    assert response.finish_reason == "content_filter"
    bound = token_bound(server.bodies[0])
    assert response.usage == Usage(input_tokens=bound.input_tokens, output_tokens=0)
    server.faults = [(400, {}, {"error": AZURE})]
    [scored] = await model.score([ask("b")], "Yes")
    assert not scored.ok, "what is to be scored is missing"
    assert len(server.bodies) == 2, "neither is asked again"


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
async def test_a_response_without_an_answer_is_a_failure(server, status):
    server.paths = {"/v1/responses"}
    error = {"code": "server_error", "message": "It broke."} if status == "failed" else None
    reply = {"id": "resp_1", "object": "response", "status": status, "error": error, "output": []}
    server.faults = [(200, {}, reply)]
    [response] = await endpoint(server, retries=0).generate([ask("a", form="responses")])
    why = f"the server's response is {status}" + (": It broke." if error else "")
    assert response.failure == why


async def test_invalid_unicode_fails_only_its_own_request(server):
    got = await endpoint(server).generate([ask("a \ud800"), ask("b")])
    assert "Unicode" in got[0].failure
    assert got[1].text == "<b>"


async def test_concurrency_is_bounded(server):
    import time

    server.function = lambda prompt: time.sleep(0.02) or "x"
    await endpoint(server, concurrency=3).generate([ask(str(i)) for i in range(12)])
    assert server.max_in_flight == 3


async def test_the_key_is_sent_and_never_shown(server, monkeypatch):
    monkeypatch.setenv("A_KEY", "sk-secret-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-users-own")
    model = endpoint(server, api_key_env="A_KEY")
    server.faults = [None, (401, {}, {"error": {"message": "bad key sk-secret-1"}})]
    await model.generate([ask("a")])
    with pytest.raises(ModelUnavailable) as caught:
        await model.generate([ask("a")])
    assert server.headers[0]["authorization"] == "Bearer sk-secret-1"
    assert "sk-secret-1" not in f"{caught.value} {model!r} {model.identity} {model.__dict__}"
    await endpoint(server).generate([ask("a")])
    assert "authorization" not in server.headers[-1], "none is sent without one"
    assert "sk-users-own" not in str(server.headers)


async def test_whom_to_charge_is_told_to_openai_alone(server, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.delenv("OPENAI_PROJECT_ID", raising=False)
    assert _account("https://api.openai.com/v1") == {"OpenAI-Organization": "org-1"}
    await endpoint(server).generate([ask("a")])
    assert "org-1" not in str(server.headers)


def test_a_key_that_is_not_set(monkeypatch):
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(SmileTraceError, match="set the environment variable A_KEY"):
        Endpoint("m", EndpointSettings(base_url="http://127.0.0.1:1/v1", api_key_env="A_KEY"))


async def test_first_token_scores(server):
    server.function = lambda prompt: "Paris" if "Eiffel" in prompt else "London"
    got = await endpoint(server).score([ask("Eiffel"), ask("Big Ben")], " Paris, France")
    assert [r.logprobs for r in got] == [pytest.approx((-0.1,)), pytest.approx((-3.0,))]
    assert [r.text for r in got] == [" Paris, France"] * 2
    assert server.bodies[0]["max_tokens"] == 1


async def test_a_server_without_log_probabilities(server):
    model = endpoint(server, form="completion")
    [response] = await model.score([ask("a")], "b")
    assert "log-probabilities" in response.failure


def test_what_makes_an_endpoint_deterministic(server):
    assert endpoint(server).deterministic({"temperature": 0})
    assert not endpoint(server).deterministic({"temperature": 0.1})
    assert not endpoint(server).deterministic({})
    assert endpoint(server).capabilities.remote
    assert not endpoint(server, temperature_zero_is_deterministic=True).capabilities.remote


def test_one_endpoint_in_several_event_loops(server):
    import asyncio

    model = endpoint(server)
    for _ in range(2):
        assert asyncio.run(model.generate([ask("a")]))[0].text == "<a>"


@pytest.mark.parametrize("size", [1, 2, 16])
def test_requests_that_begin_alike_are_sent_one_after_the_other(size: int) -> None:
    """For the prompt cache of a server; the answers keep the requests' order by their indices."""
    texts = ["b c", "a", "b", "a b", "b c d", "a"]
    sorted_texts = ["a b", "a", "a", "b c d", "b c", "b"]
    key = "prompt" if size > 1 else "messages"
    items = [Item(ask(text), "/completions", {key: text}) for text in texts]
    found = batches(items, size=size)
    sent = [(index, texts[index]) for batch in found for index in batch.indices]
    assert [text for _, text in sent] == sorted_texts
    assert sorted(index for index, _ in sent) == list(range(6))
    assert [item.body[key] for batch in found for item in batch.items] == sorted_texts
    assert max(len(batch.items) for batch in found) == min(size, 6)


def test_the_tools_stand_before_the_messages() -> None:
    asked = [(tool, text) for text in ("a", "b") for tool in ("x", "y")]
    items = [Item(ask(text), "/c", {"messages": text, "tools": [tool]}) for tool, text in asked]
    sent = [batch.indices[0] for batch in batches(items, size=1)]
    assert [asked[index] for index in sent] == sorted(asked)


def test_an_order_that_shares_as_much_is_kept() -> None:
    """Every mask of three documents, the whole prompt first: sorted it would begin elsewhere."""
    masks = list(product((True, False), repeat=3))[:-1]
    texts = ["".join(d for d, keep in zip("cba", mask, strict=True) if keep) for mask in masks]
    items = [Item(ask(text), "/c", {"messages": text}) for text in texts]
    assert [batch.indices[0] for batch in batches(items, size=1)] == list(range(len(texts)))


@pytest.mark.parametrize("status", [0, 408, 500])
async def test_what_passes_is_retried(server, status):
    server.faults = [(status, {}, {"error": {"message": "later"}})] * 2
    [response] = await endpoint(server).generate([ask("a")])
    assert response.text == "<a>"
    assert len(server.bodies) == 3


async def test_retry_after_is_obeyed_unless_it_is_hours(server, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("smile_trace.models.transport.asyncio.sleep", sleep)
    server.faults = [(429, {"retry-after": "7"}, {}), (503, {"retry-after": "soon"}, {})]
    await endpoint(server).generate([ask("a")])
    assert waits[0] == 7
    assert 0 < waits[1] < 1
    server.faults = [(429, {"retry-after": "7200"}, {"error": {"message": "limit"}})]
    with pytest.raises(ModelUnavailable, match="too busy") as caught:
        await endpoint(server).generate([ask("a")])
    assert not caught.value.permanent
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("error", "text", "failure"),
    [({"message": "bad"}, None, "HTTP 400: bad"), (AZURE, '{"refusal": ""}', None)],
)
async def test_a_rejected_prompt_in_a_list_does_not_fail_the_others(server, error, text, failure):
    """The list is refused, its first is answered, its second is refused again."""
    server.faults = [(400, {}, {"error": error}), None, (400, {}, {"error": error})]
    model = endpoint(server, list_requests=True, form="completion", concurrency=1)
    got = await model.generate([ask("a"), ask("b"), ask("c")])
    assert [r.text for r in got] == ["<a>", text, "<c>"]
    assert got[1].failure == failure


@pytest.mark.parametrize(
    ("choice", "text", "finish"),
    [
        ({"message": {"content": ""}, "finish_reason": "stop"}, "", "stop"),
        (
            {"message": {"content": "It is"}, "finish_reason": "content_filter"},
            *("It is", "content_filter"),
        ),
        (
            {"message": {"content": None}, "finish_reason": "content_filter"},
            *('{"refusal": ""}', "content_filter"),
        ),
        (
            {"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"},
            *('{"refusal": "No."}', "stop"),
        ),
    ],
)
async def test_what_counts_as_an_answer(server, choice, text, finish):
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    server.faults = [(200, {}, {"choices": [choice], "usage": usage})]
    [response] = await endpoint(server).generate([ask("a")])
    assert (response.text, response.finish_reason) == (text, finish)
    assert response.usage == Usage(input_tokens=3, output_tokens=2)
    assert response.usd is None  # nobody knows this server's price


@pytest.mark.parametrize(
    ("status", "retryable", "unavailable"),
    [
        (400, False, None),
        (401, False, "refused"),
        (404, False, "refused"),
        (408, True, None),
        (409, True, None),
        (429, True, "busy"),
        (500, True, None),
        (503, True, "busy"),
    ],
)
def test_a_status_says_whether_to_retry_and_whether_the_reservation_is_released(
    status, retryable, unavailable
):
    failure = rejection(status, "why", {})
    assert (failure.retryable, failure.unavailable) == (retryable, unavailable)
    assert failure.releases == (unavailable is not None)


def test_an_attempt_of_unknown_fate_is_never_released():
    failure = Failure("the connection broke", "unknown", unavailable="unreachable")
    assert not failure.releases


def test_the_pause_is_the_servers_or_grows_and_ends_with_the_retries():
    busy = rejection(503, "why", {"retry-after": "7"})
    assert pause_before_retry(busy, 0, 1) == 7
    assert pause_before_retry(busy, 1, 1) is None
    assert pause_before_retry(rejection(503, "why", {"retry-after": "3600"}), 0, 9) is None
    assert pause_before_retry(rejection(400, "why", {}), 0, 9) is None
    assert 0.25 <= pause_before_retry(rejection(503, "why", {}), 0, 9) <= 0.5
    assert MAX_WAIT / 2 <= backoff(99) <= MAX_WAIT
