"""An explanation as shap's, for its plots; attributions are no Shapley values."""

import numpy as np
import shap

from smile_trace import Explanation


def to_shap(explanation: Explanation) -> shap.Explanation:
    free = [segment for segment in explanation.segments if not segment.protected]
    return shap.Explanation(
        values=np.array([s.attribution for s in free]),
        base_values=0.0,
        data=np.array([s.text for s in free], dtype=object),
        feature_names=[s.text for s in free],
        lower_bounds=np.array([s.ci_low for s in free]),
        upper_bounds=np.array([s.ci_high for s in free]),
    )
