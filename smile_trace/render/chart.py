"""An Explanation as a bar chart with intervals, drawn by matplotlib."""

from typing import TYPE_CHECKING, Any

from smile_trace._guards.presentable import presentable
from smile_trace.errors import ExtraMissing
from smile_trace.records import Explanation, Verdict
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED
from smile_trace.render.scores import rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL = 40
"""Characters of a segment's text beside its bar."""

_GREY = "#b6bcc4"
_BARS: dict[Verdict | None, dict[str, Any]] = {
    "supports": {"color": "#4a90f0"},
    "against": {"color": "#f08a2e"},
    "excluded": {"color": _GREY},
    "open": {"facecolor": "none", "edgecolor": _GREY, "hatch": "////"},
}
"""The look of the heatmap."""
_LEGEND: dict[Verdict, str] = {"excluded": NO_DIFFERENCE, "open": NOT_MEASURED}


def plot(explanation: Explanation, *, most: int = 15, ax: "Axes | None" = None) -> "Axes":
    """The strongest segments as horizontal bars, each with its interval.

    Args:
        explanation: what is drawn.
        most: how many segments, the strongest first.
        ax: where to draw; new axes by default.

    Raises:
        ExtraMissing: matplotlib is not installed.
    """
    strongest = sorted(rows(explanation), key=lambda row: -abs(row.segment.strength))[:most]
    segments = [row.segment for row in reversed(strongest)]
    if ax is None:
        ax = _axes(len(segments))
    for place, segment in enumerate(segments):
        ax.barh(place, segment.attribution, height=0.7, **_BARS[segment.verdict])
        ax.plot([segment.ci_low, segment.ci_high], [place, place], color="#444444", linewidth=1.5)
    shown = {segment.verdict for segment in segments}
    from matplotlib.patches import Patch

    if keys := [Patch(label=said, **_BARS[v]) for v, said in _LEGEND.items() if v in shown]:
        ax.legend(handles=keys, loc="lower right", fontsize="small", frameon=False)
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
