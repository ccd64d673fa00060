"""`python -m benchmarks.probes`: error rates, power, coverage and calls of profiles of planted
models. MODELS=300 of each; `--write` puts the table into the README."""

import os
import statistics
import sys
from collections.abc import Sequence

from benchmarks import pages
from benchmarks.probes.planted import NAMES, Planted, profile_of
from smile_trace.records.profile import Profile

RATE = 0.5
BUDGETS = (48, 40)
NOISES = (0.0, 0.05, 0.1)


def main() -> None:
    """Measure, print and write."""
    models = int(os.environ.get("MODELS", "300"))
    rows = [
        "| planted | noise | budget | some probe reported | the planted one | another one "
        "| its size inside its interval | calls |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for budget in BUDGETS:
        for noise in NOISES:
            rows.append(_row(models, "nothing", Planted({}, noise), None, budget))
            print(rows[-1], flush=True)
        for name in NAMES:
            rows.append(_row(models, name, Planted({name: RATE}), name, budget))
            print(rows[-1], flush=True)
        both = Planted({"swap": RATE, "paraphrase": RATE})
        rows.append(_row(models, "swap, as much as paraphrase", both, "swap", budget))
        print(rows[-1], flush=True)
    noisy = Planted({"order": RATE}, 0.05)
    for budget in (*BUDGETS, 80):
        rows.append(_row(models, "order", noisy, "order", budget))
        print(rows[-1], flush=True)
    if "--write" in sys.argv:
        pages.put("\n".join(rows), pages.readme(__file__), "probes")


def _row(models: int, title: str, planted: Planted, name: str | None, budget: int) -> str:
    profiles = [profile_of(planted, seed, budget=budget) for seed in range(models)]
    some = _share([bool(profile.found) for profile in profiles])
    calls = statistics.mean(profile.cost.target_calls for profile in profiles)
    if name is None:
        own = other = inside = ""
    else:
        rate = planted.rates[name]
        own = _share([profile.results[name].status == "found" for profile in profiles])
        other = _share([_others(profile, planted) for profile in profiles])
        inside = _share([_inside(profile, name, rate) for profile in profiles])
    cells = title, planted.noise, budget, some, own, other, inside, f"{calls:.1f}"
    return f"| {' | '.join(map(str, cells))} |"


def _others(profile: Profile, planted: Planted) -> bool:
    return any(result.name not in planted.rates for result in profile.found)


def _inside(profile: Profile, name: str, rate: float) -> bool:
    return profile.results[name].ci_low <= rate <= profile.results[name].ci_high


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values) / len(values):.2f}"


if __name__ == "__main__":
    main()
