"""The command.

    python -m benchmarks.natural                    # the README's tables, from stored rows
    python -m benchmarks.natural run held_out       # the methods on one half
    python -m benchmarks.natural truth held_out     # find the drivers

Rows that are stored are not made again; delete lines to repeat them. Responses that are stored
are not asked for again; others need the environment of `make bench-attribution`.

Forty prompts of 5 to 370 words with the packaged model's own answers of up to 200 tokens.
`results/truth.jsonl` has the drivers, found before any method ran; `results/rows.jsonl` where
each method has them.
"""

import signal as signals
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import pages
from benchmarks.attribution.measures import ranks
from benchmarks.attribution.stored_rows import Piece, Row, make_missing, read
from benchmarks.natural import report
from benchmarks.natural.cases import Case, load
from benchmarks.natural.explainers import EXPLAINERS
from benchmarks.natural.responses import Model, Responses
from benchmarks.natural.truth import driver
from smile_trace.records import Signal

RESULTS = Path(__file__).parent / "results"
TRUTH, ROWS = RESULTS / "truth.jsonl", RESULTS / "rows.jsonl"
SEEDS = (0,)
SIGNALS: tuple[Signal, ...] = ("probability", "text")


def open_model() -> Model:
    """The packaged model, in PyTorch."""
    from benchmarks.natural.torch_model import TorchModel

    return TorchModel()


def find_drivers(half: str, responses: Responses) -> Iterator[Piece]:
    """Per prompt its driver."""

    def find(case: Case, signal: Signal) -> list[Row]:
        found = driver(case, responses, signal)
        if found is None:
            return []
        word = case.words[found.place].text
        key = {"half": half, "case": case.number, "signal": signal}
        return [{**key, "word": word, **asdict(found)}]

    for case in shortest_first(half):
        for signal in SIGNALS:
            yield Piece({"case": case.number, "signal": signal}, partial(find, case, signal))


def shortest_first(half: str) -> list[Case]:
    """The prompts of a half, by what they cost to ask."""
    of_half = [case for case in load() if case.half == half]
    return sorted(of_half, key=lambda case: len(case.words) * case.tokens)


def run(half: str, responses: Responses) -> Iterator[Piece]:
    """Every method on every prompt."""
    truth = {(row["case"], row["signal"]): row for row in read(TRUTH)}

    def one(case: Case, name: str, seed: int) -> list[Row]:
        signal, calls, explain = EXPLAINERS[name]
        scores = explain(case, responses, calls, seed)
        known = truth[case.number, signal]
        place, costs = known["place"], known.get("costs")
        of_content = ranks(scores, case.content)[place]
        named = max(case.content, key=lambda k: scores[k])
        return [
            {
                "half": half,
                "case": case.number,
                "explainer": name,
                "seed": seed,
                "content_1": float(of_content <= 1),
                "content_3": float(of_content <= 3),
                "hit_1": float(ranks(scores, range(len(scores)))[place] <= 1),
                "named": None if costs is None else max(costs[named] / known["cost"], 0.0),
            }
        ]

    for case in shortest_first(half):
        for name, (signal, _, _) in EXPLAINERS.items():
            for seed in SEEDS:
                if (case.number, signal) in truth:
                    key = {"case": case.number, "explainer": name, "seed": seed}
                    yield Piece(key, partial(one, case, name, seed))


def main(arguments: list[str], responses: Responses) -> None:
    """The command."""
    what, *halves = arguments or ("report",)
    with threadpool_limits(limits=1):
        for half in halves:
            try:
                if what == "truth":
                    make_missing(find_drivers(half, responses), TRUTH)
                else:
                    make_missing(run(half, responses), ROWS)
            finally:  # interrupted, too: what was asked is not asked again
                responses.save()
    pages.put(report.tables(read(ROWS), read(TRUTH)), pages.readme(__file__), "natural")


if __name__ == "__main__":
    # As an interrupt from the keyboard: what was asked is stored.
    signals.signal(signals.SIGTERM, lambda *_: sys.exit(1))
    main(sys.argv[1:], Responses(open_model))
