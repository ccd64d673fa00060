"""The one loop: which signal, what a round asks, what it cost."""

import pytest

from smile_trace.attribution import PerturbationStudy
from smile_trace.explaining import ExplanationFailed, ask_round, finish, resolve_signal, run
from smile_trace.explaining.driver import cost_of
from smile_trace.models import Capabilities, ModelUnavailable
from smile_trace.models.accounting.in_memory import MemoryCache, MemoryLedger
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.kinds.endpoint import Endpoint
from smile_trace.records import (
    Cost,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
    Usage,
)
from smile_trace.settings import EndpointSettings
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
def test_which_signal_auto_stands_for(wrap):
    endpoint = Endpoint("m", EndpointSettings(base_url="http://127.0.0.1:9/v1"))
    auto = ExplanationSettings(model="m")
    probability = ExplanationSettings(model="m", signal="probability")
    assert resolve_signal(auto, wrap(Scoring())) == "probability"
    assert resolve_signal(auto, wrap(endpoint)) == "text"  # its scores know one token only
    assert resolve_signal(auto, wrap(PlantedModel(str))) == "text"
    assert resolve_signal(probability, wrap(endpoint)) == "probability"
    with pytest.raises(ExplanationFailed, match="text"):
        resolve_signal(probability, wrap(PlantedModel(str)))


async def test_the_form_and_the_parameters_of_the_call_are_kept():
    model = PlantedModel(copying("fox"))
    await run(study(), model)
    assert {(r.form, r.parameters["top_p"]) for r in model.asked} == {("completion", 0.5)}


async def test_in_probability_mode_the_given_answer_is_scored():
    model = Scoring()
    explanation = await run(study("probability"), model)
    assert not model.asked
    assert {answer for _, answer in model.scored} == {"fox"}
    assert explanation.ranked[0].text == "fox"


async def test_round_by_round_is_the_same_as_run():
    whole = await run(study(), PlantedModel(copying("fox")))
    by_hand, told, model = study(), [], PlantedModel(copying("fox"))
    while asked := by_hand.ask():
        came = await ask_round(by_hand, model, asked)
        by_hand.tell(zip(asked, came, strict=True))
        told += came
    same = {"explained_at": None}
    assert finish(by_hand, told).model_copy(update=same) == whole.model_copy(update=same)
    assert whole.explained_at.endswith("+00:00")


async def test_a_model_that_is_gone_ends_it():
    class Gone(PlantedModel):
        async def generate(self, requests):
            raise ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await run(study(), Gone(str))


async def test_a_baseline_without_an_answer_ends_it_with_the_reason():
    class Refusing(PlantedModel):
        async def generate(self, requests):
            return [Response(failure="too long") for _ in requests]

    with pytest.raises(ExplanationFailed, match="too long"):
        await run(study(), Refusing(str))


def test_what_it_cost():
    one = Response(text="x", usage=Usage(input_tokens=10, output_tokens=2), usd=0.5)
    free = one.model_copy(update={"cached": True})
    failed = Response(failure="no")
    unpriced = one.model_copy(update={"usd": None})
    assert cost_of([one, one, free, failed]) == Cost(
        target_calls=3, cached_calls=1, tokens=24, usd=1.0
    )
    assert cost_of([one, unpriced]).usd is None
    assert cost_of([]) == Cost(usd=0.0)
