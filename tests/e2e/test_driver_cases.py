"""The words that drive the real model's answers are found, in both signals.

The model is the packaged Gemma 3 270M. In text mode the logged answer is the four tokens that
it says itself, in probability mode the case's one-word answer. The list of function words was
fixed before the first run. What the limits rest on, the exact values of the estimand, is
computed by `make bench-drivers` (benchmarks/drivers), with ten seeds; here one, for the time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.attribution.cases import Case
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.drivers.cases import Place, load, place
from benchmarks.drivers.studies import attributions, explain
from smile_trace.records import Signal

pytestmark = [pytest.mark.model, pytest.mark.slow]

CASES = load()


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scores]:
    """The real model; a text that several tests ask is answered once."""
    folder: Path = tmp_path_factory.mktemp("answers")
    found = Scores(folder / "answers.db")
    yield found
    found.close()


def _places(scores: Scores, cases: Sequence[Case], signal: Signal, budget: int) -> list[Place]:
    """The driver's places."""
    places = []
    for case in cases:
        answer = Question(case, signal, scores).answer
        explained = explain(case, signal, scores, answer=answer, budget=budget, seed=0)
        assert len({o.text_hash for o in explained.perturbations}) <= budget
        places.append(place(case, attributions(explained)))
        print(signal, case.drivers, places[-1])
    return places


@pytest.mark.parametrize(
    ("signal", "budget", "first", "first_of_content", "among_three"),
    [("probability", 32, 7, 11, 14), ("text", 40, 9, 9, 13)],
)
def test_the_driving_word_is_found(
    scores: Scores,
    signal: Signal,
    budget: int,
    first: int,
    first_of_content: int,
    among_three: int,
) -> None:
    """By the exact values 11 and 14 are first in probability mode, 13 and 13 in text mode.

    Three of the eleven are as good as tied there, and ten draws give 8 (benchmarks/drivers). In
    text mode *piano* and *salmon* are not among three. The limits are one below what is measured:
    the model's last digits are the processor's.
    """
    places = _places(scores, CASES, signal, budget)
    assert sum(rank.overall <= 3 for rank in places) >= among_three
    assert sum(rank.overall == 1 for rank in places) >= first
    assert sum(rank.content == 1 for rank in places) >= first_of_content
