"""The status of an explanation, from what was found of its levels."""

import numpy as np
import pytest

from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.response_scores import ResponseScores
from smile_trace.attribution.reporting.verdict import judge
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Message, Prompted

SEGMENTS = Segmentation(
    Prompted(messages=(Message(role="user", content="open at nine"),)), "word"
).segments
SCORES = ResponseScores(
    changes=((0.0, 0.9, 0.4),),
    baseline=0.0,
    baseline_reproduced=True,
    noise_floor=0.0,
    noise_variance=None,
    failed=((False, False, False),),
)


def findings(*significant: bool) -> LevelFindings:
    zeros = np.zeros(len(SEGMENTS))
    return LevelFindings(
        segments=SEGMENTS,
        effects=zeros + 0.1,
        low=zeros,
        high=zeros + 0.5,
        p_values=zeros + 0.04,
        significant=significant,
        leave_one_out=(None,) * len(SEGMENTS),
        rows=30,
        exact=False,
        held_out=HeldOut(r2=0.39, low=0.2, high=0.6, gain=0.3),
        locality=(),
    )


@pytest.mark.parametrize(
    ("significant", "status"),
    [((False, True, False), "reliable"), ((False, False, False), "inconclusive")],
)
def test_what_predicts_but_names_nothing_is_inconclusive(
    significant: tuple[bool, ...], status: str
) -> None:
    shown, fidelity = judge([findings(*significant)], SCORES)
    assert (shown, fidelity.status) == (1, status)
    assert "predict 39 %" in fidelity.reason
    assert ("none of them stands out" in fidelity.reason) == (status == "inconclusive")


def test_a_level_that_names_nothing_leaves_the_one_before_it_reliable() -> None:
    levels = [findings(False, True, False), findings(False, False, False)]
    shown, fidelity = judge(levels, SCORES)
    assert (shown, fidelity.status) == (2, "reliable")
