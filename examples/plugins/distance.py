"""The Hausdorff distance, as a distance of texts."""

import numpy as np

import smile_trace
from smile_trace.attribution import register_distance
from smile_trace.attribution.answer_change.distances import scaled
from smile_trace_contracts.attribution import check_distance


def hausdorff(x: np.ndarray, y: np.ndarray) -> float:
    """The largest cosine distance from a word to the nearest of the other answer, in [0, 1]."""
    cost = np.clip((1 - x @ y.T) / 2, 0, 1)
    return float(max(cost.min(axis=1).max(), cost.min(axis=0).max()))


register_distance("hausdorff", scaled(hausdorff))


explanation = smile_trace.explain(
    "Say the colour of the sea at noon, please.",
    model=lambda prompt: "deep blue" if "sea" in prompt else "green grass",
    distance="hausdorff",
)
assert explanation.ranked[0].text == "sea"
assert explanation.settings.distance == "hausdorff"


def test_hausdorff():
    check_distance(scaled(hausdorff))


test_hausdorff()
