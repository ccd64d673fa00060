"""The plot of the held-out half."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "smile-trace", "font.size": 9})

from matplotlib import pyplot  # noqa: E402 - after the backend is chosen

_METADATA = {"Date": None}


def draw(found: Sequence[dict[str, Any]], path: Path) -> None:
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
