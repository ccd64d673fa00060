"""gSMILE's measures, on planted models for which they are known."""

import numpy as np
import pytest

from smile_trace.evaluation import MarkedPrompt, measure
from smile_trace.evaluation.gsmile import _fidelity
from smile_trace.explaining import explain
from smile_trace.records.evaluation import Measures
from tests.support.planted import PlantedModel, copying

PROMPTS = [
    MarkedPrompt("the quick brown fox jumps over the lazy dog today", ("fox",)),
    MarkedPrompt("a fox ran, and the small fox was seen again", ("fox",), changed="A fox ran."),
]


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_a_model_that_depends_on_the_marked_word():
    found = measure(PROMPTS, PlantedModel(copying("fox")), repeats=2, budget=30)
    one, two = found.prompts
    assert one.accuracy == two.accuracy == 1.0
    assert one.stability == two.stability == 1.0
    assert one.consistency < 0.001
    assert one.deletion_auc < one.random_deletion_auc
    assert one.insertion_auc > one.random_insertion_auc
    assert one.weighted_r2 > 0.9
    assert one.calls <= 30
    assert found.mean("accuracy") == 1.0
    assert Measures.model_validate_json(found.model_dump_json()) == found


def test_a_model_that_depends_on_another_word():
    [found] = measure(PROMPTS[:1], PlantedModel(copying("dog")), repeats=1).prompts
    assert found.accuracy < 0.9  # that word stands above; where the others stand is chance


def test_what_is_undefined_is_none():
    everything = MarkedPrompt("fox dog", ("fox", "dog"))
    [found] = measure([everything], PlantedModel(copying("fox")), repeats=1).prompts
    assert found.accuracy is None
    assert found.consistency is None
    assert Measures(prompts=(found,)).mean("accuracy") is None


def test_draws_that_differ_show_in_the_consistency():
    noise = np.random.default_rng(0)

    def model(prompt):
        return "yes indeed" if "fox" in prompt and noise.random() < 0.7 else "no"

    planted = PlantedModel(model, deterministic=False)
    [found] = measure(PROMPTS[:1], planted, repeats=2, budget=16).prompts
    assert found.consistency > 0.001


def test_the_fidelity_is_the_formula_of_the_paper():
    explanation = explain(PROMPTS[0].prompt, model=PlantedModel(copying("fox")))
    r2, mse, mae = _fidelity(explanation)
    rows = [o for o in explanation.perturbations if o.shift is not None]
    x = 1.0 - np.array([o.mask for o in rows], dtype=float)
    y = np.array([o.shift for o in rows])
    fox = [s.text for s in explanation.segments].index("fox")
    assert np.allclose(y, x[:, fox])  # linear: the surrogate can be right
    assert r2 > 0.95
    assert 0 <= mse < 0.02
    assert mse <= mae < 0.2
