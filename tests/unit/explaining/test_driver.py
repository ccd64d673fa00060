"""The driver: the signal, a round's requests, the cost."""

import asyncio

import pytest

from smile_trace.attribution import PerturbationStudy
from smile_trace.explaining import ExplanationFailed, ask_round, finish, resolve_signal, run
from smile_trace.explaining.driver import cost_of
from smile_trace.models import Capabilities, ModelUnavailable
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.ledger import MemoryCache, MemoryLedger
from smile_trace.models.metered import MeteredModel
from smile_trace.records import (
    Cost,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
    Usage,
)
from tests.support.planted import PlantedModel, copying


class Scoring(PlantedModel):
    """Scores by whether the prompt holds the word."""

    capabilities = Capabilities(scores_answers=True)

    def __init__(self):
        super().__init__(copying("fox"))
        self.scored = []

    async def score(self, requests, answer):
        self.scored.extend((request, answer) for request in requests)
        return [
            Response(text=answer, logprobs=(-0.1 if "fox" in r.messages[0].content else -9.0,))
            for r in requests
        ]


def study(signal="text", **settings):
    prompted = Prompted(
        messages=(Message(role="user", content="a fox runs"),),
        answer="fox",
        form="completion",
        parameters={"temperature": 0, "top_p": 0.5},
    )
    return PerturbationStudy(
        prompted,
        ExplanationSettings(model="planted", **settings),
        answer="fox",
        signal=signal,
        deterministic=True,
        remote=False,
    )


def wrapped(model):
    return MeteredModel(model, ledger=MemoryLedger(99), cache=MemoryCache(), explanation="e")


@pytest.mark.parametrize("wrap", [lambda model: model, wrapped])
def test_resolving_the_signal(wrap):
    endpoint = Endpoint("m", EndpointSettings(base_url="http://127.0.0.1:9/v1"))
    auto = ExplanationSettings(model="m")
    probability = ExplanationSettings(model="m", signal="probability")
    assert resolve_signal(auto, wrap(Scoring())) == "probability"
    assert resolve_signal(auto, wrap(endpoint)) == "text"  # its scores know one token only
    assert resolve_signal(auto, wrap(PlantedModel(str))) == "text"
    assert resolve_signal(probability, wrap(endpoint)) == "probability"
    with pytest.raises(ExplanationFailed, match="text"):
        resolve_signal(probability, wrap(PlantedModel(str)))


async def test_requests_keep_form_and_parameters():
    model = PlantedModel(copying("fox"))
    await run(study(), model)
    assert {(r.form, r.parameters["top_p"]) for r in model.asked} == {("completion", 0.5)}


async def test_the_probability_signal_scores_the_logged_answer():
    model = Scoring()
    explanation = await run(study("probability"), model)
    assert not model.asked
    assert {answer for _, answer in model.scored} == {"fox"}
    assert explanation.ranked[0].text == "fox"


async def test_rounds_by_hand_equal_run():
    whole = await run(study(), PlantedModel(copying("fox")))
    by_hand, answered, model = study(), [], PlantedModel(copying("fox"))
    while asked := by_hand.ask():
        responses = await ask_round(by_hand, model, asked)
        by_hand.tell(zip(asked, responses, strict=True))
        answered += responses
    same = {"explained_at": None}
    assert finish(by_hand, model, answered).model_copy(update=same) == whole.model_copy(update=same)
    assert whole.explained_at.endswith("+00:00")


async def test_an_answer_is_compared_while_the_model_gives_others():
    class Slow(PlantedModel):
        async def generate(self, requests):
            if len(self.asked) > 4:  # the baselines were answered, and the first without a part
                await asyncio.wait_for(compared.wait(), 5)
            return await super().generate(requests)

    compared, under_way = asyncio.Event(), study()
    compare, loop = under_way.compare, asyncio.get_running_loop()

    def note(response):
        compare(response)
        if response.text != "fox":
            loop.call_soon_threadsafe(compared.set)

    under_way.compare = note
    loaded = asyncio.ensure_future(asyncio.sleep(0))
    early = await run(under_way, wrapped(Slow(copying("fox"))), loaded=loaded)
    same = {"explained_at": None}
    late = await run(study(), wrapped(PlantedModel(copying("fox"))))
    assert compared.is_set()
    assert early.model_copy(update=same) == late.model_copy(update=same)


async def test_an_unavailable_model_raises():
    class Unavailable(PlantedModel):
        async def generate(self, requests):
            raise ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await run(study(), Unavailable(str))


async def test_a_failed_baseline_raises_with_its_reason():
    class Refusing(PlantedModel):
        async def generate(self, requests):
            return [Response(failure="too long") for _ in requests]

    with pytest.raises(ExplanationFailed, match="too long"):
        await run(study(), Refusing(str))


def test_cost_of_responses():
    one = Response(text="x", usage=Usage(input_tokens=10, output_tokens=2), usd=0.5)
    free = one.model_copy(update={"cached": True})
    failed = Response(failure="no")
    unpriced = one.model_copy(update={"usd": None})
    assert cost_of([one, one, free, failed]) == Cost(
        target_calls=3, cached_calls=1, tokens=24, usd=1.0
    )
    assert cost_of([one, unpriced]).usd is None
    assert cost_of([]) == Cost(usd=0.0)
