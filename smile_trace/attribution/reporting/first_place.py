"""Which part may have the largest effect: one, a few, or none that stands out."""

import numpy as np

from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.reporting.verdict import MIN_ROWS, by_amount
from smile_trace.records import Fidelity, FirstPlace

ALONE = 0.5
"""Probability of being first from which a part is named alone."""

TOGETHER = 0.8
"""Probability of holding the first with which a set is named instead."""

MOST_TOGETHER = 5
"""How many parts are named at most; more of them tell a reader nothing."""


def first_place(found: LevelFindings, fidelity: Fidelity) -> FirstPlace | None:
    """The part that is probably first, or else the smallest set that probably holds it.

    Where more than MOST_TOGETHER would be needed, or half of all parts, or where the amount that is
    removed is what counts, no part stands out. None where nothing was estimated, or nothing has an
    effect.
    """
    known = fidelity.reproduced and fidelity.status != "no_effect" and found.rows >= MIN_ROWS
    if found.first is None or not known or not np.any(found.first):
        return None
    ranked = np.argsort(-found.first, kind="stable")
    holding = np.cumsum(found.first[ranked])
    size = 1 if holding[0] >= ALONE else int(np.searchsorted(holding, TOGETHER - 1e-9)) + 1
    free = sum(not segment.protected for segment in found.segments)
    if size > MOST_TOGETHER or 2 * size >= free or by_amount(found):
        return FirstPlace(keys=(), probability=0.0)
    keys = tuple(found.segments[k].key for k in ranked[:size])
    return FirstPlace(keys=keys, probability=float(holding[size - 1]))
