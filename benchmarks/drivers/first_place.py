"""How often the known driver is first: `python -m benchmarks.drivers.first_place [SEEDS]`.

The fifteen driver cases and those of both halves of tests/data/cases whose words can be players:
in text mode at 40 calls by each distance, and by the probability at 32. The packaged model is
greedy and its answers are kept, so that all distances see the same responses. Prints a row a study
and, after each seed, the table of all until then.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from statistics import mean

from benchmarks.attribution import cases as halves
from benchmarks.attribution.cases import Case
from benchmarks.attribution.measures import hits
from benchmarks.attribution.peers import ours
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.drivers import cases
from smile_trace.records import Signal

STUDIES: tuple[tuple[Signal, int, str | None], ...] = (
    ("text", 40, "content"),
    ("text", 40, "words"),
    ("probability", 32, None),
)
MEASURES = ("content_1", "hit_1", "hit_3")
Found = Mapping[tuple[str, str], Sequence[dict[str, float]]]


def main() -> None:
    """Explain every case with each seed."""
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    with closing(Scores()) as scores:
        for seed in range(int(sys.argv[1]) if sys.argv[1:] else 1):
            for name, some in sets().items():
                for case in some:
                    for signal, calls, distance in STUDIES:
                        started = time.process_time()
                        values = ours.explain(Question(case, signal, scores), calls, seed, distance)
                        hit = hits(case, case.words, values)
                        assert hit is not None
                        found[name, f"{distance or signal} {calls}"].append(hit)
                        row = {"set": name, "seed": seed, "drivers": case.drivers, **hit}
                        row |= {"by": distance or signal, "s": time.process_time() - started}
                        print(json.dumps(row, ensure_ascii=False), flush=True)
            print(table(found), flush=True)


def sets() -> dict[str, list[Case]]:
    """The cases by where they are from; those without a driver and the contexts left out."""
    found = {"drivers": cases.load()}
    for half in halves.SPLITS:
        some = halves.load(half)
        found[half] = [case for case in some if case.drivers and case.kind != "context"]
    return found


def table(found: Found) -> str:
    """First content word, first of all and among three: the mean over the seeds, of all cases."""
    rows = [f"| | {' | '.join(MEASURES)} | studies |", "|---" * (len(MEASURES) + 2) + "|"]
    for (name, by), hit in found.items():
        shares = [f"{mean(one[measure] for one in hit):.2f}" for measure in MEASURES]
        rows.append(f"| {name}, {by} | {' | '.join(shares)} | {len(hit)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
