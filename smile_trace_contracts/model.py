"""The contract suite of a model."""

import asyncio
import itertools
from collections.abc import Sequence

from smile_trace.errors import BudgetExceeded
from smile_trace.models import Capabilities, Model, Request
from smile_trace.models.base import scores_answers
from smile_trace.models.metered import Meter, meters_attempts
from smile_trace.records import Message, Response, Usage

_ANSWER = "Yes."


def check_model(model: Model) -> None:
    """Check that a model keeps its contract, in some twenty requests; with pytest, call it in a
    test (not a coroutine).

    Args:
        model: an open model; it is closed afterwards, twice.

    Raises:
        AssertionError: the sentence says what was broken.
    """
    _check_declaration(model)
    try:
        asyncio.run(_check_behaviour(model))
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{model.name}: it raised {type(error).__name__}: {error}") from error


async def _check_behaviour(model: Model) -> None:
    try:
        await _check_answers(model)
        if scores_answers(model):
            await _check_scores(model)
        if meters_attempts(model):
            await _check_metering(model)
    finally:
        await model.aclose()
    await model.aclose()


def _check_declaration(model: Model) -> None:
    name = model.name
    assert _is_text(name), f"the name {name!r} is no text"
    identity = model.identity
    assert identity is None or _is_text(identity), (
        f"{name}: the identity {identity!r} is neither a text nor None"
    )
    assert identity == model.identity, f"{name}: the identity is another one the second time"
    declared = model.capabilities
    assert isinstance(declared, Capabilities), f"{name}: capabilities is {declared!r}"
    assert declared.scores_answers or not declared.first_token_only, (
        f"{name}: first_token_only is declared without scores_answers"
    )
    for capability, method in (("scores_answers", "score"), ("meters_attempts", "with_meter")):
        has = callable(getattr(model, method, None))
        assert has or not getattr(declared, capability), (
            f"{name}: {capability} is declared, and there is no {method}()"
        )
    for parameters in ({}, {"temperature": 0}, {"temperature": 0.7}):
        said = model.deterministic(dict(parameters))
        assert isinstance(said, bool), f"{name}: deterministic({parameters}) is {said!r}"


async def _check_answers(model: Model) -> None:
    requests = _requests()
    assert await model.generate([]) == [], f"{model.name}: no request got an answer"
    responses = await model.generate(requests)
    _check_responses(model, requests, responses)
    failures = [response.failure for response in responses if not response.ok]
    assert not failures, f"{model.name}: a request failed: {failures[0]}"
    if model.deterministic({"temperature": 0}):
        reverse = await model.generate(requests[::-1])
        texts = [response.text for response in responses]
        assert texts == [r.text for r in reverse[::-1]], (
            f"{model.name}: it is declared deterministic, and answers asked in reverse differ: "
            f"are they in the order of the requests? {texts}"
        )
    unsendable = [requests[0], _request("half a character: \ud800"), requests[1]]
    first, _, last = mixed = await model.generate(unsendable)
    _check_responses(model, unsendable, mixed)
    failure = first.failure or last.failure
    assert failure is None, f"{model.name}: an unsendable request took others along: {failure}"


async def _check_scores(model: Model) -> None:
    assert scores_answers(model)
    requests = _requests()
    assert await model.score([], _ANSWER) == [], f"{model.name}: no request got a score"
    responses = await model.score(requests, _ANSWER)
    _check_responses(model, requests, responses)
    for response in responses:
        assert response.ok, f"{model.name}: a score failed: {response.failure}"
        logprobs = response.logprobs or (float("nan"),)
        assert all(value <= 0 for value in logprobs), (
            f"{model.name}: the log-probabilities are {response.logprobs}"
        )
        assert response.text == _ANSWER, f"{model.name}: the text of a score is {response.text!r}"
        if model.capabilities.first_token_only:
            assert len(logprobs) == 1, f"{model.name}: {len(logprobs)} first tokens were scored"


async def _check_metering(model: Model) -> None:
    assert meters_attempts(model)
    meter = _NotingMeter()
    requests = _requests()
    responses = await model.with_meter(meter).generate(requests)
    _check_responses(model, requests, responses)
    assert sum(map(len, meter.reserved.values())) >= len(requests), (
        f"{model.name}: an attempt was sent without a reservation"
    )
    assert meter.reserved.keys() == meter.ended, (
        f"{model.name}: {meter.reserved.keys() ^ meter.ended} was not ended exactly once"
    )
    assert not meter.over_bound, f"{model.name}: {meter.over_bound}"
    capped = await model.with_meter(_NotingMeter(BudgetExceeded("cap", daily=False))).generate(
        requests
    )
    assert [r.failure for r in capped] == ["cap"] * len(requests), (
        f"{model.name}: an explanation's cap must fail the requests that it forbids: {capped}"
    )
    try:
        await model.with_meter(_NotingMeter(BudgetExceeded("day", daily=True))).generate(requests)
    except BudgetExceeded:
        return
    raise AssertionError(f"{model.name}: a daily cap must be raised")


def _check_responses(
    model: Model, requests: Sequence[Request], responses: Sequence[Response]
) -> None:
    assert len(responses) == len(requests), (
        f"{model.name}: {len(responses)} responses to {len(requests)} requests"
    )
    for response in responses:
        assert isinstance(response, Response), f"{model.name}: {response!r} is no Response"


class _NotingMeter(Meter):
    """Allows every attempt, or raises `refuse` at each."""

    def __init__(self, refuse: BudgetExceeded | None = None) -> None:
        self._refuse = refuse
        self._ids = map(str, itertools.count())
        self._bounds: dict[str, int] = {}
        self.reserved: dict[str, Sequence[Request]] = {}
        self.ended: set[str] = set()
        self.over_bound = ""

    async def reserve(
        self, requests: Sequence[Request], *, answer: str | None, bound: Usage, usd: float | None
    ) -> str:
        if self._refuse is not None:
            raise self._refuse
        attempt = next(self._ids)
        self.reserved[attempt] = requests
        self._bounds[attempt] = _tokens(bound)
        return attempt

    async def settle(self, attempt: str, responses: Sequence[Response] | None) -> None:
        assert attempt not in self.ended, f"the attempt {attempt} ended twice"
        self.ended.add(attempt)
        used = sum(_tokens(r.usage) for r in responses or () if r.usage is not None)
        if used > self._bounds[attempt]:
            self.over_bound = f"{used} tokens were used, {self._bounds[attempt]} reserved"

    async def release(self, attempt: str, *, sent: bool) -> None:
        assert attempt not in self.ended, f"the attempt {attempt} ended twice"
        self.ended.add(attempt)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _tokens(usage: Usage) -> int:
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _requests() -> list[Request]:
    conversation = (
        Message(role="system", content="Answer in one word."),
        Message(role="user", content="Is water wet?"),
        Message(role="assistant", content="Yes."),
        Message(role="user", content="Is fire cold?"),
    )
    parameters = {"temperature": 0, "max_tokens": 8}
    return [
        _request("What is two plus two?"),
        _request("Name a colour."),
        Request(messages=conversation, parameters=parameters),
    ]


def _request(text: str) -> Request:
    parameters = {"temperature": 0, "max_tokens": 8}
    return Request(messages=(Message(role="user", content=text),), parameters=parameters)
