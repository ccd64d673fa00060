"""Declared capabilities, and what other packages bring."""

import pytest

from smile_trace.models import Request
from smile_trace.models.ledger import MemoryCache, MemoryLedger
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import as_model
from smile_trace.probes.kinds import chosen, installed_probes
from smile_trace.records import Message
from smile_trace.settings import Settings, SettingsError
from smile_trace.trust.destinations import destinations
from smile_trace.trust.model_kinds import installed_kinds
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


@pytest.fixture
def plugged_in(tmp_path, monkeypatch):
    """A package with a kind of its own, as an installer leaves it."""
    (tmp_path / "echo_kind.py").write_text(
        """
from typing import Literal

import smile_trace
from smile_trace.probes import Variant
from smile_trace.settings import ModelSettings
from tests.support.planted import PlantedModel

class EchoSettings(ModelSettings):
    kind: Literal["echo"] = "echo"
    gateway: str = "https://echo.example"
    api_key_env: str = "ECHO_KEY"
    volume: int

    def open(self, name, *, app=None, call=None):
        return PlantedModel(lambda prompt: prompt * self.volume)

@smile_trace.probe("capitals", title="In capitals", cannot_say="whether shouting is rude")
def capitals(call, seed):
    yield Variant(call.messages, "as it is")
"""
    )
    about = tmp_path / "echo_kind-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-kind\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[smile_trace.models]\necho = echo_kind:EchoSettings\n"
        "[smile_trace.probes]\ncapitals = echo_kind:capitals\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for cached in (installed_kinds, installed_probes):
        cached.cache_clear()
    yield
    for cached in (installed_kinds, installed_probes):
        cached.cache_clear()


async def test_a_package_brings_a_kind_with_its_own_table(plugged_in):
    settings = Settings(models={"m": {"kind": "echo", "volume": 2, "concurrency": 3}})
    how = settings.models["m"]
    [response] = await how.open("m").generate(
        [Request(messages=(Message(role="user", content="ho"),))]
    )
    assert (response.text, how.concurrency) == ("hoho", 3)
    assert settings.model_dump()["models"]["m"]["volume"] == 2
    with pytest.raises(SettingsError, match=r"models\.m\.echo\.volum: .*did you mean volume"):
        Settings(models={"m": {"kind": "echo", "volum": 2}})


def test_a_package_brings_a_probe(plugged_in):
    assert "capitals" in [probe.words.name for probe in chosen(["capitals"])]


def test_where_a_kind_of_others_sends_a_key_is_asked(plugged_in):
    [one] = destinations({"models": {"m": {"kind": "echo", "api_key_env": "OPENAI_API_KEY"}}})
    assert (one.address, one.variables) == ("https://echo.example", ("OPENAI_API_KEY",))


@pytest.mark.parametrize("kind", ["os", "../os", "__init__", 7, None])
def test_a_name_that_is_no_kind_imports_nothing(kind):
    with pytest.raises(SettingsError, match=r'say which kind = "endpoint", .* or "rerun" it is'):
        Settings(models={"m": {"kind": kind}})
