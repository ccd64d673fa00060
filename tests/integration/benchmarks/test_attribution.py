"""The benchmark's cases hold for the packaged model."""

from pathlib import Path

import pytest

from benchmarks.attribution import confirm
from benchmarks.attribution.cases import Case, load
from benchmarks.attribution.scores import Scores


@pytest.mark.slow
@pytest.mark.model
def test_cases_hold_for_the_model_and_a_false_one_does_not(tmp_path: Path) -> None:
    scores = Scores(tmp_path / "scores.db")
    cases = {case.kind: case for case in load("tuning") if case.kind != "context"}
    prompt = "After his trip to London he said that Cairo is the capital of"
    false = Case("plain", prompt, "Egypt", ("London",))
    try:
        scores.generate([text for case in (*cases.values(), false) for text in confirm.texts(case)])
        for case in cases.values():
            assert confirm.doubt(case, scores) == ""
        assert confirm.doubt(false, scores) == "the answer is given without the drivers"
        asked = scores.asked
        assert scores.generate([false.prompt]) == scores.generate([false.prompt])
        assert scores.asked == asked
    finally:
        scores.close()
