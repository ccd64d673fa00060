"""ExplainOptions: the one list of what an explanation can be asked for."""

import dataclasses
import inspect
import re

import pytest

import smile_trace
from smile_trace.cli.explain import explain as command
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import ExplanationSettings
from smile_trace.settings import Settings
from tests.support.planted import PlantedModel, copying

OPTIONS = {field.name: field.default for field in dataclasses.fields(ExplainOptions)}
PROMPT = "the quick brown fox jumps over the lazy dog today"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_explain_and_the_command_take_every_option_with_its_default():
    taken = inspect.signature(smile_trace.explain).parameters
    assert {name: taken[name].default for name in OPTIONS} == OPTIONS
    offered = inspect.signature(command).parameters
    assert {name: offered[name].default or () for name in OPTIONS} == {
        name: default or () for name, default in OPTIONS.items()
    }


def test_the_settings_and_the_record_have_the_same_defaults():
    stored = ExplainOptions().to_record("m")
    assert stored == ExplanationSettings(model="m")
    assert ExplainOptions.from_settings(Settings(), "m") == ExplainOptions()
    assert ExplainOptions.from_record(stored) == ExplainOptions()


def test_options_survive_the_store():
    options = ExplainOptions(unit="sentence", protect=("system",), budget=16, proxy="p", seed=3)
    assert ExplainOptions.from_record(options.to_record("m")) == options
    patterns = ExplainOptions(protect=(re.compile("a.c"),)).to_record("m")
    assert patterns.protect == ("/a.c/",)
    assert ExplainOptions.from_record(patterns).protect == (re.compile("a.c"),)


@pytest.mark.parametrize(("budget", "target"), [(12, 12), (20, 20), (21, 16), (100, 16)])
def test_beside_a_proxy_the_target_gets_few_calls(budget, target):
    assert ExplainOptions(budget=budget).to_record("m", "p").budget == target


def test_a_span_is_stored_by_its_kind():
    assert ExplainOptions(unit=re.compile("a")).to_record("m").unit == "span"


def test_freeze_is_protect_for_one_release():
    with pytest.warns(FutureWarning, match="protect"):
        explanation = smile_trace.explain(
            PROMPT, model=PlantedModel(copying("fox")), budget=20, freeze=["quick"]
        )
    assert explanation.settings.protect == ("quick",)
    assert [s.text for s in explanation.segments if s.protected] == ["quick"]
