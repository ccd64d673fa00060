"""The command.

    python -m benchmarks.attribution            # ask, measure, write the tables and the plot
    python -m benchmarks.attribution tuning     # one half (held_out, tuning)
    python -m benchmarks.attribution report     # the tables and the plot again, from stored rows

Rows that are stored (`results/*.jsonl`) are not made again: delete lines, or a file, to repeat
them. The model's answers are cached, by exact text (`.bench-cache`). QUICK=1 takes a
tenth and prints its rows instead of writing anything.
"""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from benchmarks.attribution import report, side_by_side
from benchmarks.attribution.cases import SPLITS
from benchmarks.attribution.peers.registry import EXPLAINERS
from benchmarks.attribution.scores import Scores
from benchmarks.attribution.stored_rows import Piece, line, make_missing, read

Pieces = Callable[[Scores], Iterable[Piece]]

RESULTS = Path(__file__).parent / "results"


def short(split: str) -> Pieces:
    """The prompts whose every word can be a player, by both signals."""
    return lambda scores: (
        piece
        for signal, calls in side_by_side.CALLS.items()
        for piece in side_by_side.run(EXPLAINERS, split, signal, calls, scores)
    )


PARTS: dict[str, Pieces] = {split: short(split) for split in reversed(SPLITS)}


def quick(scores: Scores) -> Iterable[Piece]:
    """A tenth: the shortest prompts, by one signal and one seed."""
    for split in SPLITS:
        yield from side_by_side.run(
            EXPLAINERS, split, "probability", 32, scores, seeds=(0,), lengths=range(6)
        )


def main() -> None:
    """The command."""
    if os.environ.get("QUICK") == "1":
        with closing(Scores()) as scores:
            for piece in quick(scores):
                print(*map(line, piece.make()), sep="\n", flush=True)
        return
    wanted = sys.argv[1:] or PARTS
    with closing(Scores()) as scores:
        for name, pieces in PARTS.items():
            if name in wanted:
                make_missing(pieces(scores), RESULTS / f"{name}.jsonl")
    report.write([row for name in PARTS for row in read(RESULTS / f"{name}.jsonl")])


if __name__ == "__main__":
    main()
