"""How often a judge counts, and what it then lets into the gate: `python -m benchmarks.judges`.

Simulated reviews: three people who slip in one of ten replies, and a judge that is wrong as often
as is said, on a hundred variants; then eighty of a probe that is right in .95 of them and eighty of
one that is right in .3, which the judge alone has judged. WORLDS (60) of each.
"""

import os

from smile_trace.probes.confirmation import confirmation
from tests.support.experts import judge

WORLDS = int(os.environ.get("WORLDS", "60"))
TRUE = {"format": 0.95, "swap": 0.3}
"""The share of a probe's variants that are failures."""


def main() -> None:
    """Print a line for each judge."""
    for wrong in (0.05, 0.1, 0.2, 0.3, 0.5):
        counted = gates = useless = outside = 0
        for seed in range(WORLDS):
            found, items, people = judge(seed, wrong)
            if not found.agreement.counts:
                continue
            counted += 1
            by_probe = {name: confirmation(name, items, people, found) for name in TRUE}
            gates += by_probe["format"].counts
            useless += by_probe["swap"].counts
            outside += sum(
                not one.ci_low <= TRUE[name] <= one.ci_high for name, one in by_probe.items()
            )
        print(
            f"{wrong:.0%} wrong: counts in {counted} of {WORLDS}; the good probe gates in {gates}, "
            f"the useless one in {useless}; {outside} of {2 * counted} precisions outside"
        )


if __name__ == "__main__":
    main()
