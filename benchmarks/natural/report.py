"""The tables of the README from the stored rows."""

from collections.abc import Sequence

import numpy as np

from benchmarks.attribution.paired import bootstrap
from benchmarks.attribution.stored_rows import Row
from benchmarks.natural.cases import HALVES
from benchmarks.natural.explainers import EXPLAINERS
from smile_trace.records import Signal

HITS = {
    "content_1": "driver first content word",
    "content_3": "among three",
    "hit_1": "first of all words",
    "named": "effect of the named over the best",
}


def tables(rows: Sequence[Row], truth: Sequence[Row]) -> str:
    """A table per half, and one of its drivers that two halves of the masks agree on: every
    method, its hits and its difference to context-cite."""
    agreed = {(row["case"], row["signal"]) for row in truth if row.get("agreed")}
    lines = []
    for half in HALVES:
        own = [row for row in rows if row["half"] == half]
        lines += _table(half, own)
        lines += _table(f"{half}, agreed", [row for row in own if _asked(row) in agreed])
    return "\n".join(lines)


def _asked(row: Row) -> tuple[int, Signal]:
    return row["case"], EXPLAINERS[row["explainer"]][0]


def _table(title: str, own: Sequence[Row]) -> list[str]:
    """Each signal by the prompts that all its methods have answered."""
    if not own:
        return []
    columns = "".join(f" | {name}" for name in HITS.values())
    prompts = len({row["case"] for row in own})
    lines = [
        f"**{title.replace('_', ' ').capitalize()}** ({prompts} prompts)\n",
        f"| | prompts | calls{columns} | less context-cite (first content word) |",
        "|---" * (len(HITS) + 4) + "|",
    ]
    for name, (signal, calls, _) in EXPLAINERS.items():
        together = [n for n, (s, _, _) in EXPLAINERS.items() if s == signal]
        cases = sorted(
            set.intersection(*({r["case"] for r in own if r["explainer"] == n} for n in together))
        )
        if not cases:
            continue
        cells = "".join(f" | {_rate(_of_cases(own, name, hit, cases))}" for hit in HITS)
        ours, peer = (
            _of_cases(own, n, "content_1", cases)
            for n in (name, next(n for n in together if "cite" in n))
        )
        less = "" if "cite" in name else bootstrap(ours - peer)
        lines.append(f"| {name} | {len(cases)} | {calls}{cells} | {less} |")
    return [*lines, ""]


def _of_cases(rows: Sequence[Row], name: str, hit: str, cases: Sequence[int]) -> np.ndarray:
    """Per case the mean over the seeds."""
    return np.array(
        [
            np.mean([_value(r, hit) for r in rows if r["explainer"] == name and r["case"] == case])
            for case in cases
        ]
    )


def _value(row: Row, hit: str) -> float:
    value = row.get(hit)
    return np.nan if value is None else float(value)


def _rate(hits: np.ndarray) -> str:
    if np.isnan(hits).any():
        return "–"
    found = bootstrap(hits)
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
