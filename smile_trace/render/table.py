"""An Explanation as a pandas DataFrame."""

from typing import TYPE_CHECKING

from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

COLUMNS = (
    *("text", "attribution", "ci_low", "ci_high", "p_value", "significant", "verdict"),
    *("fails_without", "leave_one_out", "protected"),
    *("role", "message", "start", "end", "unit", "key"),
)
"""Those of a SegmentAttribution, the most wanted first."""


def to_frame(explanation: Explanation) -> "pd.DataFrame":
    """One row per segment, in the order of the prompt; the columns are `COLUMNS`.

    Raises:
        ExtraMissing: pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise ExtraMissing("a table needs pandas: pip install pandas") from error
    rows = [[getattr(segment, name) for name in COLUMNS] for segment in explanation.segments]
    return pd.DataFrame(rows, columns=list(COLUMNS))
