"""Declared capabilities, and the registry of kinds."""

from importlib import import_module

import pytest

from smile_trace.models import Request
from smile_trace.models.accounting.in_memory import MemoryCache, MemoryLedger
from smile_trace.models.accounting.metered import MeteredModel
from smile_trace.models.registry import as_model
from smile_trace.settings import MODEL_KINDS
from tests.support.planted import PlantedModel


class UndeclaredModel:
    def generate(self, requests): ...


def metered(model):
    return MeteredModel(model, ledger=MemoryLedger(9), cache=MemoryCache(), explanation="e")


def test_a_model_without_capabilities_is_told_what_to_declare():
    with pytest.raises(TypeError, match=r"UndeclaredModel declares no capabilities: .*models\.Cap"):
        as_model(UndeclaredModel())  # type: ignore[arg-type]


async def test_a_model_that_declares_no_scores_is_not_asked_for_any():
    with pytest.raises(TypeError, match="does not score"):
        await metered(PlantedModel(str.upper)).score([Request(messages=())], "so")


def test_a_declared_model_is_taken_as_it_is():
    model = PlantedModel(str.upper)
    assert as_model(model) is model


def test_every_kind_of_the_settings_has_a_module():
    for kind in MODEL_KINDS:
        assert hasattr(import_module(f"smile_trace.models.kinds.{kind}"), "open_model")
