"""A sentence drives the answer, among 100 or 400 words: found, and its words ranked, in 60 calls?

    python -m benchmarks.attribution.long_prompts            # both signals, seed 0
    python -m benchmarks.attribution.long_prompts --signal probability --shortest 300 --seeds 3

The packaged model and the contexts of tests/data/cases. Prints a table and keeps the rows and
the picture of the first explanation (docs/images/long-prompt.svg).
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from benchmarks.attribution.cases import SPLITS, Case, load
from benchmarks.attribution.confirm import LONG
from benchmarks.attribution.peers.ours import study
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from smile_trace.records import Explanation, SegmentAttribution, Signal
from smile_trace.render import to_svg

CALLS = 60
SIGNALS: tuple[Signal, ...] = ("probability", "text")
RESULTS = Path(__file__).parent / "results" / "long_prompts.jsonl"
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "long-prompt.svg"


@dataclass(frozen=True)
class Found:
    """What one explanation shows of the driving sentence.

    `sentence`: the passage ranked first holds it, and is significant. `words`: its words have
    attributions of their own. `driver`: the place of the driving word among all words, from 1.
    """

    words_of_prompt: int
    signal: Signal
    seed: int
    calls: int
    status: str
    sentence: bool
    words: bool
    driver: int | None
    summary: str


def judge(case: Case, explanation: Explanation, seed: int) -> Found:
    """What an explanation of a context shows."""
    start = case.prompt.index(case.sentence)
    end = start + len(case.sentence)
    passages = [s for s in (*explanation.segments, *explanation.coarser) if s.parent is None]
    first = max(passages, key=lambda s: s.attribution)
    words = [s for s in explanation.ranked if s.unit == "word"]
    inside = [s for s in words if start <= s.start < end]
    driving = [s for s in inside if s.text in case.drivers]
    return Found(
        words_of_prompt=len(case.words),
        signal=explanation.signal,
        seed=seed,
        calls=len({o.text_hash for o in explanation.perturbations}),
        status=explanation.fidelity.status,
        sentence=first.significant and _overlaps(first, start, end),
        words=len(inside) == len(case.sentence.split()),
        driver=words.index(driving[0]) + 1 if driving else None,
        summary=explanation.summary,
    )


def _overlaps(segment: SegmentAttribution, start: int, end: int) -> bool:
    return segment.start < end and start < segment.end


def run(signals: Sequence[Signal], seeds: int, shortest: int, scores: Scores) -> Iterator[Found]:
    """Every context of at least `shortest` words, the long ones first."""
    cases = [case for split in SPLITS for case in load(split) if case.kind == "context"]
    cases = [case for case in cases if len(case.words) >= shortest]
    cases.sort(key=lambda case: len(case.words) < LONG)
    for seed, signal, case in product(range(seeds), signals, cases):
        explanation = study(Question(case, signal, scores), CALLS, seed)
        if (seed, signal, case) == (0, "probability", cases[0]):
            PICTURE.write_text(to_svg(explanation), encoding="utf-8")
        yield judge(case, explanation, seed)


def table(rows: Sequence[Found]) -> str:
    """In Markdown: how often, by length and signal."""
    lines = [
        "| words | signal | sentence first | its words ranked | driver first | calls at most |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for signal, long in product(SIGNALS, (True, False)):
        some = [r for r in rows if r.signal == signal and (r.words_of_prompt >= LONG) == long]
        if some:
            sizes = [r.words_of_prompt for r in some]
            lines.append(
                f"| {min(sizes)} to {max(sizes)} | {signal} "
                f"| {sum(r.sentence for r in some)} of {len(some)} "
                f"| {sum(r.words for r in some)} of {len(some)} "
                f"| {sum(r.driver == 1 for r in some)} of {len(some)} "
                f"| {max(r.calls for r in some)} |"
            )
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--signal", choices=SIGNALS, action="append")
    parser.add_argument("--shortest", type=int, default=0)
    asked = parser.parse_args()
    scores = Scores()
    rows = []
    for row in run(asked.signal or SIGNALS, asked.seeds, asked.shortest, scores):
        print(row, flush=True)
        rows.append(row)
    scores.close()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
