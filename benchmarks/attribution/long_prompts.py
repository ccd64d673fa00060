"""A sentence drives the answer, among 100 or 400 words: found, and its words ranked, in 60 calls?

    python -m benchmarks.attribution.long_prompts            # both signals, seed 0
    python -m benchmarks.attribution.long_prompts --signal probability --shortest 300

The packaged model and the contexts of tests/data/cases. Keeps the rows
(`results/long_prompts.jsonl`; what is there is not asked again), and writes the table in
the README and the picture of the first explanation in docs/explaining.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks import pages
from benchmarks.attribution.cases import SPLITS, Case, load
from benchmarks.attribution.confirm import LONG
from benchmarks.attribution.peers.ours import study
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.attribution.stored_rows import Piece, Row, make_missing, read
from smile_trace.records import Explanation, SegmentAttribution, Signal
from smile_trace.render import to_svg

CALLS = 60
SIGNALS: tuple[Signal, ...] = ("probability", "text")
RESULTS = Path(__file__).parent / "results" / "long_prompts.jsonl"
PICTURE = pages.DOCS / "images" / "long-prompt.svg"


@dataclass(frozen=True)
class Found:
    """What one explanation shows of the driving sentence.

    `sentence`: the passage ranked first holds it, and is significant. `words`: its words have
    attributions of their own. `driver`: the place of the driving word among all words, from 1.
    """

    split: str
    case: int
    words_of_prompt: int
    signal: Signal
    seed: int
    calls: int
    status: str
    sentence: bool
    words: bool
    driver: int | None
    summary: str


@dataclass(frozen=True)
class Context:
    """A long case, and where it stands."""

    split: str
    number: int
    case: Case


def judge(context: Context, explanation: Explanation, seed: int) -> Found:
    """What an explanation of a context shows."""
    case = context.case
    start = case.prompt.index(case.sentence)
    end = start + len(case.sentence)
    passages = [s for s in (*explanation.segments, *explanation.coarser) if s.parent is None]
    first = max(passages, key=lambda s: s.attribution)
    words = [s for s in explanation.ranked if s.unit == "word"]
    inside = [s for s in words if start <= s.start < end]
    driving = [s for s in inside if s.text in case.drivers]
    return Found(
        split=context.split,
        case=context.number,
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


def run(signals: Sequence[Signal], seeds: int, shortest: int, scores: Scores) -> Iterator[Piece]:
    """Every context of at least `shortest` words, the long ones first."""
    contexts = [
        Context(split, number, case)
        for split in SPLITS
        for number, case in enumerate(load(split))
        if case.kind == "context" and len(case.words) >= shortest
    ]
    contexts.sort(key=lambda context: len(context.case.words) < LONG)
    for seed, signal, context in product(range(seeds), signals, contexts):
        key = {"split": context.split, "case": context.number, "signal": signal, "seed": seed}
        shown = (seed, signal, context) == (0, "probability", contexts[0])
        yield Piece(key, partial(_rows, context, signal, seed, scores, shown))


def _rows(context: Context, signal: Signal, seed: int, scores: Scores, shown: bool) -> list[Row]:
    explanation = study(Question(context.case, signal, scores), CALLS, seed)
    if shown:
        PICTURE.write_text(to_svg(explanation), encoding="utf-8")
    return [asdict(judge(context, explanation, seed))]


def table(rows: Sequence[Row]) -> str:
    """In Markdown: how often, by length and signal."""
    lines = [
        "| words | signal | sentence first | its words ranked | driver first | calls at most |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for signal, long in product(SIGNALS, (True, False)):
        some = [r for r in rows if r["signal"] == signal]
        some = [r for r in some if (r["words_of_prompt"] >= LONG) == long]
        if some:
            sizes = [r["words_of_prompt"] for r in some]
            lines.append(
                f"| {min(sizes)} to {max(sizes)} | {signal} "
                f"| {sum(r['sentence'] for r in some)} of {len(some)} "
                f"| {sum(r['words'] for r in some)} of {len(some)} "
                f"| {sum(r['driver'] == 1 for r in some)} of {len(some)} "
                f"| {max(r['calls'] for r in some)} |"
            )
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--signal", choices=SIGNALS, action="append")
    parser.add_argument("--shortest", type=int, default=0)
    asked = parser.parse_args()
    with closing(Scores()) as scores:
        make_missing(run(asked.signal or SIGNALS, asked.seeds, asked.shortest, scores), RESULTS)
    pages.put(table(read(RESULTS)), pages.readme(__file__), "long prompts")


if __name__ == "__main__":
    main()
