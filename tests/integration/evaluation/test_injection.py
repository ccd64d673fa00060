"""The sanity check of the packaged model."""

import pytest

from smile_trace.evaluation import check_by_injection
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))


def prepared(model, prompt, parameters=None, **options) -> Prepared:
    chosen = ExplainOptions(**options)
    return prepare(prompt, Settings(), chosen, model=model, parameters=parameters)


@pytest.mark.model
def test_the_real_model_does_not_follow_instructions_but_repeats_examples():
    parameters = {"temperature": 0, "max_tokens": 4}
    asked = prepared(
        "demo-completion", "The Eiffel Tower is in the city of", parameters=parameters, budget=24
    )
    checked = check_by_injection(asked)
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "The Eiffel Tower is in the city of PELICAN."
