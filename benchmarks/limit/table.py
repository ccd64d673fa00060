"""From the kept figures to the table in the README beside it."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.limit.rows import MEASUREMENTS, Row

RESULTS = Path(__file__).parent / "results.json"
LOADED = 0.1
HEAD = (
    "| | unit | smile-trace | beside it | ratio | 0.2 | goal | |\n|---|---|--:|--:|--:|--:|--:|---|"
)


def kept() -> dict[str, Any]:
    """The figures of each measurement."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def keep(name: str, figures: dict[str, Any]) -> None:
    """Keep the runs of one measurement in place of earlier ones."""
    RESULTS.write_text(json.dumps({**kept(), name: figures}, indent=1) + "\n")


def write() -> None:
    """Put the table into the page."""
    pages.put(shown(kept()), pages.readme(__file__), "limit")


def shown(found: dict[str, Any]) -> str:
    """The table in Markdown, with what it was measured on."""
    lines = [HEAD]
    for name, rows in MEASUREMENTS.items():
        if name in found:
            lines += [_line(row, found[name]["runs"]) for row in rows]
    places = {
        f"{each['machine']}, {each['commit']}, runs: {len(each['runs'])}" for each in found.values()
    }
    loaded = max((run["others"] for each in found.values() for run in each["runs"]), default=0)
    lines += ["", f"{'; '.join(sorted(places))}. Other processes took at most {loaded:.0%}."]
    return "\n".join(lines)


def _line(row: Row, runs: list[dict[str, Any]]) -> str:
    pairs = [run["pairs"][row.name] for run in runs]
    values = [row.value(pair) for pair in pairs]
    sign = "≤" if row.better == "less" else "≥"
    times = " ×" if row.of == "ratio" else ""
    cells = [
        f"{row.name}, beside {row.beside}" if row.beside else row.name,
        row.unit,
        _spread([pair[0] for pair in pairs]),
        _spread([pair[1] for pair in pairs]) if row.beside else "",
        _spread([pair[0] / pair[1] for pair in pairs]) if row.beside else "",
        f"{row.had}{times}" if row.had else "",
        f"{sign} {_number(row.goal)}{times}",
        _verdict(row, values, max(max(run["others"], run["others_before"]) for run in runs)),
    ]
    return f"| {' | '.join(cells)} |"


def _verdict(row: Row, values: list[float], others: float) -> str:
    reached = "reached" if row.reached(statistics.median(values)) else "**not reached**"
    return reached if others <= LOADED else f"{reached}, loaded: others took {others:.0%}"


def _spread(values: list[float]) -> str:
    low, high = _number(min(values)), _number(max(values))
    middle = _number(statistics.median(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
