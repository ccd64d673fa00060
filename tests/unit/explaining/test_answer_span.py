"""explain(part=…): one part of an answer, explained from the calls of the whole answer."""

import pytest

import smile_trace
from smile_trace.attribution import AnswerSpanNotFound
from smile_trace.explaining import ExplanationFailed
from smile_trace.records import Explanation
from tests.support.planted import PlantedModel

PROMPT = "say what Anna does and what Bernd does today please"


class CachedModel(PlantedModel):
    """Its answers are cached in this process, as those of a model of the settings are."""

    identity = "two sentences"


def two_sentences(prompt):
    anna = "Anna paints boats." if "Anna" in prompt else "Nobody is there."
    return f"{anna} {'Bernd bakes bread.' if 'Bernd' in prompt else 'Rain fell on the moor.'}"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def test_further_parts_of_an_answer_cost_no_call():
    model = CachedModel(two_sentences)
    whole = smile_trace.explain(PROMPT, model=model, budget=30)
    asked = len(model.asked)
    assert asked == whole.cost.target_calls > 10
    for said, driver in (("Anna paints boats.", "Anna"), ("Bernd bakes bread.", "Bernd")):
        explanation = smile_trace.explain(PROMPT, model=model, budget=30, part=said)
        assert explanation.ranked[0].text == driver
        assert explanation.answer[slice(*explanation.part)] == said
        assert explanation.cost.target_calls == 0
        assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    assert len(model.asked) == asked


def test_a_missing_part_is_reported_after_one_call_at_most():
    model = PlantedModel(two_sentences)
    with pytest.raises(AnswerSpanNotFound, match=r"“Clara”.*copy it"):
        smile_trace.explain(PROMPT, model=model, part="Clara")
    assert len(model.asked) == 1  # the answer was not known
    with pytest.raises(AnswerSpanNotFound, match="empty"):
        smile_trace.explain(PROMPT, model=model, answer="Anna", part=" ")
    assert len(model.asked) == 1


def test_first_token_probabilities_cannot_explain_a_part(tmp_path):
    (tmp_path / "smile_trace.toml").write_text(
        '[models.far]\nkind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    with pytest.raises(ExplanationFailed, match='"text"'):
        smile_trace.explain(PROMPT, model="far", answer="Anna", part="Anna", signal="probability")
