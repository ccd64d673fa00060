"""From what was found to the tables of docs/method.md."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.drivers.cases import Place
from benchmarks.drivers.greedy import SHORT, Found
from benchmarks.drivers.sampled import Sampled

PAGE = Path(__file__).parents[2] / "docs" / "method.md"
BEGIN, END = "<!-- drivers: begin -->", "<!-- drivers: end -->"


def write(found: Sequence[Found], sampled: Sequence[Sampled]) -> None:
    """The tables into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    tables = [counts(found), every_seed(found)] if found else []
    tables += [at_temperature(sampled)] if sampled else []
    text = "\n\n".join(tables)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def counts(found: Sequence[Found]) -> str:
    """How often the driver is first, by the exact values and by the studies."""
    rows = [
        "| | first of all words | first among content words | rank correlation with exact |",
        "|---|---|---|---|",
    ]
    signals = dict.fromkeys(one.signal for one in found)
    for signal in signals:
        budgets = sorted({one.budget for one in found if one.signal == signal})
        for budget in budgets:
            cases = [one for one in found if (one.signal, one.budget) == (signal, budget)]
            if budget == budgets[0]:
                rows.append(_count(f"{signal}, *exact*", [c.exact_place for c in cases], "1"))
            short = [case.correlation for case in cases if case.words <= SHORT]
            label = f"{signal}, at most {budget} calls"
            median = f"{statistics.median(short):.2f}"
            rows.append(_count(label, [case.place for case in cases], median))
    return "\n".join(rows)


def every_seed(found: Sequence[Found]) -> str:
    """The driver's places, case by case and seed by seed."""
    columns = list(dict.fromkeys((one.signal, one.budget) for one in found))
    prompts = list(dict.fromkeys(one.prompt for one in found))
    heads = [f"{signal}, exact and {budget} calls" for signal, budget in columns]
    rows = ["| driver | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for prompt in prompts:
        cases = [one for one in found if one.prompt == prompt]
        cells = [
            f"**{_pair(case.exact_place)}** {' '.join(map(_pair, case.places))}" for case in cases
        ]
        rows.append(f"| *{cases[0].driver}* ({cases[0].words}) | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def at_temperature(sampled: Sequence[Sampled]) -> str:
    """Sampled beside temperature 0."""
    rows = [
        "| logged answer | same first word | noise floor | noise ceiling | Jaccard | variance |",
        "|---|---|---|---|---|---|",
    ]
    for one in sampled:
        ceilings = [value for value in one.ceiling if value is not None]
        rows.append(
            f"| {' '.join(one.answer.split())} | {one.same} of {len(one.first)} "
            f"| {statistics.mean(one.floor):.2f} | {statistics.mean(ceilings):.2f} "
            f"| {one.stability:.0f} | {one.consistency or 0:.4f} |"
        )
    studies = sum(len(one.first) for one in sampled)
    floors = statistics.mean(value for one in sampled for value in one.floor)
    ceilings = [value for one in sampled for value in one.ceiling if value is not None]
    rows.append(
        f"| all | {sum(one.same for one in sampled)} of {studies} | {floors:.2f} "
        f"| {statistics.mean(ceilings):.2f} "
        f"| {statistics.mean(one.stability for one in sampled):.2f} "
        f"| {statistics.mean(one.consistency or 0 for one in sampled):.4f} |"
    )
    return "\n".join(rows)


def _count(label: str, places: Sequence[Place], correlation: str) -> str:
    overall = sum(place.overall == 1 for place in places)
    content = sum(place.content == 1 for place in places)
    of = len(places)
    return f"| {label} | {overall} of {of} | {content} of {of} | {correlation} |"


def _pair(place: Place) -> str:
    return f"{place.overall:g}/{place.content:g}"
