"""Deletion and insertion curves of explanations whose right order is known."""

import logging

import pytest

import smile_trace
from smile_trace.evaluation import faithfulness, most_calls
from smile_trace.records import Explanation
from smile_trace.records.evaluation import Faithfulness
from tests.support.planted import PlantedModel, copying

PROMPT = "the quick brown fox jumps over the lazy dog today"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


class CachedModel(PlantedModel):
    """Its answers are cached in this process, as those of a model of the settings are."""

    def __init__(self, function, identity, **options):
        super().__init__(function, **options)
        self.identity = identity


def reversed_order(explanation: Explanation) -> Explanation:
    """The same explanation with the worst order."""
    turned = tuple(
        s.model_copy(update={"attribution": -s.attribution}) for s in explanation.segments
    )
    return explanation.model_copy(update={"segments": turned})


def test_curves_of_a_single_driving_word():
    model = PlantedModel(copying("fox"))
    found = faithfulness(smile_trace.explain(PROMPT, model=model), model)
    n = found.segments
    assert found.steps == tuple(range(n + 1))
    assert found.attribution.deletion == (1.0, *[0.0] * n)
    assert found.attribution.insertion == (0.0, *[1.0] * n)
    assert found.attribution.deletion_auc == pytest.approx(0.5 / n)
    assert found.attribution.insertion_auc == pytest.approx(1 - 0.5 / n)
    assert found.attribution.drops == {1: 1.0, 3: 1.0, 5: 1.0}
    assert found.leave_one_out.deletion_auc == found.attribution.deletion_auc
    # A random order meets the word in the middle, on average.
    assert 0.2 < found.random.deletion_auc < 0.8
    assert "faster than in a random order" in found.summary
    assert Faithfulness.model_validate_json(found.model_dump_json()) == found


def test_a_reversed_order_is_worse_than_random():
    model = PlantedModel(copying("fox"))
    wrong = reversed_order(smile_trace.explain(PROMPT, model=model))
    found = faithfulness(wrong, model)
    assert found.attribution.deletion_auc > found.random.deletion_auc
    assert found.attribution.insertion_auc < found.random.insertion_auc
    assert found.leave_one_out.deletion_auc < found.random.deletion_auc
    assert "no faster than" in found.summary


def test_same_seed_same_figures():
    explanation = smile_trace.explain(PROMPT, model=PlantedModel(copying("fox")))
    one, two, other = (
        faithfulness(explanation, PlantedModel(copying("fox")), seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one.random != other.random


def test_calls_are_bounded_and_cached(caplog):
    model = CachedModel(copying("fox"), "kept for the curves")
    explanation = smile_trace.explain(PROMPT, model=model, budget=20)
    before = len(model.asked)
    most = most_calls(explanation, orders=2)
    with pytest.raises(ValueError, match=f"{most} times"):
        faithfulness(explanation, model, orders=2, budget=most - 1)
    assert len(model.asked) == before
    with caplog.at_level(logging.INFO, "smile_trace.evaluation.curves"):
        found = faithfulness(explanation, model, orders=2, budget=most)
    assert f"at most {most} times" in caplog.text
    assert len(model.asked) - before == found.calls <= most
    assert found.cached_calls > 0  # the unperturbed prompt at least
    again = faithfulness(explanation, model, orders=2)
    assert len(model.asked) - before == found.calls
    assert again.calls == 0


def test_leave_one_out_has_no_more_calls_than_the_explanation():
    words = [f"w{i}" for i in range(60)]
    words[30] = "fox"
    model = PlantedModel(copying("fox"))
    explanation = smile_trace.explain(" ".join(words), model=model, budget=30)
    found = faithfulness(explanation, model, orders=1)
    assert len(found.steps) <= 21
    assert found.steps[0] == 0
    assert found.steps[-1] == found.segments
    assert set(found.attribution.drops) == {1, 3, 5}
    assert found.calls <= most_calls(explanation, orders=1)


def test_the_noise_floor_of_a_nondeterministic_model():
    noisy = iter(range(10**6))

    def model(prompt):
        return f"fox number {next(noisy)}" if "fox" in prompt.split() else "nothing at all"

    planted = PlantedModel(model, deterministic=False)
    found = faithfulness(smile_trace.explain(PROMPT, model=planted), planted, orders=3)
    assert found.noise_floor > 0
    assert found.attribution.deletion_auc < found.random.deletion_auc


def test_failed_calls_are_interpolated():
    def model(prompt):
        if prompt.split() == ["fox"]:
            raise ValueError("no luck")
        return copying("fox")(prompt)

    planted = PlantedModel(model)
    found = faithfulness(smile_trace.explain(PROMPT, model=planted), planted)
    assert found.attribution.insertion[1] is None
    assert 0 <= found.attribution.insertion_auc <= 1


def test_protected_segments_stay_and_the_part_of_the_answer_counts():
    def model(prompt):
        words = prompt.split()
        return ("red fox" if "fox" in words else "no one") + (
            " and a dog" if "dog" in words else " and the sea"
        )

    planted = PlantedModel(model)
    explanation = smile_trace.explain(
        PROMPT, model=planted, protect=["the"], part="and a dog", budget=40
    )
    planted.asked.clear()
    found = faithfulness(explanation, planted)
    assert found.segments == 8
    assert found.attribution.drops[1] > 0.6
    assert found.attribution.insertion[1] == 1.0  # with the protected words alone besides
    assert all("the" in r.messages[0].content.split() for r in planted.asked)


def test_the_plot_is_a_self_contained_svg():
    import xml.etree.ElementTree as ElementTree

    model = PlantedModel(copying("fox"))
    found = faithfulness(smile_trace.explain(PROMPT, model=model), model)
    svg = found.to_svg()
    root = ElementTree.fromstring(svg)
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 6
    assert all(len(line.get("points").split()) == len(found.steps) for line in lines)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert found._repr_html_() == svg
