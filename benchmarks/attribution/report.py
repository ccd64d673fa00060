"""From the stored rows to the tables and the plot in the README."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.attribution.cases import SPLITS
from benchmarks.attribution.paired import difference
from benchmarks.attribution.side_by_side import CALLS
from benchmarks.attribution.stored_rows import Row
from smile_trace.records import Signal

OURS = "smile-trace"
PICTURE = "attribution-model.svg"
SPLIT_NAMES = {"held_out": "the held-out half", "tuning": "the tuning half"}

Measure = tuple[str, str, bool]
"""Name of a column, the field of a row, whether more is better."""

MEASURES: tuple[Measure, ...] = (
    ("first", "hit_1", True),
    ("first content word", "content_1", True),
    ("among first three", "hit_3", True),
    ("correlation, ours", "correlation", True),
    ("correlation, own", "own_correlation", True),
    ("LDS", "lds", True),
    ("LDS .5", "lds_half", True),
    ("deletion", "deletion", False),
)


def write(rows: Sequence[Row]) -> None:
    """Tables into the page, the plot beside it; print the differences to every peer."""
    from benchmarks.attribution import plot

    plot.draw(summaries(rows), Path(__file__).with_name(PICTURE))
    pages.put("\n\n".join(_model(rows)), pages.readme(__file__), "attribution")
    for signal in CALLS:
        held_out = [r for r in rows if (r["split"], r["signal"]) == ("held_out", signal)]
        print(f"{signal}\n{_differences(held_out)}")


def summaries(rows: Iterable[Row]) -> list[Row]:
    """One row per half, signal, calls and explainer: means over seeds, then over cases."""
    groups: dict[tuple[str, str, int, str], list[Row]] = defaultdict(list)
    for row in rows:
        key = (row["split"], row["signal"], row["calls_allowed"], row["explainer"])
        groups[key].append({**row, **(row["hits"] or {})})
    return [
        {
            "split": split,
            "signal": signal,
            "calls_allowed": calls,
            "explainer": explainer,
            "version": group[0]["version"],
            "cases": len({row["case"] for row in group}),
            "driven": len({row["case"] for row in group if row["hits"]}),
            "calls": _over_cases(group, "calls", statistics.mean),
            "seconds": _over_cases(group, "seconds", statistics.mean),
            **{field: _over_cases(group, field, _summary(field)) for _, field, _ in MEASURES},
        }
        for (split, signal, calls, explainer), group in groups.items()
    ]


def _summary(field: str) -> Callable[[list[float]], float]:
    if field in ("hit_1", "content_1", "hit_3"):
        return sum
    return statistics.median if "correlation" in field else statistics.mean


def _over_cases(
    rows: Iterable[Row], field: str, summary: Callable[[list[float]], float]
) -> float | None:
    of_case: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.get(field) is not None:
            of_case[row["case"]].append(float(row[field]))
    return summary([statistics.mean(values) for values in of_case.values()]) if of_case else None


def _model(rows: Sequence[Row]) -> list[str]:
    """Side by side on the real model: a table per half and signal, and the exact values'."""
    parts = [f"![The real model]({PICTURE})"]
    for split in reversed(SPLITS):
        of_half = [row for row in rows if row["split"] == split]
        for signal in CALLS:
            parts += _half([r for r in of_half if r["signal"] == signal], split, signal)
        parts += _exact(of_half, split)
    return parts


def _half(rows: Sequence[Row], split: str, signal: Signal) -> list[str]:
    found = [row for row in summaries(rows) if row["calls_allowed"]]
    if not found:
        return []
    known = len({row["case"] for row in rows if not row["calls_allowed"]})
    return [
        f"**{SPLIT_NAMES[split].capitalize()}, {signal}, at {CALLS[signal]} calls** "
        f"({found[0]['cases']} prompts, {found[0]['driven']} with a driver, "
        f"{known} with exact values)",
        _side_by_side(found),
        _beyond_luck(rows),
    ]


def _side_by_side(rows: Sequence[Row]) -> str:
    header = ["", "calls", *(name for name, _, _ in MEASURES), "CPU s"]
    lines = []
    for row in rows:
        name = f"{row['explainer']} {row['version']}" if row["explainer"] != OURS else f"**{OURS}**"
        if row["explainer"] == "leave-one-out":
            name = row["explainer"]
        values = [_number(row[field], field) for _, field, _ in MEASURES]
        lines.append([name, f"{row['calls']:.0f}", *values, f"{row['seconds']:.2f}"])
    return _table(header, lines)


def _compared() -> list[Measure]:
    """The columns in which two methods can be compared: not by each one's own truth."""
    return [measure for measure in MEASURES if measure[1] != "own_correlation"]


def _peers(rows: Iterable[Row]) -> list[str]:
    return list(
        dict.fromkeys(
            row["explainer"] for row in rows if row["calls_allowed"] and row["explainer"] != OURS
        )
    )


def _differences(rows: Sequence[Row]) -> str:
    """Per peer and column the paired difference."""
    lines = []
    for peer in _peers(rows):
        found = [difference(rows, field, OURS, peer) for _, field, _ in _compared()]
        lines.append([peer, *("–" if one is None else str(one) for one in found)])
    return _table(["smile-trace less", *(name for name, _, _ in _compared())], lines)


def _beyond_luck(rows: Sequence[Row]) -> str:
    """Where the interval of the difference does not hold zero: behind whom, ahead of how many."""
    peers = _peers(rows)
    behind, ahead = [], []
    for name, field, more in _compared():
        sides: dict[bool, list[str]] = {False: [], True: []}
        for peer in peers:
            found = difference(rows, field, OURS, peer)
            if found is not None and not found.low <= 0 <= found.high:
                sides[(found.mean > 0) == more].append(f"{peer} {found}")
        behind += [f"{name} ({', '.join(sides[False])})"] if sides[False] else []
        ahead += [f"{name} ({len(sides[True])} of {len(peers)} peers)"] if sides[True] else []
    said = "behind in " + "; ".join(behind) if behind else "behind nobody in any column"
    return (
        f"Case by case, by more than luck (the mean difference and its 95 % interval, cases drawn "
        f"again), smile-trace is {said}. Ahead: {'; '.join(ahead) or 'none'}."
    )


def _exact(rows: Sequence[Row], split: str) -> list[str]:
    """The hits of the exact values on the prompts short enough for all masks."""
    lines = []
    shown = _compared()
    for signal in CALLS:
        own = [row for row in rows if row["signal"] == signal]
        known = {row["case"] for row in own if row["calls_allowed"] == 0 and row["hits"]}
        for row in summaries(
            row
            for row in own
            if row["case"] in known and (row["calls_allowed"] == 0 or row["explainer"] == OURS)
        ):
            name = row["explainer"].replace("_", " ")
            if row["calls_allowed"]:
                name = f"**{name}**, {row['calls_allowed']} calls"
            values = [_number(row[field], field) for _, field, _ in shown]
            lines.append([signal, name, str(len(known)), *values])
    if not lines:
        return []
    header = ["", "", "cases", *(name for name, _, _ in shown)]
    return [
        f"What the *exact* values themselves reach, on those of {SPLIT_NAMES[split]} that are "
        "short enough for all masks: no estimator of them does better but by luck.",
        _table(header, lines),
    ]


def _number(value: float | None, field: str) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if field in ("hit_1", "content_1", "hit_3") else f"{value:.2f}"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
