"""An Explanation as a bar chart with intervals, drawn by matplotlib."""

from typing import TYPE_CHECKING

from smile_trace.errors import ExtraMissing
from smile_trace.presentable import presentable
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render.scores import rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL = 40
"""Characters of a segment's text beside its bar."""

_SUPPORTS, _OPPOSES, _NOISE = "#4a90f0", "#f08a2e", "#b6bcc4"
"""The colours of the heatmap: blue, orange, and grey for what is within the noise."""


def plot(explanation: Explanation, *, most: int = 15, ax: "Axes | None" = None) -> "Axes":
    """The strongest segments as horizontal bars, each with its interval.

    Args:
        explanation: what is drawn.
        most: how many segments, the strongest first.
        ax: where to draw; new axes by default.

    Raises:
        ExtraMissing: matplotlib is not installed.
    """
    strongest = sorted(rows(explanation), key=lambda row: -abs(row.segment.attribution))[:most]
    segments = [row.segment for row in reversed(strongest)]
    if ax is None:
        ax = _axes(len(segments))
    for place, segment in enumerate(segments):
        ax.barh(place, segment.attribution, color=_colour(segment), height=0.7)
        ax.plot([segment.ci_low, segment.ci_high], [place, place], color="#444444", linewidth=1.5)
    ax.axvline(0, color="#444444", linewidth=0.8)
    # A dollar would begin a formula.
    labels = [presentable(s.text, longest=_LABEL).replace("$", r"\$") for s in segments]
    ax.set_yticks(range(len(segments)), labels)
    level = round(100 * explanation.fidelity.interval_level)
    ax.set_xlabel(f"attribution (answer change without it), {level} % interval")
    ax.set_title(f"{explanation.settings.model}: {explanation.status}".replace("$", r"\$"))
    return ax


def _axes(bars: int) -> "Axes":
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise ExtraMissing("a chart needs matplotlib: pip install matplotlib") from error
    _, ax = plt.subplots(figsize=(8, 1.2 + 0.32 * bars), layout="constrained")
    return ax


def _colour(segment: SegmentAttribution) -> str:
    if not segment.significant:
        return _NOISE
    return _SUPPORTS if segment.attribution > 0 else _OPPOSES
