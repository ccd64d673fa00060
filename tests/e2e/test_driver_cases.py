"""The words that drive the real model's answers are found, in both signals.

The model is the packaged Gemma 3 270M. In text mode the logged answer is the four tokens that
it says itself, in probability mode the case's one-word answer. The list of function words was
fixed before the first run. What the limits rest on, the exact values of the estimand, is
computed by `make bench-drivers` (docs/lab/drivers.md), with ten seeds; here three, for the time.
"""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.attribution.cases import Case
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.drivers.cases import Place, load, place
from benchmarks.drivers.studies import attributions, explain
from smile_trace.records import Signal

pytestmark = pytest.mark.model

CASES = load()


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scores]:
    """The real model; a text that several seeds ask is answered once."""
    folder: Path = tmp_path_factory.mktemp("answers")
    found = Scores(folder / "answers.db")
    yield found
    found.close()


def _medians(
    scores: Scores, cases: Sequence[Case], signal: Signal, budget: int, seeds: Sequence[int]
) -> list[Place]:
    """The driver's places, median over the seeds."""
    medians = []
    for case in cases:
        answer = Question(case, signal, scores).answer
        explained = [
            explain(case, signal, scores, answer=answer, budget=budget, seed=seed) for seed in seeds
        ]
        assert all(len({o.text_hash for o in one.perturbations}) <= budget for one in explained)
        places = [place(case, attributions(one)) for one in explained]
        print(signal, case.drivers, places)
        medians.append(
            Place(
                statistics.median(p.overall for p in places),
                statistics.median(p.content for p in places),
            )
        )
    return medians


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signal", "budget", "first", "first_of_content", "among_three"),
    [("probability", 32, 7, 12, 14), ("text", 40, 10, 10, 12)],
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

    Three of the eleven are as good as tied there, and ten seeds give 8 (docs/lab/drivers.md). In
    text mode *piano* and *salmon* are not among three. The limits are one below what is measured:
    the model's last digits are the processor's.
    """
    medians = _medians(scores, CASES, signal, budget, range(3))
    assert sum(rank.overall <= 3 for rank in medians) >= among_three
    assert sum(rank.overall == 1 for rank in medians) >= first
    assert sum(rank.content == 1 for rank in medians) >= first_of_content


@pytest.mark.parametrize("signal", ["probability", "text"])
def test_the_driving_word_is_among_the_first(scores: Scores, signal: Signal) -> None:
    """A tenth of the above: one seed, the shorter cases."""
    short = sorted(CASES, key=lambda case: len(case.prompt))[:5]
    medians = _medians(scores, short, signal, 40, [0])
    assert sum(rank.overall <= 3 for rank in medians) == 5
    assert sum(rank.content == 1 for rank in medians) >= 3
