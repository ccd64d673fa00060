"""Shares of citations over answers, with intervals that hold whatever is alike in one answer."""

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
    assert said.endswith("(of 4 citations in 2 answers; 1 open).")


def test_nothing_is_said_where_nothing_is_settled() -> None:
    assert cited_shares([(), (OPEN,)]) is None


def test_an_answer_is_one_trial_however_often_it_cites() -> None:
    answers: list[Answer] = [(USED, USED, USED, USED) for _ in range(9)]
    answers.append((UNUSED, UNUSED, UNUSED, UNUSED))
    found = cited_shares(answers)
    assert found is not None
    assert (found.unused.low, found.unused.high) == pytest.approx(wilson(1, 10, 0.9))
    longer = cited_shares([*answers, (USED,) * 40])
    assert longer is not None
    assert longer.unused.high > found.unused.high, "one long answer is worth no ten"


@pytest.mark.parametrize("alike", [0.01, 0.3, 0.95])
def test_the_interval_holds_the_true_share_however_alike_an_answers_citations_are(
    alike: float,
) -> None:
    rng, held, rounds, spread = np.random.default_rng(3), 0, 300, 1 / alike - 1
    for _ in range(rounds):
        rates = rng.beta(0.2 * spread, 0.8 * spread, 60)
        drawn = [rng.random(rng.integers(1, 6)) < rate for rate in rates]
        found = cited_shares([tuple(UNUSED if x else USED for x in one) for one in drawn])
        held += found is not None and found.unused.low <= 0.2 <= found.unused.high
    assert held / rounds >= 0.88
