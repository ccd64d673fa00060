"""Declared capabilities, models of release 0.1 that declare none, and the registry of kinds."""

from importlib import import_module

import pytest

from smile_trace.models import Capabilities, Request
from smile_trace.models.accounting.in_memory import MemoryCache, MemoryLedger
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.registry import as_model
from smile_trace.records import Message, Response
from smile_trace.settings import MODEL_KINDS
from tests.support.planted import PlantedModel


class UndeclaredModel:
    """A Model as one was written for release 0.1."""

    name = "old"
    identity = None
    remote = True

    def deterministic(self, parameters):
        return True

    async def generate(self, requests):
        return [Response(text="yes") for _ in requests]

    async def aclose(self):
        pass


class UndeclaredScorer(UndeclaredModel):
    first_token_only = True

    async def score(self, requests, answer):
        return [Response(text=answer, logprobs=(-1.0,)) for _ in requests]


def metered(model):
    return MeteredModel(model, ledger=MemoryLedger(9), cache=MemoryCache(), explanation="e")


async def test_a_model_of_the_last_release_works_with_a_warning():
    with pytest.warns(FutureWarning, match="UndeclaredModel declares no capabilities"):
        model = as_model(UndeclaredModel())  # type: ignore[arg-type]
    assert model.capabilities == Capabilities(remote=True)
    request = Request(messages=(Message(role="user", content="?"),))
    [response] = await metered(model).generate([request])
    assert (response.text, model.deterministic({})) == ("yes", True)


async def test_its_score_is_found():
    with pytest.warns(FutureWarning):
        model = as_model(UndeclaredScorer())  # type: ignore[arg-type]
    assert model.capabilities.scores_answers
    assert not model.capabilities.scores_whole_answers
    [response] = await metered(model).score([Request(messages=())], "so")
    assert response.text == "so"


async def test_a_model_that_declares_no_scores_is_not_asked_for_any():
    with pytest.raises(TypeError, match="does not score"):
        await metered(PlantedModel(str.upper)).score([Request(messages=())], "so")


def test_a_declared_model_is_taken_as_it_is():
    model = PlantedModel(str.upper)
    assert as_model(model) is model


def test_every_kind_of_the_settings_has_a_module():
    for kind in MODEL_KINDS:
        assert hasattr(import_module(f"smile_trace.models.kinds.{kind}"), "open_model")
