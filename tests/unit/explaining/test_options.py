"""ExplainOptions: the one list of what an explanation can be asked for."""

import dataclasses
import inspect
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]

import smile_trace
from smile_trace._options import AllOptions, OldName, described
from smile_trace.attribution import CannotExplain, distance_names
from smile_trace.attribution.answer_span import AnswerSpanNotFound
from smile_trace.cli.arguments import with_options
from smile_trace.cli.explain import explain as command
from smile_trace.errors import ReasonCode
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.models.registry import as_model
from smile_trace.records import Call, Explanation, ExplanationSettings, Message, Prompted
from smile_trace.settings import Settings
from tests.support.planted import PlantedModel, copying

OF_THE_SETTINGS = "smallest_effect"
"""One limit for all that is said: no explanation has its own."""
OPTIONS = {
    field.name: field.default
    for field in dataclasses.fields(ExplainOptions)
    if field.name != OF_THE_SETTINGS
}
PROMPT = "the quick fox jumps"


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


def test_python_says_of_every_option_what_it_is():
    said = " ".join((smile_trace.explain.__doc__ or "").split())
    for name, _, _, about in described(AllOptions):
        assert f"{name}: {about.argument}" in said
    with pytest.raises(TypeError, match=r"explain\(\) got an unexpected keyword argument 'buget'"):
        smile_trace.explain(PROMPT, model="m", buget=40)  # type: ignore[call-arg]


def test_the_settings_and_the_record_have_the_same_defaults():
    stored = ExplainOptions().to_record("m")
    assert stored == ExplanationSettings(model="m")
    assert ExplainOptions.from_settings(Settings(), "m").to_record("m") == stored
    assert ExplainOptions.from_record(stored).to_record("m") == stored


PLACE = {"trace_id": "a" * 32, "span_id": "b" * 16, "start_ns": 0, "end_ns": 1}
DOZEN = " ".join(["word"] * 12)


@pytest.mark.parametrize(
    ("signal", "kind", "prompt", "calls"),
    [
        ("auto", "endpoint", f"{DOZEN} more", 80),
        ("auto", "endpoint", DOZEN, 40),
        ("auto", "local", f"{DOZEN} more", 40),
        ("text", "local", f"{DOZEN} more", 80),
        ("probability", "local", f"{DOZEN} more", 40),
    ],
)
def test_texts_of_more_than_a_dozen_words_take_more_calls(signal, kind, prompt, calls):
    messages = (Message(role="user", content=prompt),)
    options = ExplainOptions(signal=signal)
    assert options.for_prompt(messages, scored=kind == "local").budget == calls
    given = replace(options, budget=50)
    assert given.for_prompt(messages, scored=kind == "local").budget == 50
    model = {"kind": kind} | ({"base_url": "http://localhost/v1"} if kind == "endpoint" else {})
    for cap in (80, 60, 24):
        settings = Settings(
            models={"m": model},
            explain={"signal": signal},
            budget={"calls_per_explanation": cap},
        )
        call = Call(**PLACE, name="f", model="m", messages=messages, answer="yes")
        assert ExplainOptions.from_settings(settings, "m", call).budget == min(calls, cap)


def test_options_survive_the_store():
    options = ExplainOptions(
        unit="sentence", protect=("system",), budget=16, distance="energy", proxy="p", seed=3,
        smallest_effect=0.2,
    )  # fmt: skip
    alone = replace(options, proxy=None, solver="smile")
    assert ExplainOptions.from_record(alone.to_record("m")) == alone
    assert ExplainOptions.from_record(options.to_record("m")) == options
    patterns = ExplainOptions(protect=(re.compile("a.c"),)).to_record("m")
    assert patterns.protect == ("/a.c/",)
    assert ExplainOptions.from_record(patterns).protect == (re.compile("a.c"),)
    of_matches = ExplainOptions(unit=re.compile("[a-z]+"), budget=40, smallest_effect=0.1)
    assert ExplainOptions.from_record(of_matches.to_record("m")) == of_matches


@pytest.mark.parametrize(("budget", "target"), [(12, 12), (20, 20), (21, 16), (100, 16)])
def test_beside_a_proxy_the_target_gets_few_calls(budget, target):
    assert ExplainOptions(budget=budget).to_record("m", "p").budget == target


def test_a_span_is_stored_by_its_kind():
    assert ExplainOptions(unit=re.compile("a")).to_record("m").unit == "span"


@pytest.mark.parametrize(
    ("settings", "found_by"),
    [
        ({}, "856a95ada5a79aa1"),
        ({"unit": "word", "protect": ("é",), "distance": "words"}, "e0a2550bed6bd856"),
        ({"signal": "text", "proxy": "p", "seed": 3, "distance": "energy"}, "66930bc66f467f6a"),
        ({"part": "$.city", "pooled": True}, "a2270b75dab1739d"),
        ({"answer_part": "$.city", "pooled": True}, "a2270b75dab1739d"),
        ({"unit": "span", "pattern": "[a-z]+"}, "6603bd99500e3740"),
    ],
)
def test_settings_have_the_hash_by_which_a_store_finds_their_answers(settings, found_by):
    assert ExplanationSettings(model="m", **settings).hash == found_by


def test_texts_are_compared_by_the_distance_that_is_named():
    def model(prompt):
        return "a fox jumps" if "fox" in prompt.split() else "a cat sleeps"

    default = smile_trace.explain(PROMPT, model=PlantedModel(model), budget=30)
    other = smile_trace.explain(
        PROMPT, model=PlantedModel(model), budget=30, distance="wasserstein"
    )
    assert (default.settings.distance, other.settings.distance) == ("content", "wasserstein")
    for explanation in (default, other):
        assert explanation.ranked[0].text == "fox"
    assert other.ranked[0].attribution != pytest.approx(default.ranked[0].attribution, abs=0.01)


def test_an_unknown_distance_is_named():
    with pytest.raises(
        ValueError, match="There is no distance 'far': use content, words, anderson_darling"
    ):
        smile_trace.explain(PROMPT, model="nobody", distance="far")
    with pytest.raises(CannotExplain, match="'far'"):
        ExplainOptions.from_record(ExplanationSettings(model="m", distance="far"))


def test_a_regressor_of_scikit_learn_is_fitted_and_named():
    def model(prompt):
        return "a fox jumps" if "fox" in prompt.split() else "a cat sleeps"

    found = {
        solver: smile_trace.explain(
            "the quick fox jumps over the dog", model=PlantedModel(model), budget=30, solver=solver
        )
        for solver in ("process", "smile", RandomForestRegressor(5, random_state=0))
    }
    assert [each.ranked[0].text for each in found.values()] == ["fox"] * 3
    assert len({each.fidelity.r2_heldout for each in found.values()}) == 3
    names = [each.settings.solver for each in found.values()]
    assert names[:2] == ["process", "smile"]
    assert names[2] == "RandomForestRegressor(n_estimators=5, random_state=0)"
    with pytest.raises(CannotExplain, match="no solver 'RandomForestRegressor"):
        ExplainOptions.from_record(found.popitem()[1].settings)
    with pytest.raises(ValueError, match="no solver 'lasso'"):
        smile_trace.explain(PROMPT, model="nobody", solver="lasso")


def test_the_solver_is_a_setting_and_takes_no_proxy(monkeypatch):
    monkeypatch.setenv("SMILE_TRACE_EXPLAIN__SOLVER", "smile")
    options = ExplainOptions.from_settings(Settings(), "m")
    assert options.to_record("m").solver == "smile"
    assert options.to_record("m", "p").solver == "process"


def test_the_command_lists_the_distances():
    annotation = inspect.signature(command).parameters["distance"].annotation
    [option] = annotation.__metadata__
    assert all(name in option.help for name in distance_names())


def test_a_part_is_a_setting_of_all_calls_and_of_some(monkeypatch):
    monkeypatch.setenv("SMILE_TRACE_EXPLAIN__ANSWER_PART", "$.city")
    options = ExplainOptions.from_settings(Settings(), "m")
    assert options.answer_part == "$.city"
    stored = options.to_record("m")
    assert ExplainOptions.from_record(stored) == options
    assert stored.hash != ExplanationSettings(model="m").hash
    some = Settings(explain={"some": {"prompt:p": {"answer_part": "$.zip"}}}).explain.some[
        "prompt:p"
    ]
    assert some.model_dump()["answer_part"] == "$.zip"


def _in_python():
    old: dict[str, Any] = {"part": "a"}
    return smile_trace.explain("a b", model=PlantedModel(str), answer="a b", **old).settings


def _at_the_command_line():
    options_given: dict[str, Any] = {}
    taken = with_options(lambda *, options: options_given.update(options))
    names = inspect.signature(taken).parameters
    taken(**{name: names[name].default for name in names} | {"part": "a"})
    return SimpleNamespace(**options_given)


def _in_the_settings():
    return Settings(explain={"part": "a"}).explain


def _of_one_prompt():
    return Settings(explain={"prompt:p": {"part": "a"}}).explain.some["prompt:p"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (_in_python, "part is now called answer_part"),
        (_at_the_command_line, "--part is now called --answer-part"),
        (_in_the_settings, "explain.part is now called explain.answer_part"),
        (_of_one_prompt, "explain.part is now called explain.answer_part"),
    ],
)
def test_an_old_name_of_an_option_works_and_says_the_new_one(place, told):
    with pytest.warns(OldName, match=f"^{told}$") as warned:
        assert place().answer_part == "a"
    if place is _in_python:
        assert [one.filename for one in warned] == [__file__]


def test_the_smallest_effect_is_that_of_the_settings_and_is_kept(monkeypatch):
    def explained():
        return smile_trace.explain(
            "a b c d e f g h", model=PlantedModel(copying("c")), answer="c", budget=40, unit="word"
        )

    usual = explained()
    assert usual.settings.smallest_effect == 0.1
    assert "excluded" in {one.verdict for one in usual.segments}
    monkeypatch.setenv("SMILE_TRACE_EXPLAIN__SMALLEST_EFFECT", "0.0001")
    strict = explained()
    assert {one.verdict for one in strict.segments} == {"supports", "open"}
    assert "no measurable difference" not in strict.summary
    assert "(each less than 10 % of it; additions, length and form" in usual.summary
    assert strict.settings.hash != usual.settings.hash
    for one in (usual, strict):
        assert Explanation.model_validate_json(one.model_dump_json()) == one


def test_the_worker_explains_an_answer_without_the_part_as_a_whole():
    prompted = Prompted(messages=({"role": "user", "content": PROMPT},), answer="no JSON")
    options = ExplainOptions(answer_part="$.city")
    model = as_model(PlantedModel(copying("fox")))
    settings = options.to_record("m")
    made = make_study(
        prompted, model, options, settings, signal="text", whole_without_part=True
    ).result()
    assert made.answer_part is None
    assert [note.code for note in made.notes] == [ReasonCode.PART_MISSING]
    with pytest.raises(AnswerSpanNotFound):
        make_study(prompted, model, options, settings, signal="text")
