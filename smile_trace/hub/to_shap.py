"""An explanation as shap's, for its plots."""

from typing import TYPE_CHECKING

import numpy as np

from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation

if TYPE_CHECKING:
    import shap


def to_shap(explanation: Explanation) -> "shap.Explanation":
    """The segments that could be removed with their attributions, as one row of shap's.

    `values` are attributions, in units of answer change (no Shapley values: docs/method.md);
    `data` and `feature_names` the segments' texts; `lower_bounds`, `upper_bounds` the intervals;
    `base_values` 0. They do not sum to the answer change of removing everything.

    Raises:
        ExtraMissing: shap is not installed.
    """
    try:
        import shap
    except ModuleNotFoundError as error:
        raise ExtraMissing("shap's Explanation needs shap: pip install shap") from error
    free = [segment for segment in explanation.segments if not segment.protected]
    texts = [segment.text for segment in free]
    return shap.Explanation(
        values=np.array([segment.attribution for segment in free]),
        base_values=0.0,
        data=np.array(texts, dtype=object),
        feature_names=texts,
        lower_bounds=np.array([segment.ci_low for segment in free]),
        upper_bounds=np.array([segment.ci_high for segment in free]),
    )
