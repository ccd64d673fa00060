"""How far a proxy agrees with its target."""

import numpy as np

from smile_trace.attribution.estimation.inference import Array
from smile_trace.attribution.estimation.response_scores import NEGLIGIBLE


def concordance(target: Array, proxy: Array) -> float | None:
    """How often, of two perturbations, the larger answer change is the same one for both models.

    Harrell's C, in [0, 1]: 1 = the same order, .5 = as often as not; where the proxy's changes
    are equal a pair counts half. Pairs whose target's changes differ by a hundredth or less are
    left aside. For an answer that is a label, the target's answer change is 0 where the label is
    the same, so this is the area under the curve of "the label changed".

    Args:
        target: the target's changes, shape (rows,).
        proxy: the proxy's at the same masks.

    Returns:
        None where no pair of the target's changes differs.
    """
    apart = target[:, None] - target[None]
    ordered = apart > NEGLIGIBLE
    if not ordered.any():
        return None
    ahead = (proxy[:, None] - proxy[None])[ordered]
    return float(((ahead > 1e-9) + 0.5 * (np.abs(ahead) <= 1e-9)).mean())
