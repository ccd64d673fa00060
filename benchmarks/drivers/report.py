"""From what was found to the tables of the README."""

import statistics
from collections.abc import Iterable, Sequence

from benchmarks import pages
from benchmarks.drivers.cases import Place
from benchmarks.drivers.greedy import SHORT, Found
from benchmarks.drivers.sampled import Sampled


def write(found: Sequence[Found], sampled: Sequence[Sampled]) -> None:
    """The tables into the page, the shortest prompts first."""
    found = sorted(found, key=lambda one: one.words)
    tables = [counts(found), every_driver(found)] if found else []
    tables += [at_temperature(sampled)] if sampled else []
    pages.put("\n\n".join(tables), pages.readme(__file__), "drivers")


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


def every_driver(found: Sequence[Found]) -> str:
    """The exact place, and in how many seeds it is first: of all words / of content words."""
    columns = list(dict.fromkeys((one.signal, one.budget) for one in found))
    prompts = list(dict.fromkeys(one.prompt for one in found))
    heads = [f"{signal}, exact and {budget} calls" for signal, budget in columns]
    rows = ["| driver | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for prompt in prompts:
        cases = [one for one in found if one.prompt == prompt]
        cells = [
            f"{_pair(case.exact_place)}; {_firsts(case.places)} of {len(case.places)}"
            for case in cases
        ]
        rows.append(f"| *{cases[0].driver}* ({cases[0].words}) | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def at_temperature(sampled: Sequence[Sampled]) -> str:
    """Sampled beside temperature 0."""
    rows = [
        "| sampled studies with the same first word | reliable | noise floor | noise ceiling "
        "| Jaccard | variance |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*rows, _sampled(sampled)])


def _sampled(some: Sequence[Sampled]) -> str:
    same, studies = sum(one.same for one in some), sum(len(one.first) for one in some)
    reliable = sum(status == "reliable" for one in some for status in one.status)
    numbers = [
        _mean((value for one in some for value in one.floor), 2),
        _mean((value for one in some for value in one.ceiling), 2),
        _mean((one.stability for one in some), 2),
        _mean((one.consistency for one in some), 4),
    ]
    counts = [f"{count} of {studies}" for count in (same, reliable)]
    return "| " + " | ".join([*counts, *numbers]) + " |"


def _mean(values: Iterable[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.mean(known):.{digits}f}" if known else "–"


def _count(label: str, places: Sequence[Place], correlation: str) -> str:
    overall = sum(place.overall == 1 for place in places)
    content = sum(place.content == 1 for place in places)
    of = len(places)
    return f"| {label} | {overall} of {of} | {content} of {of} | {correlation} |"


def _firsts(places: Sequence[Place]) -> str:
    return f"{sum(p.overall == 1 for p in places)}/{sum(p.content == 1 for p in places)}"


def _pair(place: Place) -> str:
    return f"{place.overall:g}/{place.content:g}"
