"""The tables of docs/benchmarks.md from the stored rows."""

from collections.abc import Sequence

import numpy as np

from benchmarks.attribution.stored_rows import Row
from benchmarks.natural.cases import HALVES
from benchmarks.natural.explainers import EXPLAINERS

HITS = {
    "content_1": "driver first content word",
    "content_3": "among three",
    "hit_1": "first of all words",
}
CLEAR = 1.25
"""How much more a clear driver costs than the second content word."""

_DRAWS = 10_000


def tables(rows: Sequence[Row], truth: Sequence[Row]) -> str:
    """A table per half, and one of its clear drivers: every method, its hits and its difference
    to context-cite."""
    clear = {row["case"] for row in truth if row["cost"] >= CLEAR * row["second"]}
    lines = []
    for half in HALVES:
        own = [row for row in rows if row["half"] == half]
        lines += _table(half, own)
        lines += _table(f"{half}, clear drivers", [row for row in own if row["case"] in clear])
    return "\n".join(lines)


def _table(title: str, own: Sequence[Row]) -> list[str]:
    if not own:
        return []
    cases = sorted({row["case"] for row in own})
    columns = "".join(f" | {name}" for name in HITS.values())
    lines = [
        f"**{title.replace('_', ' ').capitalize()}** ({len(cases)} prompts)\n",
        f"| | calls{columns} | less context-cite (first content word) |",
        "|---" * (len(HITS) + 3) + "|",
    ]
    for name, (signal, calls, _) in EXPLAINERS.items():
        hits = {hit: _of_cases(own, name, hit, cases) for hit in HITS}
        if any(values is None for values in hits.values()):
            continue
        cells = "".join(f" | {_rate(hits[hit])}" for hit in HITS)
        peer = next(n for n, (s, _, _) in EXPLAINERS.items() if s == signal and "cite" in n)
        other = _of_cases(own, peer, "content_1", cases)
        less = "" if name == peer or other is None else _difference(hits["content_1"] - other)
        lines.append(f"| {name} | {calls}{cells} | {less} |")
    return [*lines, ""]


def _of_cases(rows: Sequence[Row], name: str, hit: str, cases: Sequence[int]) -> np.ndarray | None:
    """Per case the mean over the seeds; None where a case is missing."""
    found = [
        [row[hit] for row in rows if row["explainer"] == name and row["case"] == case]
        for case in cases
    ]
    return np.array([np.mean(of) for of in found]) if all(found) else None


def _rate(hits: np.ndarray) -> str:
    low, high = _bootstrap(hits)
    return f"{hits.mean():.2f} [{low:.2f}, {high:.2f}]"


def _difference(of_cases: np.ndarray) -> str:
    low, high = _bootstrap(of_cases)
    return f"{of_cases.mean():+.2f} [{low:+.2f}, {high:+.2f}]"


def _bootstrap(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean, prompts drawn again."""
    drawn = np.random.default_rng(0).choice(values, (_DRAWS, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
