"""The two plots."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "smile-trace", "font.size": 9})

from matplotlib import pyplot  # noqa: E402 - after the backend is chosen

_METADATA = {"Date": None}
_STYLES: list[dict[str, Any]] = [  # smile-trace is the first explainer
    {"color": "black", "linewidth": 2.5, "zorder": 3},
    *(
        {"color": f"C{k % 10}", "linestyle": "-" if k < 6 else "--", "linewidth": 1.2}
        for k in range(12)
    ),
]


def planted(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Driver first, correlation and error with each one's own estimand, against calls."""
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    titles = {
        "first": "a driver is first",
        "own_correlation": "correlation with its own estimand",
        "error": "error to its own estimand",
    }
    calls = sorted({row["calls_allowed"] for row in rows})
    explainers = list(dict.fromkeys(row["explainer"] for row in rows))
    for axis, (field, title) in zip(axes, titles.items(), strict=True):
        for explainer, style in zip(explainers, _STYLES, strict=False):
            points = [_mean(rows, explainer, allowed, field) for allowed in calls]
            if None not in points:
                axis.plot(calls, points, label=explainer, **style)
        axis.set(title=title, xlabel="calls", xticks=calls)
        axis.grid(alpha=0.3)
    axes[2].set_ylim(bottom=0)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.savefig(path, metadata=_METADATA)
    pyplot.close(figure)


def short(found: Sequence[dict[str, Any]], path: Path) -> None:
    """The held-out short prompts: content words first, and LDS, per explainer and signal."""
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    some = [
        {**r, "content": r["content_1"] / r["driven"]}
        for r in found
        if r["split"] == "held_out" and r["calls_allowed"]
    ]
    names = list(dict.fromkeys(r["explainer"] for r in some))[::-1]
    titles = {"content": "driver first among content words, share", "lds": "held-out LDS"}
    for axis, (field, title) in zip(axes, titles.items(), strict=True):
        for offset, signal in ((0.2, "probability"), (-0.2, "text")):
            values = {r["explainer"]: r[field] for r in some if r["signal"] == signal}
            heights = [values.get(name) or 0 for name in names]
            places = [k + offset for k in range(len(names))]
            axis.barh(places, heights, height=0.38, label=signal)
        axis.set(title=title, yticks=range(len(names)), yticklabels=names)
        axis.grid(axis="x", alpha=0.3)
    axes[1].legend(frameon=False)
    figure.savefig(path, metadata=_METADATA)
    pyplot.close(figure)


def _mean(rows: Sequence[dict[str, Any]], explainer: str, calls: int, field: str) -> float | None:
    values = [
        float(row[field])
        for row in rows
        if row["explainer"] == explainer
        and row["calls_allowed"] == calls
        and row[field] is not None
    ]
    return statistics.mean(values) if values else None
