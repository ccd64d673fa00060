"""The metered model: answers are cached on arrival, attempts reserved before they are sent."""

import asyncio

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.models import BudgetExceeded, ModelUnavailable, Request, retry
from smile_trace.models.base import limit_of
from smile_trace.models.callable import CallableModel
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.ledger import MemoryCache, MemoryLedger
from smile_trace.models.metered import MeteredModel
from smile_trace.records import Message, Response, Usage
from tests.support.planted import PlantedModel, serving

pytestmark = pytest.mark.thorough


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    with serving(lambda prompt: f"<{prompt}>") as running:
        yield running


class NotingLedger(MemoryLedger):
    """A ledger with caps on calls and tokens that notes what happens to it."""

    def __init__(self, calls=1000, tokens=10**9, daily=False):
        super().__init__(calls)
        self.events = []
        self._tokens_cap, self._daily = tokens, daily
        self.open = {}
        self.spent = 0

    def reserve(self, *, model, explanation, calls, tokens, usd):
        if self.spent + sum(self.open.values()) + tokens > self._tokens_cap:
            raise BudgetExceeded("the cap of tokens", daily=self._daily)
        key = super().reserve(
            model=model, explanation=explanation, calls=calls, tokens=tokens, usd=usd
        )
        self.open[key] = tokens
        self.events.append(("reserve", calls, usd))
        return key

    def settle(self, reservation, *, tokens, usd):
        self.open.pop(reservation)
        self.spent += tokens
        self.events.append(("settle", tokens, usd))

    def release(self, reservation, *, sent):
        super().release(reservation, sent=sent)
        self.open.pop(reservation)
        self.events.append(("give back", sent))


def endpoint(server, **settings):
    return Endpoint("captured", EndpointSettings(base_url=server.base_url, **settings))


def ask(text, replicate=0, form="chat", **parameters):
    messages = (Message(role="user", content=text),)
    return Request(messages=messages, form=form, parameters=parameters, replicate=replicate)


def paid(model, ledger=None, cache=None, explanation="e", fresh=False):
    ledger, cache = ledger or NotingLedger(), cache or MemoryCache()
    return MeteredModel(model, ledger=ledger, cache=cache, explanation=explanation, fresh=fresh)


async def test_cached_answers_are_not_asked_again(server):
    cache = MemoryCache()
    first = await paid(endpoint(server), cache=cache).generate([ask("a"), ask("b"), ask("a")])
    assert [r.text for r in first] == ["<a>", "<b>", "<a>"]
    assert len(server.bodies) == 2, "the same twice in one round is asked once"
    again = await paid(endpoint(server), cache=cache, explanation="x").generate(
        [ask("b"), ask("c"), ask("a")]
    )
    assert [r.text for r in again] == ["<b>", "<c>", "<a>"]
    assert [r.cached for r in again] == [True, False, True]
    assert not any(r.cached for r in first[:2])
    assert len(server.bodies) == 3
    with serving(lambda prompt: "other") as elsewhere:  # the key holds the address
        [response] = await paid(endpoint(elsewhere), cache=cache).generate([ask("a")])
    assert response.text == "other"
    fresh = paid(endpoint(server), cache=cache, fresh=True)
    assert [(await fresh.generate([ask("a")]))[0].cached for _ in "ab"] == [False, False]
    assert len(server.bodies) == 4, "fresh ignores the cache once"


async def test_scores_and_answers_have_different_cache_keys(server):
    model = paid(endpoint(server))
    await model.generate([ask("a")])
    await model.score([ask("a")], "x")
    await model.score([ask("a")], "y")
    await model.score([ask("a")], "y")
    assert len(server.bodies) == 3


async def test_failures_are_not_cached(server):
    server.faults = [(400, {}, {"error": {"message": "no"}})]
    model = paid(endpoint(server))
    assert not (await model.generate([ask("a")]))[0].ok
    assert (await model.generate([ask("a")]))[0].ok


async def test_answers_of_a_function_are_cached_within_one_explanation():
    asked = []
    model, cache = CallableModel(lambda prompt: asked.append(prompt) or "x"), MemoryCache()
    for explanation in ("one", "one", "two"):
        await paid(model, cache=cache, explanation=explanation).generate([ask("a")])
    assert asked == ["a", "a"]


async def test_every_attempt_is_reserved_before_it_is_sent(server):
    ledger = NotingLedger()
    server.faults = [(500, {}, {}), (429, {}, {})]
    await paid(endpoint(server), ledger).generate([ask("a b")])
    kinds = [event[:2] for event in ledger.events]
    assert kinds == [
        ("reserve", 1),
        ("settle", 0),
        ("reserve", 1),
        ("give back", True),  # whoever is too busy for anything says nothing of this prompt
        ("reserve", 1),
        ("settle", 4),
    ]
    assert (ledger.calls, len(server.bodies)) == (2, 3)


async def test_every_attempt_waits_for_its_place_before_it_is_reserved(server, monkeypatch):
    class Limited(NotingLedger):
        def delay(self, *, model, calls, tokens):
            self.events.append(("delay", model, calls, tokens > 0))
            return 0.05

    async def sleep(seconds, sleep=asyncio.sleep):
        ledger.events.append(("sleep", seconds))
        await sleep(seconds)

    ledger = Limited()
    server.faults = [(429, {}, {})]
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await paid(endpoint(server), ledger).generate([ask("a b")])
    steps = [("delay", "captured", 1, True), ("sleep", 0.05), ("reserve", 1, None)]
    assert [event for event in ledger.events if event in steps] == steps * 2


async def test_a_broken_connection_stays_reserved(server):
    ledger = NotingLedger()
    server.faults = [(0, {}, None)]
    await paid(endpoint(server), ledger).generate([ask("a")])
    assert [kind for kind, *_ in ledger.events] == ["reserve", "reserve", "settle"]
    assert len(ledger.open) == 1


FILTERED = {"choices": [{"index": 0, "finish_reason": "content_filter", "message": {}}]}


@pytest.mark.parametrize(
    ("reply", "tokens"),
    [
        ({**FILTERED, "usage": {"prompt_tokens": 7, "completion_tokens": 2}}, 9),
        (FILTERED, None),
        ({"object": "something else"}, None),
        ({"choices": []}, None),
        (b'{"choices": [{"index": 0, "mess', None),
    ],
)
async def test_a_success_without_an_answer_is_charged(server, reply, tokens):
    """The server has generated and bills for it; without a count the cost bound is settled."""
    server.faults = [(200, {}, reply)]
    ledger = NotingLedger()
    [response] = await paid(endpoint(server), ledger).generate([ask("a")])
    assert not response.ok or response.text == '{"refusal": ""}'
    assert ledger.spent + sum(ledger.open.values()) == tokens or tokens is None
    assert ledger.spent + sum(ledger.open.values()) > 0


async def test_a_reservation_covers_the_usage(server):
    server.function = lambda prompt: "word " * 50
    ledger = NotingLedger()
    reserved = []
    original = ledger.reserve
    ledger.reserve = lambda **k: reserved.append(k["tokens"]) or original(**k)  # type: ignore[method-assign]
    await paid(endpoint(server, max_tokens=50), ledger).generate([ask("東京 " * 40)])
    assert reserved[0] >= ledger.spent > 0


async def test_a_list_request_reserves_one_call_per_prompt(server):
    ledger = NotingLedger()
    model = paid(endpoint(server, list_requests=True, form="completion"), ledger)
    await model.generate([ask(str(i)) for i in range(10)])
    assert len(server.bodies) == 1
    assert ledger.calls == 10


@pytest.mark.parametrize("kind", ["endpoint", "callable"])
async def test_an_explanations_cap_is_never_exceeded(server, kind):
    asked = []
    by_hand = CallableModel(lambda prompt: asked.append(prompt) or "x")
    model = endpoint(server) if kind == "endpoint" else by_hand
    got = await paid(model, MemoryLedger(5)).generate([ask(str(i)) for i in range(9)])
    assert sum(r.ok for r in got) == 5
    assert len(server.bodies) + len(asked) == 5
    assert all("budget of 5 calls" in r.failure for r in got if not r.ok)


async def test_a_daily_cap_is_raised_and_received_answers_are_cached(server):
    cache = MemoryCache()
    ledger = NotingLedger(tokens=480, daily=True)
    model = paid(endpoint(server), ledger, cache)
    with pytest.raises(BudgetExceeded) as caught:
        await model.generate([ask(str(i) + "x" * 100) for i in range(60)])
    assert caught.value.daily
    assert len(server.bodies) < 60
    tomorrow = await paid(endpoint(server), cache=cache).generate(
        [ask(str(i) + "x" * 100) for i in range(60)]
    )
    assert all(r.ok for r in tomorrow)
    assert len(server.bodies) == 60  # nothing was paid for twice


async def test_nothing_more_is_asked_when_the_cache_cannot_be_written(server):
    class FullDisk(MemoryCache):
        def put_many(self, items):
            raise SmileTraceError("the disk is full")

    with pytest.raises(SmileTraceError, match="full"):
        await paid(endpoint(server, concurrency=2), cache=FullDisk()).generate(
            [ask(str(i)) for i in range(9)]
        )
    asked = len(server.bodies)
    await asyncio.sleep(0.1)
    assert asked == len(server.bodies) <= 2


async def test_answers_in_flight_are_cached_when_the_model_becomes_unavailable(server):
    cache = MemoryCache()
    server.faults = [None, None, (401, {}, {})]
    with pytest.raises(ModelUnavailable):
        await paid(endpoint(server, concurrency=3), cache=cache).generate(
            [ask(str(i)) for i in range(9)]
        )
    answered = len(server.bodies) - 1
    again = await paid(endpoint(server), cache=cache).generate([ask(str(i)) for i in range(9)])
    assert sum(r.cached for r in again) == answered >= 2


async def test_large_reservations_wait_for_the_ones_in_flight(server):
    """Each reserves 256 tokens and uses two: a cap of 400 lets them all through, in turn."""
    got = await paid(endpoint(server), NotingLedger(tokens=400)).generate(
        [ask(str(i)) for i in range(8)]
    )
    assert all(r.ok for r in got)


async def test_an_answer_is_cached_before_its_attempt_is_settled(server):
    order = []

    class Cache(MemoryCache):
        def put_many(self, items):
            order.extend(["keep"] * len(items))
            super().put_many(items)

    class Ledger(MemoryLedger):
        def settle(self, reservation, *, tokens, usd):
            order.append("settle")

    await paid(endpoint(server), Ledger(9), Cache()).generate([ask("a")])
    assert order == ["keep", "settle"]


async def test_a_cancelled_explanation_leaves_its_reservation(server):
    import threading

    gate = threading.Event()
    server.function = lambda prompt: str(gate.wait(5))
    ledger = NotingLedger()
    task = asyncio.create_task(paid(endpoint(server), ledger).generate([ask("a")]))
    while not server.bodies:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert len(ledger.open) == 1


async def test_a_known_price_is_reserved_and_settled(monkeypatch):
    """OpenAI's price list, without OpenAI: the transport's POST is planted."""
    ledger = NotingLedger()
    model = Endpoint("gpt-4o-mini", EndpointSettings(base_url="https://api.openai.com/v1"))

    async def post(path, body):
        assert body["max_completion_tokens"] == 256
        usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        return {"choices": [{"message": {"content": "x"}}], "usage": usage}

    monkeypatch.setattr(model._transport, "post", post)
    [response] = await paid(model, ledger).generate([ask("a")])
    (_, _, reserved), (_, tokens, usd) = ledger.events
    assert tokens == 1100
    assert usd == response.usd == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)
    assert reserved > 0


@pytest.mark.parametrize(("caps_money", "said"), [(True, 1), (False, 0)])
async def test_an_unknown_price_is_warned_of_once_where_money_is_capped(
    server, caplog, caps_money, said
):
    ledger = NotingLedger()
    ledger.caps_money = caps_money
    model = Endpoint(f"unpriced {caps_money}", EndpointSettings(base_url=server.base_url))
    for text in "ab":
        await paid(model, ledger).generate([ask(text)])
    assert caplog.text.count("no price is known") == said


async def test_any_model_can_be_metered():
    model = PlantedModel(lambda prompt: prompt.upper())
    ledger = NotingLedger()
    got = await paid(model, ledger).generate([ask("a"), ask("b")])
    assert [r.text for r in got] == ["A", "B"]
    assert ledger.calls == 2
    assert not paid(model).capabilities.scores_answers


def test_the_cache_is_bounded():
    cache = MemoryCache(size=3)
    cache.put_many({str(i): Response(text="x") for i in range(5)})
    assert set(cache.get_many([str(i) for i in range(5)])) == {"2", "3", "4"}


@pytest.mark.parametrize(
    ("other", "asked"),
    [
        (ask("a", seed=2), 1),
        (ask("a", replicate=1), 2),
        (ask("a", temperature=1), 2),
        (ask("a", form="completion"), 2),
        (ask("a "), 2),
        (ask("a").model_copy(update={"messages": (Message(role="system", content="a"),)}), 2),
    ],
)
async def test_a_request_that_differs_in_more_than_its_seed_is_asked(server, other, asked):
    model = paid(endpoint(server))
    await model.generate([ask("a", seed=1) if asked == 1 else ask("a")])
    await model.generate([other])
    assert len(server.bodies) == asked


class Reasoner(PlantedModel):
    """Reasons for `thoughts` tokens, then answers in two; cut at the request's limit."""

    def __init__(self, thoughts, inline):
        super().__init__(str)
        self.thoughts, self.inline = thoughts, inline

    async def generate(self, requests):
        self.asked += requests
        return [self._cut(limit_of(request)) for request in requests]

    def _cut(self, limit):
        thought, written = "hm " * min(self.thoughts, limit), min(limit, self.thoughts + 2)
        cut = limit < self.thoughts + 2
        text = "" if cut else "the answer"
        if self.inline:
            text = f"<think>{thought}" + ("" if cut else f"</think>{text}")
        return Response(
            text=text,
            reasoning=None if self.inline else thought,
            usage=Usage(input_tokens=5, output_tokens=written),
            finish_reason="length" if cut else "stop",
        )


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(
    "limited",
    [
        {"max_tokens": 500},
        {"max_completion_tokens": 500},
        {"options": {"num_predict": 500}},
        {"max_output_tokens": 500},
    ],
)
async def test_a_reply_cut_in_its_reasoning_raises_the_limit_once(inline, limited):
    model, ledger = Reasoner(1200, inline), NotingLedger()
    metered = paid(model, ledger)
    first, _ = await metered.generate([ask("a", **limited), ask("b", **limited)])
    assert (first.text, first.ok, first.limit, first.requests) == ("the answer", True, 1500, 2)
    assert first.usage.output_tokens == 500 + 1202
    assert ledger.calls == 4
    [third] = await metered.generate([ask("c", **limited)])
    assert (third.text, third.limit, third.requests) == ("the answer", 1500, 1)
    assert [limit_of(request) for request in model.asked] == [500, 500, 1500, 1500, 1500]
    assert model.asked[-1].parameters.keys() == limited.keys()


async def test_a_reply_without_an_answer_is_a_failure_that_says_what_to_do():
    [response] = await paid(Reasoner(5000, inline=False)).generate([ask("a", max_tokens=300)])
    assert not response.ok
    assert "limit of 1,024 tokens while it was still reasoning" in response.failure
    assert response.reasoning.startswith("hm")
    cut = PlantedModel(lambda prompt: "")  # which says nothing of a limit: an empty answer
    [response] = await paid(cut).generate([ask("a")])
    assert (response.text, response.ok, response.limit) == ("", True, None)


async def test_the_raised_limit_is_what_is_reserved(server):
    message = {"role": "assistant", "content": None, "reasoning_content": "hm"}
    reply = {
        "choices": [{"message": message, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 600},
    }
    server.faults = [(200, {}, reply)]
    ledger = NotingLedger(tokens=2000, daily=True)
    with pytest.raises(BudgetExceeded):
        await paid(endpoint(server), ledger).generate([ask("a", max_tokens=600)])
    assert len(server.bodies) == 1, "the second attempt, of up to 1,800 tokens, passes the cap"
