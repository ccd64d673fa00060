"""Shares of citations over answers, with intervals that hold whatever is alike in one answer."""

from typing import NamedTuple

import numpy as np
import pytest

from smile_trace._stats.intervals import wilson
from smile_trace.comparison.cited_shares import cited_shares
from smile_trace.records import CitedDocument
from smile_trace.render.comparison.report_words import cited_rows, unused_citations
from tests.support.cited import OPEN, UNCITED, UNKNOWN, UNUSED, USED

Answer = tuple[CitedDocument, ...]


def test_citations_are_counted_over_answers() -> None:
    found = cited_shares([(), (USED, UNUSED, UNKNOWN, UNCITED), (USED, OPEN)])
    assert found is not None
    assert (found.answers, found.unused.count, found.unused.of, found.unused.open) == (2, 2, 4, 1)
    assert (found.uncited.count, found.uncited.of) == (1, 3)
    assert cited_rows(found)[0][:2] == ("cited, not used", "2 of 4 (+1 open)")
    said = unused_citations(found)
    assert said.startswith("50 % [")
    assert said.endswith("(of 4 citations in 2 answers; 1 more is open).")


def test_answers_without_a_citation_or_with_open_ones_alone() -> None:
    assert cited_shares([(), ()]) is None
    found = cited_shares([(OPEN,)])
    assert found is not None
    assert (found.unused.low, found.unused.high) == (0, 1)
    assert unused_citations(found).endswith("is open (1 citation).")
    assert cited_rows(found) == []


def test_an_answer_is_one_trial_however_often_it_cites() -> None:
    answers: list[Answer] = [(USED, USED, USED, USED) for _ in range(9)]
    answers.append((UNUSED, UNUSED, UNUSED, UNUSED))
    found = cited_shares(answers)
    assert found is not None
    assert (found.unused.low, found.unused.high) == pytest.approx(wilson(1, 10, 0.9))
    longer = cited_shares([*answers, (USED,) * 40])
    assert longer is not None
    assert longer.unused.high > found.unused.high, "one long answer is worth no ten"


class World(NamedTuple):
    """`alike`: how much the citations of an answer are alike, from not at all to all the same."""

    alike: float
    answers: int


@pytest.mark.parametrize("world", [World(0.0, 30), World(0.3, 30), World(0.95, 60)])
def test_the_interval_holds_the_true_share(world: World) -> None:
    rng, held, rounds = np.random.default_rng(3), 0, 400
    for _ in range(rounds):
        rates = np.full(world.answers, 0.2)
        if world.alike:
            spread = 1 / world.alike - 1
            rates = rng.beta(0.2 * spread, 0.8 * spread, world.answers)
        sizes = rng.integers(1, 6, world.answers)
        drawn = [rng.random(size) < rate for size, rate in zip(sizes, rates, strict=True)]
        found = cited_shares([tuple(UNUSED if x else USED for x in one) for one in drawn])
        assert found is not None
        held += found.unused.low <= 0.2 <= found.unused.high
    assert held / rounds >= 0.87
